import type { Log } from '@pulseseal/log';
import type { TwinJournal } from '../ports.ts';

/** Records of one append, so that a long backlog never asks for more than the log takes at once. */
const recordsPerAppend = 256;

/** Keeps the twins' events in a log of `libs/log`, which must be opened with a seal: they hold vital signs. */
export function createLogJournal(log: Log): TwinJournal {
  return {
    async append(records) {
      if (log.failed !== undefined) await log.recover();
      for (let at = 0; at < records.length; at += recordsPerAppend) {
        await log.appendMany(records.slice(at, at + recordsPerAppend));
      }
    },
    async replay(handler) {
      let position = log.startPosition;
      let damaged = 0;
      while (position < log.endPosition) {
        const read = await log.readFrom(position);
        damaged += read.damaged.filter((place) => place.reason !== 'segment-header-copy').length;
        for (const record of read.records) handler(record.data);
        if (read.next <= position) break;
        position = read.next;
      }
      return { damaged };
    },
    close: () => log.close(),
  };
}

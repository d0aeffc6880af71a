import type { Cursor, Log } from '@pulseseal/log';
import type { TwinJournal } from '../ports.ts';

/**
 * Keeps the twins' events in a log of `libs/log`, which must be opened with a seal: they hold vital signs. `checkpoint`
 * remembers where a replay starts; give the log's retention `keepFrom: () => checkpoint.position`.
 */
export function createLogJournal(log: Log, checkpoint: Cursor): TwinJournal {
  let begun = log.endPosition;
  return {
    async append(records) {
      if (log.failed !== undefined) await log.recover();
      await log.appendMany(records);
    },
    async replay(handler) {
      let position = Math.max(log.startPosition, Math.min(checkpoint.position, log.endPosition));
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
    async checkpoint(phase) {
      if (phase === 'begin') begun = log.endPosition;
      else await checkpoint.save(begun);
    },
    async close() {
      await log.close();
      await checkpoint.close();
    },
  };
}

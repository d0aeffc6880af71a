import type { TwinJournal } from '../ports.ts';

/** Keeps records for as long as the process lives: simulations and tests. */
export function createMemoryJournal(records: Uint8Array[] = []): TwinJournal {
  let begun = 0;
  return {
    async append(more) {
      for (const record of more) records.push(record);
    },
    async replay(handler) {
      for (const record of records) handler(record);
      return { damaged: 0 };
    },
    async checkpoint(phase) {
      if (phase === 'begin') begun = records.length;
      else records.splice(0, begun);
    },
    async close() {},
  };
}

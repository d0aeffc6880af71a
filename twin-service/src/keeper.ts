import type { Logger } from '@pulseseal/runtime';
import { twinFailure } from './failures.ts';
import type { JournalRecord } from './journal-record.ts';
import { encodeRecord } from './journal-record.ts';
import type { TwinJournal } from './ports.ts';
import { maxUnsynced } from './settings.ts';

/** Brings records to the journal in order, many in one sync. What failed is kept and tried again first. */
export interface Keeper {
  /** Throws `journal-behind` when too much waits. */
  add(record: JournalRecord): void;
  /** Resolves when all that was added is synced. Rejects when the journal refuses; the records are kept. */
  flush(): Promise<void>;
  readonly isFailing: boolean;
}

export function createKeeper(journal: TwinJournal, logger: Logger): Keeper {
  let waiting: Uint8Array[] = [];
  let running: Promise<void> | undefined;
  let isFailing = false;
  const run = async () => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await journal.append(batch);
        isFailing = false;
      } catch (error) {
        waiting = [...batch, ...waiting];
        if (!isFailing) logger.error({ waiting: waiting.length }, 'the twin journal refuses records');
        isFailing = true;
        throw error;
      }
    }
  };
  return {
    add(record) {
      if (waiting.length >= maxUnsynced) throw twinFailure('journal-behind');
      waiting.push(encodeRecord(record));
    },
    async flush() {
      // A run that is under way may have taken its batch before our record came: wait for it, then look again.
      while (waiting.length > 0 || running !== undefined) {
        running ??= run().finally(() => {
          running = undefined;
        });
        await running;
      }
    },
    get isFailing() {
      return isFailing;
    },
  };
}

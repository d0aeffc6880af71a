import type { Logger } from '@pulseseal/runtime';
import { twinFailure } from './failures.ts';
import type { JournalRecord } from './journal-record.ts';
import { encodeRecord } from './journal-record.ts';
import type { CheckpointPhase, TwinJournal } from './ports.ts';
import { maxUnsynced } from './settings.ts';

/** Brings records to the journal in order, many in one sync. What failed is kept and tried again first. */
export interface Keeper {
  /** Throws `journal-behind` when too much waits. */
  add(record: JournalRecord): void;
  /** A place in the order of records: each twin stands whole somewhere between the two phases of a checkpoint. */
  addPhase(phase: CheckpointPhase): void;
  /** Records since the last checkpoint. */
  readonly sinceCheckpoint: number;
  /** Resolves when all that was added is synced. Rejects when the journal refuses; the records are kept. */
  flush(): Promise<void>;
  readonly isFailing: boolean;
}

/** Records of one append: what is synced is told soon, and little is written again after a failure. */
const recordsPerAppend = 256;

/** `nextNumber`: of the first record to come. */
export function createKeeper(journal: TwinJournal, logger: Logger, nextNumber: number): Keeper {
  let number = nextNumber;
  let waiting: (Uint8Array | CheckpointPhase)[] = [];
  let sinceCheckpoint = 0;
  let running: Promise<void> | undefined;
  let isFailing = false;
  /** Brings the longest run of records, or one phase of a checkpoint, to the journal. */
  const bringNext = async () => {
    const first = waiting[0]!;
    if (typeof first === 'string') {
      await journal.checkpoint(first);
      waiting = waiting.slice(1);
      return;
    }
    const end = waiting.findIndex((item) => typeof item === 'string');
    const count = Math.min(end < 0 ? waiting.length : end, recordsPerAppend);
    await journal.append(waiting.slice(0, count) as Uint8Array[]);
    waiting = waiting.slice(count);
  };
  const run = async () => {
    try {
      while (waiting.length > 0) await bringNext();
      isFailing = false;
    } catch (error) {
      if (!isFailing) logger.error({ waiting: waiting.length }, 'the twin journal refuses records');
      isFailing = true;
      throw error;
    }
  };
  return {
    add(record) {
      if (waiting.length >= maxUnsynced) throw twinFailure('journal-behind');
      waiting.push(encodeRecord(record, number++));
      sinceCheckpoint++;
    },
    addPhase(phase) {
      waiting.push(phase);
      if (phase === 'begin') sinceCheckpoint = 0;
    },
    get sinceCheckpoint() {
      return sinceCheckpoint;
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

import type { Damage, Log, Position } from '@pulseseal/log';
import { type Clock, Failure } from '@pulseseal/runtime';
import { gatewayFailure } from './failures.ts';
import { type JournalRecord, PREFIX_BYTES, parseRecord, putPrefix, type RecordKind } from './journal-record.ts';

/** What waits for the disk. `settled(true)`: synced; `settled(false)`: the disk failed and nothing of it counts. */
export interface Waiter {
  settled(isSynced: boolean): void;
}

export interface JournalPage {
  readonly records: readonly { readonly position: Position; readonly record: JournalRecord }[];
  readonly next: Position;
}

/**
 * The journal: take now, act after the sync. Waiters run in the order in which they were added, one pass per group
 * commit, without a promise per frame.
 */
export interface Journal {
  /** Takes the record. @throws Failure when the disk has failed or too much waits. */
  write(kind: RecordKind, flags: number, deviceNumber: number, arrivedMs: number, message: Uint8Array): Position;
  /** Runs once everything taken so far is synced, or the disk failed. */
  after(waiter: Waiter): void;
  /**
   * Writes, and once the record is synced runs `settle` with its position, in the order of the journal; resolves with
   * its answer. Rejects with `journal-failed`: nothing of it counts.
   */
  put<T>(
    kind: RecordKind,
    flags: number,
    deviceNumber: number,
    arrivedMs: number,
    message: Uint8Array,
    settle: (position: Position) => T,
  ): Promise<T>;
  /** Called after the waiters of each commit have run. */
  onPass(listener: () => void): void;
  read(position: Position): Promise<JournalRecord>;
  /** Some synced records from `from` on; `next` is where to go on. */
  page(from: Position): Promise<JournalPage>;
  readonly endPosition: Position;
  /** Called when the disk failed, after the waiters; and when it takes records again. */
  onFailure(listener: (code: string) => void): void;
  /** Rejects while what stands beside the journal cannot be read back: tried again after a while. */
  onRecovery(listener: () => Promise<void>): void;
  /** What stands beside the journal failed (the index): as if the disk had, and mended in the same way. */
  interrupt(error: unknown): void;
  /** Records that do not match their checksum, met while reading on. */
  onDamage(listener: (damaged: readonly Damage[]) => void): void;
  /** The disk takes nothing at present: memory may be ahead of it. */
  readonly isFailed: boolean;
  /** Bytes handed to the log. */
  readonly writtenBytes: number;
  stop(): void;
}

const RECOVER_PERIOD_MS = 1_000;

/** @param synced is told how long each turn's records waited for the disk. */
export function createJournal(log: Log, wall: Clock, synced: (tookMs: number) => void = () => {}): Journal {
  const failure = () => gatewayFailure('journal-failed', log.failed?.code ?? '');
  let passed: () => void = () => {};
  let scratch = new Uint8Array(64 * 1024);
  let positions: Position[] = [];
  let waiters: Waiter[] = [];
  let head = 0;
  let last: Position = -1;
  let isWatched = false;
  let isRecovering = false;
  let isStopped = false;
  let writtenBytes = 0;
  let failed: (code: string) => void = () => {};
  let damage: (damaged: readonly Damage[]) => void = () => {};
  let recovered: () => Promise<void> = async () => {};
  let cancelRetry = () => {};

  const release = (end: Position) => {
    const from = head;
    try {
      while (head < waiters.length && positions[head]! < end) waiters[head++]!.settled(true);
    } catch (error) {
      // It is on disk and not in the index: nobody was told so, and the index is made again from the journal.
      fail(error);
      return;
    }
    const hasRun = head > from;
    if (head === waiters.length) {
      positions = [];
      waiters = [];
      head = 0;
    } else if (head > 4096) {
      positions = positions.slice(head);
      waiters = waiters.slice(head);
      head = 0;
    }
    if (hasRun) passed();
  };
  const stopListening = log.onCommit(release);
  const fail = (error: unknown) => {
    const dropped = waiters.slice(head);
    positions = [];
    waiters = [];
    head = 0;
    for (const waiter of dropped) waiter.settled(false);
    if (isRecovering || isStopped) return;
    isRecovering = true;
    const cause = log.failed ?? error;
    failed(cause instanceof Failure ? cause.code : 'index-failed');
    retry();
  };
  const retry = () => {
    cancelRetry = wall.after(RECOVER_PERIOD_MS, () => {
      log
        .recover()
        .then(() => log.flush())
        .then(() => {
          last = -1;
          return recovered();
        })
        .then(
          () => {
            isRecovering = false;
          },
          () => {
            if (!isStopped) retry();
          },
        );
    });
  };
  const watch = () => {
    if (isWatched) return;
    isWatched = true;
    // One promise for all records of this turn: its only purpose is to notice a failing disk.
    queueMicrotask(() => {
      isWatched = false;
      const startMs = wall.monotonicMs();
      log.flush().then(() => {
        synced(wall.monotonicMs() - startMs);
        release(log.endPosition);
      }, fail);
    });
  };
  const write: Journal['write'] = (kind, flags, deviceNumber, arrivedMs, message) => {
    if (isRecovering) throw failure();
    const length = PREFIX_BYTES + message.length;
    if (scratch.length < length) scratch = new Uint8Array(length * 2);
    putPrefix(scratch, kind, flags, deviceNumber, arrivedMs);
    scratch.set(message, PREFIX_BYTES);
    last = log.enqueue(scratch.subarray(0, length));
    writtenBytes += length;
    watch();
    return last;
  };
  const after: Journal['after'] = (waiter) => {
    // Nothing is written before the recovery has ended, and that waits for whoever would wait here.
    if (isRecovering) {
      waiter.settled(false);
      return;
    }
    if (last < log.endPosition) {
      waiter.settled(true);
      passed();
      return;
    }
    positions.push(last);
    waiters.push(waiter);
  };
  return {
    write,
    after,
    put(kind, flags, deviceNumber, arrivedMs, message, settle) {
      return new Promise((resolve, reject) => {
        const position = write(kind, flags, deviceNumber, arrivedMs, message);
        after({
          settled(isSynced) {
            if (!isSynced) return reject(failure());
            try {
              resolve(settle(position));
            } catch (error) {
              reject(failure());
              throw error;
            }
          },
        });
      });
    },
    onPass(listener) {
      passed = listener;
    },
    async read(position) {
      try {
        return parseRecord(await log.read(position));
      } catch (error) {
        if (isDamage(error)) damage([{ position, reason: 'checksum' }]);
        throw error;
      }
    },
    async page(from) {
      const { records, damaged, next } = await log.readFrom(from);
      if (damaged.length > 0) damage(damaged);
      return { records: records.map(({ position, data }) => ({ position, record: parseRecord(data) })), next };
    },
    get endPosition() {
      return log.endPosition;
    },
    onFailure(listener) {
      failed = listener;
    },
    onRecovery(listener) {
      recovered = listener;
    },
    interrupt: fail,
    onDamage(listener) {
      damage = listener;
    },
    get isFailed() {
      return isRecovering;
    },
    get writtenBytes() {
      return writtenBytes;
    },
    stop() {
      isStopped = true;
      cancelRetry();
      stopListening();
    },
  };
}

/** A record that does not match its checksum any more. */
export const isDamage = (error: unknown): boolean => error instanceof Failure && error.code === 'record-damaged';

/** Too many bytes wait for the disk: it passes. */
export const isLogFull = (error: unknown): boolean => error instanceof Failure && error.code === 'log-full';

/** Undefined: the disk has spoiled the record, and the journal has said so. */
export async function readUndamaged(
  journal: Pick<Journal, 'read'>,
  position: Position,
): Promise<JournalRecord | undefined> {
  try {
    return await journal.read(position);
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

import { join } from 'node:path';
import { createSystemClock, type Failure } from '@pulseseal/runtime';
import { createNodeFileSystem } from './adapters/file-system-node.ts';
import { batchEnd } from './batch.ts';
import { diskFailure, type LogFailureCode, logFailure } from './failures.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { type ReadBounds, type ReadResult, readRecord, readRecords } from './read.ts';
import { type Recovered, type RecoveryReport, recoverLog } from './recovery.ts';
import type { Position } from './segment.ts';
import { createSegmentCache, segmentPath } from './segments.ts';
import { type LogSettings, logBounds } from './settings.ts';
import { createWatermarkWriter, watermarkPath } from './watermark.ts';
import { createBatchWriter } from './writer.ts';

/** The single writer of a log. Everything it acknowledges is synced. */
export interface Log {
  /** Resolves with the record's position after the sync of its batch. */
  append(record: Uint8Array): Promise<Position>;
  /** All or none is taken; resolves after the sync of the last one. */
  appendMany(records: readonly Uint8Array[]): Promise<Position[]>;
  /** Takes the record and answers its position at once; it counts only when `synced(position)` resolved. Throws a Failure. */
  enqueue(record: Uint8Array): Position;
  /** As `enqueue`, all or none, in order. */
  enqueueMany(records: readonly Uint8Array[]): Position[];
  /** Resolves when the record at `position` is synced; one promise for a whole batch. */
  synced(position: Position): Promise<void>;
  /** Resolves when everything taken so far is synced. */
  flush(): Promise<void>;
  /** End of what is synced: every record before it is readable, every later one has this position or a higher one. */
  readonly endPosition: Position;
  readonly startPosition: Position;
  /** Bytes taken and not yet synced. */
  readonly pendingBytes: number;
  /** Synced records only. Throws `position-unknown`, `position-trimmed` or `record-damaged`. */
  read(position: Position): Promise<Uint8Array>;
  /** From `position` (or the next record behind it) on; 0 is the beginning. Damage is reported and passed. */
  readFrom(position: Position, bounds?: ReadBounds): Promise<ReadResult>;
  /** Called after each sync; answers how to stop. */
  onCommit(listener: (endPosition: Position) => void): () => void;
  readonly recovery: RecoveryReport;
  /** Removes the segments that lie wholly before `before`. */
  trim(before: Position): Promise<void>;
  /** Why nothing is taken at present. */
  readonly failed: Failure<LogFailureCode> | undefined;
  /** After a failure: puts the disk back to the last sync and takes records again. Rejects while the disk still refuses. */
  recover(): Promise<void>;
  /** Syncs what was taken, then gives the lock back. */
  close(): Promise<void>;
}

/** Opens the log in `settings.dir` for writing, or refuses by name (`log-locked`, `seal-wrong-key`, ...). */
export async function openLog(settings: LogSettings): Promise<Log> {
  const bounds = logBounds(settings);
  const fs = settings.fs ?? createNodeFileSystem();
  const { dir } = settings;
  let unlock: (() => void) | undefined;
  try {
    await fs.makeFolder(dir);
    unlock = await fs.lock(join(dir, 'writer.lock'));
    if (unlock === undefined) throw logFailure('log-locked');
    const markFile = await fs.open(watermarkPath(dir), 'write');
    try {
      const recovered = await recoverLog(fs, dir, settings.seal);
      return runLog(settings, bounds, fs, recovered, markFile, unlock);
    } catch (error) {
      await markFile.close();
      throw error;
    }
  } catch (error) {
    unlock?.();
    throw error instanceof Error && error.name === 'Failure' ? error : diskFailure(error, 'open');
  }
}

function runLog(
  settings: LogSettings,
  bounds: ReturnType<typeof logBounds>,
  fs: FileSystem,
  recovered: Recovered,
  markFile: OpenFile,
  unlock: () => void,
): Log {
  const { dir, retention, seal, flushDelayMs = 0 } = settings;
  const clock = settings.clock ?? createSystemClock();
  const writer = createBatchWriter(fs, dir, bounds, seal, recovered);
  const watermark = createWatermarkWriter(markFile);
  const cache = createSegmentCache(fs, dir, seal);
  const listeners = new Set<(endPosition: Position) => void>();
  const bases = recovered.bases;
  let end = recovered.end;
  let failed: Failure<LogFailureCode> | undefined;
  let isClosed = false;
  let isScheduled = false;
  let running: Promise<void> | undefined;

  const publish = () => watermark.publish({ base: bases.at(-1) ?? end, end });
  publish();

  const schedule = () => {
    if (isScheduled || running !== undefined) return;
    isScheduled = true;
    const begin = () => {
      isScheduled = false;
      running ??= run();
    };
    if (flushDelayMs > 0) clock.after(flushDelayMs, begin);
    else setImmediate(begin);
  };
  const run = async () => {
    try {
      while (writer.hasWork) {
        await commit();
        // What answers this commit writes in the same turn: it goes with the next one, not behind it.
        await new Promise(setImmediate);
      }
    } catch (error) {
      failed = diskFailureOf(error);
      writer.rejectAll(failed);
    } finally {
      running = undefined;
    }
  };
  const commit = async () => {
    const batch = await writer.commitOldest();
    end = batchEnd(batch);
    if (batch.offset === 0) bases.push(batch.base);
    batch.resolve();
    publish();
    for (const listener of listeners) callListener(listener, end);
    if (batch.offset === 0) await retain();
  };
  const retain = async () => {
    if (retention === undefined) return;
    const { maxBytes = 0, keepFrom } = retention;
    const needed = keepFrom?.() ?? end;
    const excess = end - maxBytes;
    // The segment that crosses the bound goes too, or the log would stay above it.
    const crossing = bases.find((base) => base >= excess) ?? end;
    // Space that could not be freed now is tried again at the next segment; no record depends on it.
    await trim(Math.min(needed, maxBytes === 0 ? needed : crossing)).catch(() => {});
  };
  const trim = async (before: Position) => {
    let removed = 0;
    while (bases.length > 1 && bases[1]! <= before) {
      const base = bases[0]!;
      await fs.remove(segmentPath(dir, base));
      bases.shift();
      cache.forget(base);
      removed++;
    }
    if (removed > 0) await fs.syncFolder(dir);
  };
  const refuseUnlessOpen = () => {
    if (failed !== undefined) throw logFailure('log-failed', failed.code, failed);
    if (isClosed) throw logFailure('log-closed');
  };
  const enqueue = (record: Uint8Array): Position => {
    if (failed !== undefined || isClosed) refuseUnlessOpen();
    const position = writer.add(record);
    if (!isScheduled && running === undefined) schedule();
    return position;
  };
  const enqueueMany = (records: readonly Uint8Array[]): Position[] => {
    refuseUnlessOpen();
    writer.refuseUnlessFits(records);
    return records.map(enqueue);
  };
  const readable = () => ({ bases, end });
  const begin = async () => {
    if (running === undefined && writer.hasWork) running = run();
    while (running !== undefined) await running;
  };

  return {
    async append(record) {
      const position = enqueue(record);
      await writer.lastBatch!.done;
      return position;
    },
    async appendMany(records) {
      const positions = enqueueMany(records);
      if (positions.length > 0) await writer.lastBatch!.done;
      return positions;
    },
    enqueueMany,
    enqueue,
    async synced(position) {
      if (position < end) return;
      const batch = writer.batchOf(position);
      if (batch !== undefined) return batch.done;
      if (failed !== undefined) throw failed;
      throw logFailure('position-unknown', `position ${position}`);
    },
    async flush() {
      if (failed !== undefined) throw failed;
      await writer.lastBatch?.done;
    },
    get endPosition() {
      return end;
    },
    get startPosition() {
      return bases[0] ?? end;
    },
    get pendingBytes() {
      return writer.pendingBytes;
    },
    read: (position) => readRecord(cache, readable(), position),
    readFrom: (position, readBounds) => readRecords(cache, readable(), position, readBounds),
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    recovery: recovered.report,
    trim,
    get failed() {
      return failed;
    },
    async recover() {
      if (isClosed) throw logFailure('log-closed');
      while (running !== undefined) await running;
      if (failed === undefined) return;
      await writer.rewind(end, bases.at(-1));
      failed = undefined;
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await begin();
      const ends = await Promise.allSettled([writer.close(), watermark.close(), cache.close()]);
      unlock();
      for (const e of ends) if (e.status === 'rejected') throw diskFailureOf(e.reason);
    },
  };
}

const diskFailureOf = (error: unknown): Failure<LogFailureCode> =>
  error instanceof Error && error.name === 'Failure' ? (error as Failure<LogFailureCode>) : diskFailure(error, 'write');

function callListener(listener: (end: Position) => void, end: Position): void {
  try {
    listener(end);
  } catch (error) {
    // A listener's defect must not stop the log; it surfaces as what it is.
    queueMicrotask(() => {
      throw error;
    });
  }
}

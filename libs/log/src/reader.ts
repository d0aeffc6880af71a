import type { Clock } from '@pulseseal/runtime';
import { createNodeFileSystem } from './adapters/file-system-node.ts';
import { diskFailure, isAbsent, logFailure } from './failures.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { POLL_PERIOD_MS } from './limits.ts';
import { type ReadableLog, type ReadBounds, type ReadResult, readRecord, readRecords } from './read.ts';
import type { RecordSeal } from './seal.ts';
import type { Position } from './segment.ts';
import { createSegmentCache, listSegments } from './segments.ts';
import { measureLog } from './verify.ts';
import { readWatermark, watermarkPath } from './watermark.ts';

export interface WaitSettings {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Reads a log that this or another process writes, or nobody. Sees synced records only. */
export interface LogReader {
  endPosition(): Promise<Position>;
  startPosition(): Promise<Position>;
  read(position: Position): Promise<Uint8Array>;
  readFrom(position: Position, bounds?: ReadBounds): Promise<ReadResult>;
  /** True once there is something at or behind `position`; false after `timeoutMs` or when `signal` fires. */
  waitForMore(position: Position, wait: WaitSettings): Promise<boolean>;
  close(): Promise<void>;
}

export interface LogReaderSettings {
  readonly dir: string;
  readonly seal?: RecordSeal;
  readonly fs?: FileSystem;
}

/** The folder need not exist yet: an absent log is an empty one. */
export async function openLogReader(settings: LogReaderSettings): Promise<LogReader> {
  const { dir, seal } = settings;
  const fs = settings.fs ?? createNodeFileSystem();
  const cache = createSegmentCache(fs, dir, seal);
  let markFile: Promise<OpenFile | undefined> | undefined;
  let isClosed = false;
  let bases: readonly Position[] = [];
  let end: Position = 0;
  /** Whether `bases` reaches to `end`. */
  let isListed = false;

  // One promise: two who open at once would leave a file behind.
  const openMark = async (): Promise<OpenFile | undefined> => {
    if (isClosed) throw logFailure('log-closed');
    markFile ??= fs.open(watermarkPath(dir), 'read').catch((error: unknown) => {
      markFile = undefined;
      if (isAbsent(error)) return undefined;
      throw error;
    });
    return markFile;
  };
  const refreshEnd = async () => {
    const file = await openMark();
    // Read while it was being written it fails its checksum: once more.
    const mark = file && ((await readWatermark(file)) ?? (await readWatermark(file)));
    if (mark !== undefined) {
      end = Math.max(end, mark.end);
      isListed &&= mark.base === bases.at(-1);
      return;
    }
    // Never written, or lost in a power cut, and no writer since: what is intact counts.
    end = Math.max(end, await measureLog(fs, dir));
    isListed = false;
  };
  const list = async () => {
    const before = bases;
    bases = await listSegments(fs, dir);
    // A removed segment held open would keep its space.
    for (const base of before) if (base < (bases[0] ?? end)) cache.forget(base);
    isListed = true;
  };
  const refresh = async (needed: Position): Promise<ReadableLog> => {
    try {
      if (needed >= end) await refreshEnd();
      // After the end, so that the list reaches as far; segments go only by retention.
      if (!isListed) await list();
    } catch (error) {
      throw error instanceof Error && error.name === 'Failure' ? error : diskFailure(error, 'read');
    }
    return { bases, end };
  };
  const retried = async <T>(needed: Position, task: (log: ReadableLog) => Promise<T>): Promise<T> => {
    const log = await refresh(needed);
    try {
      return await task(log);
    } catch (error) {
      if (!(error instanceof Error && isAbsent(error.cause))) throw error;
      // Retention removed a segment behind our back.
      await list();
      return task({ bases, end });
    }
  };

  return {
    async endPosition() {
      await refresh(Number.POSITIVE_INFINITY);
      return end;
    },
    async startPosition() {
      await refresh(Number.POSITIVE_INFINITY);
      return bases[0] ?? end;
    },
    read: (position) => retried(position, (log) => readRecord(cache, log, position)),
    readFrom: (position, bounds) => retried(position, (log) => readRecords(cache, log, position, bounds)),
    async waitForMore(position, wait) {
      const hasMore = async () => {
        await refreshEnd().catch(() => {});
        return end > position;
      };
      if (end > position || (await hasMore())) return true;
      return waitUntil(hasMore, (changed) => fs.watch(watermarkPath(dir), changed), wait);
    },
    async close() {
      isClosed = true;
      await cache.close();
      const file = await markFile?.catch(() => undefined);
      markFile = undefined;
      await file?.close();
    },
  };
}

/** Looks when the watch says so and once in a while, one look at a time. */
function waitUntil(
  look: () => Promise<boolean>,
  watch: (changed: () => void) => () => void,
  { clock, timeoutMs, signal }: WaitSettings,
): Promise<boolean> {
  return new Promise((resolve) => {
    let isLooking = false;
    let isAskedAgain = false;
    let isDone = false;
    const finish = (answer: boolean) => {
      if (isDone) return;
      isDone = true;
      stopWatch();
      stopPoll();
      stopTimeout();
      signal?.removeEventListener('abort', abort);
      resolve(answer);
    };
    const abort = () => finish(false);
    const check = async () => {
      if (isLooking) {
        isAskedAgain = true;
        return;
      }
      isLooking = true;
      do {
        isAskedAgain = false;
        if (await look()) finish(true);
      } while (isAskedAgain && !isDone);
      isLooking = false;
    };
    const stopWatch = watch(() => void check());
    const stopPoll = clock.every(POLL_PERIOD_MS, () => void check());
    const stopTimeout = clock.after(timeoutMs, () => finish(false));
    if (signal?.aborted === true) return finish(false);
    signal?.addEventListener('abort', abort);
    // Between the last look and the watch something may have come.
    void check();
  });
}

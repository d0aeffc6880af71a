import { randomFillSync } from 'node:crypto';
import { type Batch, batchEnd, createBatch, reserve } from './batch.ts';
import { diskFailure, logFailure } from './failures.ts';
import { type FileSystem, type OpenFile, writeAll } from './file-system.ts';
import { putRecord, RECORD_HEADER_BYTES } from './record.ts';
import type { ActiveSegment } from './recovery.ts';
import type { RecordSeal, SegmentSeal } from './seal.ts';
import {
  encodeSegmentHeader,
  type Position,
  SALT_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentSeed,
} from './segment.ts';
import { segmentPath } from './segments.ts';
import type { LogBounds } from './settings.ts';

/** Where the next record goes: planned ahead of the disk, so that `enqueue` knows its position at once. */
interface Plan {
  readonly base: Position;
  readonly seed: number;
  readonly seal: SegmentSeal | undefined;
  offset: number;
}

/** The queue of batches on their way to the disk. Knows where bytes go; when they go is its caller's. */
export interface BatchWriter {
  readonly pendingBytes: number;
  readonly hasWork: boolean;
  /** Throws `log-full` or `record-too-large`. */
  add(record: Uint8Array): Position;
  /** Throws what `add` would throw for any of `records`. */
  refuseUnlessFits(records: readonly Uint8Array[]): void;
  batchOf(position: Position): Batch | undefined;
  readonly lastBatch: Batch | undefined;
  /** Writes and syncs the oldest batch. On an error nothing of it counts. */
  commitOldest(): Promise<Batch>;
  /** Forgets everything not synced; the callers get `reason`. */
  rejectAll(reason: unknown): void;
  /** Puts the disk back to `end`, after a failure. What comes next goes to a new segment. */
  rewind(end: Position, lastBase: Position | undefined): Promise<void>;
  close(): Promise<void>;
}

export function createBatchWriter(
  fs: FileSystem,
  dir: string,
  bounds: LogBounds,
  seal: RecordSeal | undefined,
  start: { readonly end: Position; readonly active: ActiveSegment | undefined },
): BatchWriter {
  const overheadBytes = seal?.overheadBytes ?? 0;
  const batches: Batch[] = [];
  const spare: Uint8Array[] = [];
  let file: OpenFile | undefined = start.active?.file;
  let end = start.end;
  let pendingBytes = 0;
  let inFlight: Batch | undefined;
  let plan: Plan | undefined;
  // A sealed log never goes on in a segment of an earlier run: a place that was cut must not be sealed twice.
  if (start.active !== undefined && seal === undefined) {
    const { base, seed } = start.active;
    plan = { base, seed, seal: undefined, offset: start.end - base };
  }

  const open = (base: Position, offset: number): Batch => {
    const batch = createBatch(base, offset, spare.pop());
    batches.push(batch);
    return batch;
  };
  const beginSegment = (): Plan => {
    const base = plan === undefined ? end : plan.base + plan.offset;
    const salt = randomFillSync(new Uint8Array(SALT_BYTES));
    const segmentSeal = seal?.forSegment(salt);
    plan = { base, seed: segmentSeed(salt), seal: segmentSeal, offset: SEGMENT_HEADER_BYTES };
    const batch = open(base, 0);
    batch.bytes.set(encodeSegmentHeader({ base, salt, keyCheck: segmentSeal?.keyCheck }));
    batch.used = SEGMENT_HEADER_BYTES;
    pendingBytes += SEGMENT_HEADER_BYTES;
    return plan;
  };
  const recycle = (batch: Batch) => {
    if (spare.length < 2 && batch.bytes.length <= bounds.maxBatchBytes * 2) spare.push(batch.bytes);
    batch.bytes = new Uint8Array(0);
  };

  return {
    get pendingBytes() {
      return pendingBytes;
    },
    get hasWork() {
      return batches.length > 0;
    },
    get lastBatch() {
      return batches.at(-1);
    },
    add(record) {
      if (record.length > bounds.maxRecordBytes)
        throw logFailure('record-too-large', `${record.length} of at most ${bounds.maxRecordBytes} bytes`);
      const needed = RECORD_HEADER_BYTES + record.length + overheadBytes;
      if (pendingBytes + needed + SEGMENT_HEADER_BYTES > bounds.maxPendingBytes)
        throw logFailure('log-full', `${pendingBytes} bytes wait`);
      const place = plan === undefined || plan.offset + needed > bounds.segmentBytes ? beginSegment() : plan;
      let batch = batches.at(-1);
      const isOpen = batch !== undefined && batch !== inFlight && batch.base === place.base;
      if (batch === undefined || !isOpen || batch.used + needed > bounds.maxBatchBytes)
        batch = open(place.base, place.offset);
      const { offset } = place;
      const position = place.base + offset;
      const stored = place.seal === undefined ? record : place.seal.seal(position, record);
      reserve(batch, needed);
      putRecord(batch.bytes, batch.used, stored, offset, place.seed);
      batch.used += needed;
      place.offset += needed;
      pendingBytes += needed;
      return position;
    },
    refuseUnlessFits(records) {
      let needed = 0;
      for (const record of records) {
        if (record.length > bounds.maxRecordBytes) throw logFailure('record-too-large', `${record.length} bytes`);
        needed += RECORD_HEADER_BYTES + overheadBytes + record.length;
      }
      // Headers of the segments that the records may begin.
      needed += SEGMENT_HEADER_BYTES * (2 + Math.ceil((2 * needed) / bounds.segmentBytes));
      if (pendingBytes + needed > bounds.maxPendingBytes) throw logFailure('log-full', `${pendingBytes} bytes wait`);
    },
    batchOf(position) {
      for (let i = batches.length - 1; i >= 0; i--) {
        const batch = batches[i]!;
        if (position >= batch.base + batch.offset) return position < batchEnd(batch) ? batch : undefined;
      }
      return undefined;
    },
    async commitOldest() {
      const batch = batches[0]!;
      inFlight = batch;
      try {
        if (batch.offset === 0) {
          const old = file;
          file = undefined;
          await old?.close();
          file = await fs.open(segmentPath(dir, batch.base), 'create');
        }
        if (file === undefined) throw logFailure('log-failed');
        await writeAll(file, batch.bytes.subarray(0, batch.used), batch.offset);
        await file.sync();
        if (batch.offset === 0) await fs.syncFolder(dir);
      } catch (error) {
        throw diskFailure(error, 'write');
      } finally {
        inFlight = undefined;
      }
      batches.shift();
      pendingBytes -= batch.used;
      end = batchEnd(batch);
      recycle(batch);
      return batch;
    },
    rejectAll(reason) {
      for (const batch of batches.splice(0)) batch.reject(reason);
      pendingBytes = 0;
    },
    async rewind(syncedEnd, lastBase) {
      try {
        const old = file;
        file = undefined;
        // An error on closing is the failure that is being repaired.
        await old?.close().catch(() => {});
        const started = segmentName(syncedEnd);
        if ((await fs.list(dir)).includes(started)) {
          await fs.remove(segmentPath(dir, syncedEnd));
          await fs.syncFolder(dir);
        }
        if (lastBase !== undefined) await cutSegment(fs, segmentPath(dir, lastBase), syncedEnd - lastBase);
      } catch (error) {
        throw diskFailure(error, 'recover');
      }
      end = syncedEnd;
      // A file whose sync failed is not trusted with another record.
      plan = undefined;
    },
    async close() {
      await file?.close();
      file = undefined;
    },
  };
}

/** Syncs even when there is nothing to cut: a disk that still refuses shows it here. */
async function cutSegment(fs: FileSystem, path: string, sizeBytes: number): Promise<void> {
  const file = await fs.open(path, 'write');
  try {
    if ((await file.size()) > sizeBytes) await file.truncate(sizeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

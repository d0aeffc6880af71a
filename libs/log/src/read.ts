import { logFailure } from './failures.ts';
import { DEFAULT_READ_BYTES, DEFAULT_READ_RECORDS, MIB, SMALL_CHUNK_BYTES } from './limits.ts';
import { type Damage, type LogRecord, scanSegment } from './scan.ts';
import { type Position, SEGMENT_HEADER_BYTES } from './segment.ts';
import type { SegmentCache } from './segments.ts';

export interface ReadBounds {
  /** Stops once so many bytes of records are read (at least one record is returned). Default 1 MiB. */
  readonly maxBytes?: number;
  /** Default 4096. */
  readonly maxRecords?: number;
}

export interface ReadResult {
  readonly records: readonly LogRecord[];
  /** Where to read on. */
  readonly next: Position;
  /** Places between the asked position and `next` whose records are lost. */
  readonly damaged: readonly Damage[];
}

/** What is there to be read: the segments' bases, rising, and the end of what is synced. */
export interface ReadableLog {
  readonly bases: readonly Position[];
  readonly end: Position;
}

/** Index of the segment that holds `position`, or -1 when it lies before all. */
export function segmentIndex(bases: readonly Position[], position: Position): number {
  let low = 0;
  let high = bases.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bases[middle]! <= position) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function checkedStart(log: ReadableLog, position: Position): Position {
  const first = log.bases[0] ?? log.end;
  if (position >= first) return position;
  // 0 means "from the beginning", wherever that is by now; any other lost place must be noticed.
  if (position === 0) return first;
  throw logFailure('position-trimmed', `position ${position}, start ${first}`);
}

export async function readRecords(
  cache: SegmentCache,
  log: ReadableLog,
  position: Position,
  bounds: ReadBounds = {},
): Promise<ReadResult> {
  const maxBytes = bounds.maxBytes ?? DEFAULT_READ_BYTES;
  const maxRecords = bounds.maxRecords ?? DEFAULT_READ_RECORDS;
  const records: LogRecord[] = [];
  const damaged: Damage[] = [];
  let next = checkedStart(log, position);
  let bytes = 0;
  while (next < log.end && records.length < maxRecords && bytes < maxBytes) {
    const index = segmentIndex(log.bases, next);
    const base = log.bases[index];
    if (base === undefined) break;
    const behind = Math.min(log.bases[index + 1] ?? log.end, log.end);
    next = await cache.use(base, async (segment) => {
      if (segment === undefined) {
        damaged.push({ position: base, reason: 'segment-header' });
        return behind;
      }
      const from = Math.max(next - base, SEGMENT_HEADER_BYTES);
      if (segment.hasDamagedHeader && from === SEGMENT_HEADER_BYTES)
        damaged.push({ position: base, reason: 'segment-header-copy' });
      const limit = Math.min(behind - base, await segment.file.size());
      const chunkBytes = Math.min(MIB, Math.max(SMALL_CHUNK_BYTES, maxBytes - bytes));
      const scan = await scanSegment(
        segment,
        { from, limit, maxRecords: maxRecords - records.length, maxBytes: maxBytes - bytes, chunkBytes },
        (record) => records.push(record),
      );
      damaged.push(...scan.damaged);
      bytes += scan.bytes;
      if (scan.next < limit) return base + scan.next;
      if (base + limit < behind) damaged.push({ position: base + Math.max(limit, from), reason: 'bytes-missing' });
      return behind;
    });
  }
  return { records, next, damaged };
}

/** The one record at `position`. */
export async function readRecord(cache: SegmentCache, log: ReadableLog, position: Position): Promise<Uint8Array> {
  const base = log.bases[segmentIndex(log.bases, position)];
  if (base === undefined && position < log.end) throw logFailure('position-trimmed', `position ${position}`);
  if (base === undefined || position < base + SEGMENT_HEADER_BYTES || position >= log.end)
    throw logFailure('position-unknown', `position ${position}`);
  const read = await readRecords(cache, log, position, { maxRecords: 1, maxBytes: SMALL_CHUNK_BYTES });
  const record = read.records[0];
  if (record === undefined || record.position !== position)
    throw logFailure('record-damaged', `position ${position}, ${read.damaged[0]?.reason ?? 'header'}`);
  return record.data;
}

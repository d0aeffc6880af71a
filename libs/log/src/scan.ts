import { type OpenFile, readUpTo } from './file-system.ts';
import { MAX_DAMAGE_ENTRIES } from './limits.ts';
import { headerLength, matchesChecksum, RECORD_HEADER_BYTES } from './record.ts';
import type { SegmentSeal } from './seal.ts';
import type { Position } from './segment.ts';

export interface Damage {
  readonly position: Position;
  readonly reason: DamageReason;
}

export type DamageReason =
  /** The header of a record is not one for its place, so its length is unknown. */
  | 'header'
  /** The bytes of a record do not match its checksum. */
  | 'checksum'
  /** Checksum right, but the seal does not open: written under another key or exchanged on purpose. */
  | 'seal'
  /** One of the two copies of a segment's header is damaged; its records are readable. */
  | 'segment-header-copy'
  /** Both copies are: no record of the segment can be read. */
  | 'segment-header'
  /** Bytes that were synced once are not there any more. */
  | 'bytes-missing';

export interface LogRecord {
  readonly position: Position;
  readonly data: Uint8Array;
}

export interface OpenSegment {
  readonly base: Position;
  readonly file: OpenFile;
  readonly seed: number;
  readonly seal: SegmentSeal | undefined;
  readonly hasDamagedHeader: boolean;
}

export interface ScanBounds {
  /** Offsets inside the segment file: where to begin, and the first byte not to look at. */
  readonly from: number;
  readonly limit: number;
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly chunkBytes: number;
}

export interface ScanResult {
  readonly records: number;
  readonly bytes: number;
  readonly damaged: Damage[];
  /** Where to go on: the limit when everything was read. */
  readonly next: number;
  /** End of the last intact record (or `from`): what is behind it is torn or damaged. */
  readonly validEnd: number;
}

/**
 * Walks the records of one segment. A damaged record is reported and the walk goes on at the next place where a
 * record proves itself. `visit` gets plaintext that stays valid; without it nothing is opened or kept.
 */
export async function scanSegment(
  segment: OpenSegment,
  bounds: ScanBounds,
  visit?: (record: LogRecord) => void,
): Promise<ScanResult> {
  const { limit } = bounds;
  const window = createWindow(segment.file, limit, bounds.chunkBytes, visit === undefined);
  const damaged: Damage[] = [];
  const report = (offset: number, reason: DamageReason) => {
    if (damaged.length < MAX_DAMAGE_ENTRIES) damaged.push({ position: segment.base + offset, reason });
  };
  let offset = bounds.from;
  let validEnd = offset;
  let records = 0;
  let bytes = 0;
  while (offset < limit && records < bounds.maxRecords && bytes < bounds.maxBytes) {
    const length = await intactLength(window, segment.seed, offset, limit);
    if (length < 0) {
      report(offset, length === BAD_CHECKSUM ? 'checksum' : 'header');
      offset = await nextIntact(window, segment.seed, offset, limit, length === BAD_CHECKSUM);
      continue;
    }
    const end = offset + RECORD_HEADER_BYTES + length;
    if (visit !== undefined) {
      const at = offset - window.start + RECORD_HEADER_BYTES;
      const stored = window.bytes.subarray(at, at + length);
      const position = segment.base + offset;
      const data = segment.seal === undefined ? stored : segment.seal.open(position, stored);
      if (data === undefined) report(offset, 'seal');
      else visit({ position, data });
    }
    records++;
    bytes += length;
    offset = end;
    validEnd = end;
  }
  return { records, bytes, damaged, next: offset, validEnd };
}

const BAD_HEADER = -1;
const BAD_CHECKSUM = -2;

/** The stored length of the intact record at `offset`, which is then in the window; negative when there is none. */
async function intactLength(window: Window, seed: number, offset: number, limit: number): Promise<number> {
  if (offset + RECORD_HEADER_BYTES > limit) return BAD_HEADER;
  if (!window.has(offset, RECORD_HEADER_BYTES) && !(await window.load(offset, RECORD_HEADER_BYTES))) return BAD_HEADER;
  const length = headerLength(window.bytes, offset - window.start, offset, seed);
  const needed = RECORD_HEADER_BYTES + length;
  if (length < 0 || offset + needed > limit) return BAD_HEADER;
  if (!window.has(offset, needed) && !(await window.load(offset, needed))) return BAD_HEADER;
  return matchesChecksum(window.bytes, offset - window.start, length, offset, seed) ? length : BAD_CHECKSUM;
}

/** The next offset with an intact record behind a damaged one, or the limit. */
async function nextIntact(window: Window, seed: number, from: number, limit: number, lengthIsLikely: boolean) {
  if (lengthIsLikely) {
    const behind = from + RECORD_HEADER_BYTES + headerLength(window.bytes, from - window.start, from, seed);
    if (behind === limit || (await intactLength(window, seed, behind, limit)) >= 0) return behind;
  }
  for (let offset = from + 1; offset + RECORD_HEADER_BYTES <= limit; offset++) {
    if ((await intactLength(window, seed, offset, limit)) >= 0) return offset;
  }
  return limit;
}

interface Window {
  readonly bytes: Uint8Array;
  /** Offset in the file of the first byte in the window. */
  readonly start: number;
  has(offset: number, length: number): boolean;
  /** Brings at least `length` bytes from `offset` in; false when the file ends before. */
  load(offset: number, length: number): Promise<boolean>;
}

function createWindow(file: OpenFile, limit: number, chunkBytes: number, reuse: boolean): Window {
  let bytes = new Uint8Array(0);
  let start = 0;
  let filled = 0;
  return {
    get bytes() {
      return bytes;
    },
    get start() {
      return start;
    },
    has: (offset, length) => offset >= start && offset + length <= start + filled,
    async load(offset, length) {
      const wanted = Math.min(Math.max(length, chunkBytes), limit - offset);
      // Records handed out point into the buffer: only a walk that keeps none may use it again.
      if (!reuse || bytes.length < wanted) bytes = new Uint8Array(wanted);
      start = offset;
      filled = await readUpTo(file, bytes, wanted, offset);
      return filled >= length;
    },
  };
}

import { logFailure } from './failures.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { SCAN_CHUNK_BYTES } from './limits.ts';
import { type Damage, scanSegment } from './scan.ts';
import type { RecordSeal } from './seal.ts';
import { type Position, SEGMENT_HEADER_BYTES, segmentSeed } from './segment.ts';
import { listSegments, readSegmentHeader, segmentPath } from './segments.ts';
import { loadWatermark, type Watermark } from './watermark.ts';

export interface RecoveryReport {
  /** Bytes of a torn tail that were cut: never acknowledged to anybody. */
  readonly cutBytes: number;
  readonly cutAt?: Position;
  readonly damaged: readonly Damage[];
  /** Records looked at behind the last known sync. */
  readonly records: number;
}

/** Where a writer goes on. */
export interface Recovered {
  readonly bases: Position[];
  readonly end: Position;
  /** The last segment, when it may be appended to. */
  readonly active: ActiveSegment | undefined;
  readonly report: RecoveryReport;
}

export interface ActiveSegment {
  readonly base: Position;
  readonly file: OpenFile;
  readonly seed: number;
}

const nothingFound: RecoveryReport = { cutBytes: 0, damaged: [], records: 0 };

/**
 * Looks at the last segment only, from the last known sync on: cuts a torn tail, reports damage, and syncs what it
 * keeps, since an earlier process may have written it without coming to its sync.
 */
export async function recoverLog(fs: FileSystem, dir: string, seal: RecordSeal | undefined): Promise<Recovered> {
  const bases = await listSegments(fs, dir);
  const mark = await loadWatermark(fs, dir);
  const base = bases.at(-1);
  if (base === undefined) {
    const end = mark?.end ?? 0;
    const damaged: Damage[] = end > 0 ? [{ position: 0, reason: 'bytes-missing' }] : [];
    return { bases, end, active: undefined, report: { ...nothingFound, damaged } };
  }
  const file = await fs.open(segmentPath(dir, base), 'write');
  let isKept = false;
  try {
    const recovered = await recoverSegment(fs, dir, file, bases, base, mark, seal);
    isKept = recovered.active !== undefined;
    return recovered;
  } finally {
    if (!isKept) await file.close();
  }
}

async function recoverSegment(
  fs: FileSystem,
  dir: string,
  file: OpenFile,
  bases: Position[],
  base: Position,
  mark: Watermark | undefined,
  seal: RecordSeal | undefined,
): Promise<Recovered> {
  const size = await file.size();
  const syncedOffset = mark === undefined ? 0 : mark.end - base;
  const found = size < SEGMENT_HEADER_BYTES ? undefined : await readSegmentHeader(file, base, seal);
  /** A segment whose first batch never came to its sync. */
  const dropTorn = async (): Promise<Recovered> => {
    await fs.remove(segmentPath(dir, base));
    await fs.syncFolder(dir);
    const report = { ...nothingFound, cutBytes: size, cutAt: base };
    return { bases: bases.slice(0, -1), end: base, active: undefined, report };
  };
  if (found === undefined) {
    if (syncedOffset > 0) {
      // It was readable once. Keep the file for whoever repairs it, and go on behind it.
      const end = Math.max(base + size, mark?.end ?? 0);
      const damaged: Damage[] = [{ position: base, reason: 'segment-header' }];
      return { bases, end, active: undefined, report: { ...nothingFound, damaged } };
    }
    return dropTorn();
  }
  const seed = segmentSeed(found.header.salt);
  const segment = { base, file, seed, seal: found.seal, hasDamagedHeader: found.isDamaged };
  const from = Math.min(Math.max(SEGMENT_HEADER_BYTES, syncedOffset), size);
  const scan = await scanSegment(segment, {
    from,
    limit: size,
    maxRecords: Number.POSITIVE_INFINITY,
    maxBytes: Number.POSITIVE_INFINITY,
    chunkBytes: SCAN_CHUNK_BYTES,
  });
  // One copy of the header came to the disk, the other one and all behind it did not.
  if (found.isDamaged && syncedOffset <= 0 && scan.records === 0) return dropTorn();
  // Behind the last intact record nothing is valid: a write that never came to its sync.
  const damaged = scan.damaged.filter((d) => d.position < base + scan.validEnd);
  if (found.isDamaged) damaged.unshift({ position: base, reason: 'segment-header-copy' });
  const cutBytes = size - scan.validEnd;
  if (cutBytes > 0) await file.truncate(scan.validEnd);
  await file.sync();
  const cut = cutBytes > 0 ? { cutBytes, cutAt: base + scan.validEnd } : { cutBytes: 0 };
  if (syncedOffset > size) {
    // Synced bytes are gone: their positions were given out and must not be given again.
    damaged.push({ position: base + size, reason: 'bytes-missing' });
    const report = { ...cut, damaged, records: scan.records };
    return { bases, end: base + syncedOffset, active: undefined, report };
  }
  const end = base + scan.validEnd;
  if (!Number.isSafeInteger(end)) throw logFailure('position-unknown', 'the log is longer than 2^53 bytes');
  return { bases, end, active: { base, file, seed }, report: { ...cut, damaged, records: scan.records } };
}

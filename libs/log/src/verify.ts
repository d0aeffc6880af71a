import { createNodeFileSystem } from './adapters/file-system-node.ts';
import { diskFailure } from './failures.ts';
import type { FileSystem } from './file-system.ts';
import { MAX_DAMAGE_ENTRIES, SCAN_CHUNK_BYTES } from './limits.ts';
import { type Damage, scanSegment } from './scan.ts';
import type { RecordSeal } from './seal.ts';
import { type Position, SEGMENT_HEADER_BYTES } from './segment.ts';
import { listSegments, openSegment, segmentPath } from './segments.ts';
import { loadWatermark } from './watermark.ts';

export interface VerifyReport {
  readonly records: number;
  /** Bytes of all segment files. */
  readonly bytes: number;
  readonly damaged: readonly Damage[];
  /** Bytes behind the last sync that hold no intact record: a write that a crash cut short, or one under way. */
  readonly tornTail?: { readonly position: Position; readonly bytes: number };
}

/** Reads every record of a log and checks its checksum, and its seal when the key is given. Changes nothing. */
export async function verifyLog(
  dir: string,
  options: { readonly seal?: RecordSeal; readonly fs?: FileSystem } = {},
): Promise<VerifyReport> {
  const fs = options.fs ?? createNodeFileSystem();
  try {
    return await verify(fs, dir, options.seal);
  } catch (error) {
    throw error instanceof Error && error.name === 'Failure' ? error : diskFailure(error, 'read');
  }
}

async function verify(fs: FileSystem, dir: string, seal: RecordSeal | undefined): Promise<VerifyReport> {
  const synced = (await loadWatermark(fs, dir))?.end ?? 0;
  const bases = await listSegments(fs, dir);
  const damaged: Damage[] = [];
  const report = (found: readonly Damage[]) => damaged.push(...found.slice(0, MAX_DAMAGE_ENTRIES - damaged.length));
  let records = 0;
  let bytes = 0;
  let end = bases[0] ?? 0;
  let tornTail: VerifyReport['tornTail'];
  for (const [index, base] of bases.entries()) {
    const isLast = index === bases.length - 1;
    if (base > end) report([{ position: end, reason: 'bytes-missing' }]);
    const found = await verifySegment(fs, dir, base, seal);
    records += found.records;
    bytes += found.size;
    end = base + found.size;
    const tornFrom = isLast ? Math.max(base + found.validEnd, Math.min(synced, end)) : end;
    if (tornFrom < end) tornTail = { position: tornFrom, bytes: end - tornFrom };
    report(found.damaged.filter((d) => d.position < tornFrom));
  }
  if (end < synced) report([{ position: end, reason: 'bytes-missing' }]);
  return { records, bytes, damaged, ...(tornTail === undefined ? {} : { tornTail }) };
}

async function verifySegment(fs: FileSystem, dir: string, base: Position, seal: RecordSeal | undefined) {
  const segment = await openSegment(fs, dir, base, seal ?? 'unopened');
  if (segment === undefined) {
    const file = await fs.open(segmentPath(dir, base), 'read');
    const size = await file.size();
    await file.close();
    return { records: 0, size, validEnd: 0, damaged: [{ position: base, reason: 'segment-header' } as const] };
  }
  try {
    const size = await segment.file.size();
    const scan = await scanSegment(
      segment,
      {
        from: SEGMENT_HEADER_BYTES,
        limit: size,
        maxRecords: Number.POSITIVE_INFINITY,
        maxBytes: Number.POSITIVE_INFINITY,
        chunkBytes: SCAN_CHUNK_BYTES,
      },
      seal === undefined ? undefined : () => {},
    );
    const damaged: Damage[] = segment.hasDamagedHeader ? [{ position: base, reason: 'segment-header-copy' }] : [];
    return { records: scan.records, size, validEnd: scan.validEnd, damaged: [...damaged, ...scan.damaged] };
  } finally {
    await segment.file.close();
  }
}

/** End of the last intact record on disk, whether synced or not; 0 when there is none. */
export async function measureLog(fs: FileSystem, dir: string): Promise<Position> {
  const base = (await listSegments(fs, dir)).at(-1);
  if (base === undefined) return 0;
  const { validEnd } = await verifySegment(fs, dir, base, undefined);
  return base + validEnd;
}

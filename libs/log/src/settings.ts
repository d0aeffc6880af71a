import type { Clock } from '@pulseseal/runtime';
import { logFailure } from './failures.ts';
import type { FileSystem } from './file-system.ts';
import {
  DEFAULT_MAX_BATCH_BYTES,
  DEFAULT_MAX_PENDING_BYTES,
  DEFAULT_MAX_RECORD_BYTES,
  DEFAULT_SEGMENT_BYTES,
  MAX_SEGMENT_BYTES,
  MAX_STORED_BYTES,
} from './limits.ts';
import { RECORD_HEADER_BYTES } from './record.ts';
import type { RecordSeal } from './seal.ts';
import { type Position, SEGMENT_HEADER_BYTES } from './segment.ts';

export interface Retention {
  /** Whole segments are removed, oldest first, while the log holds more than this. Absent: as soon as `keepFrom` allows. */
  readonly maxBytes?: number;
  /** The lowest position that is still needed; no segment that reaches it is removed. */
  readonly keepFrom?: () => Position;
}

export interface LogSettings {
  /** Folder of the log, made with mode 0700. Files that are no segments are left alone. */
  readonly dir: string;
  /** A new segment begins before one would grow beyond this. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Most bytes of one write and sync. Default 1 MiB. */
  readonly maxBatchBytes?: number;
  /** `log-full` beyond so many bytes that wait for their sync. Default 16 MiB. */
  readonly maxPendingBytes?: number;
  /** Largest record. Default 256 KiB, at most 1 MiB less 1 byte with the seal's overhead. */
  readonly maxRecordBytes?: number;
  readonly retention?: Retention;
  readonly seal?: RecordSeal;
  readonly fs?: FileSystem;
  /** Waits so long for more records before an idle log writes. Default 0: the end of this turn of the event loop. */
  readonly flushDelayMs?: number;
  /** Only for `flushDelayMs`. */
  readonly clock?: Clock;
}

export interface LogBounds {
  readonly segmentBytes: number;
  readonly maxBatchBytes: number;
  readonly maxPendingBytes: number;
  readonly maxRecordBytes: number;
}

/** Fills in defaults and refuses numbers that could not work together. */
export function logBounds(settings: LogSettings): LogBounds {
  const bounds: LogBounds = {
    segmentBytes: settings.segmentBytes ?? DEFAULT_SEGMENT_BYTES,
    maxBatchBytes: settings.maxBatchBytes ?? DEFAULT_MAX_BATCH_BYTES,
    maxPendingBytes: settings.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES,
    maxRecordBytes: settings.maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES,
  };
  for (const [name, value] of Object.entries(bounds)) {
    if (!Number.isSafeInteger(value) || value < 1) throw logFailure('log-settings', `${name} = ${value}`);
  }
  if (bounds.maxRecordBytes + (settings.seal?.overheadBytes ?? 0) > MAX_STORED_BYTES)
    throw logFailure('log-settings', `maxRecordBytes = ${bounds.maxRecordBytes}`);
  if (bounds.segmentBytes > MAX_SEGMENT_BYTES)
    throw logFailure('log-settings', `segmentBytes = ${bounds.segmentBytes}`);
  // A bound that the largest record alone would break could never be met.
  const least = largestWriteBytes(bounds, settings.seal?.overheadBytes ?? 0);
  if (bounds.maxPendingBytes < least || bounds.maxBatchBytes < least || bounds.segmentBytes < least)
    throw logFailure('log-settings', `maxPendingBytes, maxBatchBytes and segmentBytes must be at least ${least}`);
  return bounds;
}

/** Bytes on disk of the largest record, with a segment header before it. */
export const largestWriteBytes = (bounds: LogBounds, overheadBytes: number): number =>
  SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + bounds.maxRecordBytes + overheadBytes;

import { FIRST_BUFFER_BYTES } from './limits.ts';
import type { Position } from './segment.ts';

/** Records that are written by one write and one sync, all in one segment. */
export interface Batch {
  /** Segment that this batch belongs to. */
  readonly base: Position;
  /** Offset in the segment file where its bytes begin: 0 when it brings the segment's header. */
  readonly offset: number;
  bytes: Uint8Array;
  used: number;
  readonly done: Promise<void>;
  resolve(): void;
  reject(reason: unknown): void;
}

export function createBatch(base: Position, offset: number, buffer: Uint8Array | undefined): Batch {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Nobody may be waiting; a rejection must not end the process. Whoever waits still gets it.
  promise.catch(() => {});
  return { base, offset, bytes: buffer ?? new Uint8Array(FIRST_BUFFER_BYTES), used: 0, done: promise, resolve, reject };
}

/** Makes room for `length` more bytes. */
export function reserve(batch: Batch, length: number): void {
  const needed = batch.used + length;
  if (needed <= batch.bytes.length) return;
  let size = batch.bytes.length;
  while (size < needed) size *= 2;
  const grown = new Uint8Array(size);
  grown.set(batch.bytes.subarray(0, batch.used));
  batch.bytes = grown;
}

/** Position right behind the batch. */
export const batchEnd = (batch: Batch): Position => batch.base + batch.offset + batch.used;

import { limits } from './limits.ts';

/** Sequence numbers of one epoch that already had their effect: bits in chunks of 1,024. */
export interface Seen {
  /** Chunk number -> 32 words. */
  readonly chunks: Readonly<Record<number, readonly number[]>>;
  /** Chunks below were forgotten: everything in them counts as seen, so nothing can take effect twice. */
  readonly floor: number;
}

export const nothingSeen: Seen = { chunks: {}, floor: 0 };

const emptyChunk: readonly number[] = new Array<number>(32).fill(0);

export function isSeen(seen: Seen, seq: number): boolean {
  const chunk = Math.floor(seq / 1024);
  if (chunk < seen.floor) return true;
  const words = seen.chunks[chunk];
  return words !== undefined && ((words[(seq >>> 5) & 31]! >>> (seq & 31)) & 1) === 1;
}

export function withSeen(seen: Seen, seq: number): Seen {
  const chunk = Math.floor(seq / 1024);
  if (chunk < seen.floor) return seen;
  const words = (seen.chunks[chunk] ?? emptyChunk).slice();
  words[(seq >>> 5) & 31]! |= 1 << (seq & 31);
  const chunks: Record<number, readonly number[]> = { ...seen.chunks, [chunk]: words };
  let floor = seen.floor;
  const kept = Object.keys(chunks);
  if (kept.length > limits.seenChunks) {
    const oldest = Math.min(...kept.map(Number));
    delete chunks[oldest];
    floor = oldest + 1;
  }
  return { chunks, floor };
}

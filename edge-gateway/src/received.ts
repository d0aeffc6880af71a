import { MAX_GONE_LEAVES } from './limits.ts';

const PAGE_FRAMES = 32;
const LEAF_BYTES = 32;

interface Page {
  /** Bit i: the leaf of frame i is known. */
  known: number;
  /** Bit i: known by repair or inline leaves only; the frame itself is not on disk. */
  gone: number;
  leaves: Uint8Array;
}

export type Admission = 'new' | 'duplicate' | 'seq-conflict' | 'not-in-close' | 'count-exceeded';

/**
 * The received numbers of an epoch with their leaves, from the low-water mark on (section 9, replay state).
 * Pages of 32 frames: an idle device holds the frames of its open segment and nothing else.
 */
export interface ReceivedSet {
  /** First number of the oldest incomplete segment. */
  readonly low: number;
  /** Every number below is known (frame or leaf). */
  readonly next: number;
  /** What admitting a frame would mean, without doing it. */
  judge(seq: number, leaf: Uint8Array): Admission;
  /** Marks the frame as held. */
  add(seq: number, leaf: Uint8Array): void;
  /** Learns a leaf whose frame is not here. False: another leaf is known for this number. */
  addLeaf(seq: number, leaf: Uint8Array): boolean;
  /** A leaf below the mark whose frame never came: a late frame is held to it. */
  rememberGone(seq: number, leaf: Uint8Array): void;
  leaf(seq: number): Uint8Array | undefined;
  holdsFrame(seq: number): boolean;
  /** The leaves of [first, first + count), or undefined while one is missing. */
  leaves(first: number, count: number): Uint8Array[] | undefined;
  /** Numbers of [first, first + count) without a leaf, as ascending ranges. */
  missing(first: number, count: number, maxRanges: number): Range[];
  /** Known ranges beyond `next`. */
  beyond(maxRanges: number): Range[];
  /** Moves the low-water mark; leaves without a frame stay known for a late frame. */
  dropBelow(seq: number): void;
  readonly bytes: number;
}

export type Range = readonly [first: number, count: number];

export function createReceivedSet(maxSpan: number, startAt = 1): ReceivedSet {
  const pages = new Map<number, Page>();
  const late = new Map<number, Uint8Array>();
  let low = startAt;
  let next = startAt;
  let highest = startAt - 1;

  const page = (seq: number) => pages.get(seq >>> 5);
  const isKnown = (seq: number): boolean => {
    const found = pages.get(seq >>> 5);
    return found !== undefined && (found.known & (1 << (seq & 31))) !== 0;
  };
  const leafIn = (found: Page, seq: number): Uint8Array => {
    const at = (seq & 31) * LEAF_BYTES;
    return found.leaves.subarray(at, at + LEAF_BYTES);
  };
  const put = (seq: number, leaf: Uint8Array, isGone: boolean) => {
    let found = pages.get(seq >>> 5);
    if (found === undefined) {
      found = { known: 0, gone: 0, leaves: new Uint8Array(PAGE_FRAMES * LEAF_BYTES) };
      pages.set(seq >>> 5, found);
    }
    const bit = 1 << (seq & 31);
    found.known |= bit;
    if (isGone) found.gone |= bit;
    else found.gone &= ~bit;
    found.leaves.set(leaf, (seq & 31) * LEAF_BYTES);
    if (seq > highest) highest = seq;
    if (seq === next) {
      next++;
      while (next <= highest && isKnown(next)) next++;
    }
  };
  const ranges = (first: number, end: number, wanted: boolean, maxRanges: number): Range[] => {
    const out: Range[] = [];
    let from = -1;
    for (let seq = first; seq <= end && out.length < maxRanges; seq++) {
      const hit = seq < end && isKnown(seq) === wanted;
      if (hit && from < 0) from = seq;
      if (!hit && from >= 0) {
        out.push([from, seq - from]);
        from = -1;
      }
    }
    return out;
  };

  return {
    get low() {
      return low;
    },
    get next() {
      return next;
    },
    judge(seq, leaf) {
      if (seq < low) {
        const known = late.get(seq);
        if (known === undefined) return 'duplicate';
        return sameBytes(known, leaf) ? 'new' : 'not-in-close';
      }
      if (seq >= low + maxSpan) return 'count-exceeded';
      const found = page(seq);
      const bit = 1 << (seq & 31);
      if (found === undefined || (found.known & bit) === 0) return 'new';
      const isSame = sameBytes(leafIn(found, seq), leaf);
      if ((found.gone & bit) !== 0) return isSame ? 'new' : 'not-in-close';
      return isSame ? 'duplicate' : 'seq-conflict';
    },
    add(seq, leaf) {
      if (seq < low) late.delete(seq);
      else put(seq, leaf, false);
    },
    addLeaf(seq, leaf) {
      if (seq < low) return true;
      const found = page(seq);
      if (found !== undefined && (found.known & (1 << (seq & 31))) !== 0) return sameBytes(leafIn(found, seq), leaf);
      if (seq < low + maxSpan) put(seq, leaf, true);
      return true;
    },
    rememberGone(seq, leaf) {
      if (seq < low && late.size < MAX_GONE_LEAVES) late.set(seq, leaf.slice());
    },
    leaf(seq) {
      const found = page(seq);
      return found !== undefined && (found.known & (1 << (seq & 31))) !== 0 ? leafIn(found, seq) : undefined;
    },
    holdsFrame(seq) {
      const found = page(seq);
      const bit = 1 << (seq & 31);
      return found !== undefined && (found.known & bit) !== 0 && (found.gone & bit) === 0;
    },
    leaves(first, count) {
      const out: Uint8Array[] = [];
      for (let seq = first; seq < first + count; seq++) {
        const found = page(seq);
        if (found === undefined || (found.known & (1 << (seq & 31))) === 0) return undefined;
        out.push(leafIn(found, seq));
      }
      return out;
    },
    missing: (first, count, maxRanges) => ranges(Math.max(first, low), first + count, false, maxRanges),
    beyond: (maxRanges) => (highest < next ? [] : ranges(next, highest + 1, true, maxRanges)),
    dropBelow(seq) {
      for (let at = low; at < seq; at++) {
        const found = page(at);
        if (found === undefined || (found.gone & (1 << (at & 31))) === 0) continue;
        if (late.size < MAX_GONE_LEAVES) late.set(at, leafIn(found, at).slice());
      }
      for (const index of pages.keys()) if ((index + 1) * PAGE_FRAMES <= seq) pages.delete(index);
      low = Math.max(low, seq);
      if (next < low) {
        next = low;
        while (next <= highest && isKnown(next)) next++;
      }
    },
    get bytes() {
      return pages.size * (PAGE_FRAMES * LEAF_BYTES + 96) + late.size * 96;
    },
  };
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

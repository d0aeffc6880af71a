import { LazyMap } from './lazy-map.ts';
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
 * The received numbers of an epoch with their leaves, from the low-water mark on.
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
  return new PagedSet(maxSpan, startAt);
}

/** A class, because every epoch has one: functions of its own would take 2 kB. */
class PagedSet implements ReceivedSet {
  readonly #maxSpan: number;
  readonly #pages = new LazyMap<number, Page>();
  readonly #late = new LazyMap<number, Uint8Array>();
  #low: number;
  #next: number;
  #highest: number;

  constructor(maxSpan: number, startAt: number) {
    this.#maxSpan = maxSpan;
    this.#low = startAt;
    this.#next = startAt;
    this.#highest = startAt - 1;
  }

  get low(): number {
    return this.#low;
  }

  get next(): number {
    return this.#next;
  }

  judge(seq: number, leaf: Uint8Array): Admission {
    if (seq < this.#low) {
      const known = this.#late.get(seq);
      if (known === undefined) return 'duplicate';
      return sameBytes(known, leaf) ? 'new' : 'not-in-close';
    }
    if (seq >= this.#low + this.#maxSpan) return 'count-exceeded';
    const found = this.#page(seq);
    const bit = 1 << (seq & 31);
    if (found === undefined || (found.known & bit) === 0) return 'new';
    const isSame = sameBytes(leafIn(found, seq), leaf);
    if ((found.gone & bit) !== 0) return isSame ? 'new' : 'not-in-close';
    return isSame ? 'duplicate' : 'seq-conflict';
  }

  add(seq: number, leaf: Uint8Array): void {
    if (seq < this.#low) this.#late.delete(seq);
    else this.#put(seq, leaf, false);
  }

  addLeaf(seq: number, leaf: Uint8Array): boolean {
    if (seq < this.#low) return true;
    const found = this.#page(seq);
    if (isIn(found, seq)) return sameBytes(leafIn(found, seq), leaf);
    if (seq < this.#low + this.#maxSpan) this.#put(seq, leaf, true);
    return true;
  }

  rememberGone(seq: number, leaf: Uint8Array): void {
    if (seq < this.#low && this.#late.size < MAX_GONE_LEAVES) this.#late.set(seq, leaf.slice());
  }

  leaf(seq: number): Uint8Array | undefined {
    const found = this.#page(seq);
    return isIn(found, seq) ? leafIn(found, seq) : undefined;
  }

  holdsFrame(seq: number): boolean {
    const found = this.#page(seq);
    return isIn(found, seq) && (found.gone & (1 << (seq & 31))) === 0;
  }

  leaves(first: number, count: number): Uint8Array[] | undefined {
    const out: Uint8Array[] = [];
    for (let seq = first; seq < first + count; seq++) {
      const found = this.#page(seq);
      if (!isIn(found, seq)) return undefined;
      out.push(leafIn(found, seq));
    }
    return out;
  }

  missing(first: number, count: number, maxRanges: number): Range[] {
    return this.#ranges(Math.max(first, this.#low), first + count, false, maxRanges);
  }

  beyond(maxRanges: number): Range[] {
    return this.#highest < this.#next ? [] : this.#ranges(this.#next, this.#highest + 1, true, maxRanges);
  }

  dropBelow(seq: number): void {
    for (let at = this.#low; at < seq; at++) {
      const found = this.#page(at);
      if (found === undefined || (found.gone & (1 << (at & 31))) === 0) continue;
      if (this.#late.size < MAX_GONE_LEAVES) this.#late.set(at, leafIn(found, at).slice());
    }
    for (const index of this.#pages.keys()) if ((index + 1) * PAGE_FRAMES <= seq) this.#pages.delete(index);
    this.#low = Math.max(this.#low, seq);
    if (this.#next < this.#low) {
      this.#next = this.#low;
      while (this.#next <= this.#highest && isIn(this.#page(this.#next), this.#next)) this.#next++;
    }
  }

  get bytes(): number {
    return this.#pages.size * (PAGE_FRAMES * LEAF_BYTES + 96) + this.#late.size * 96;
  }

  #page(seq: number): Page | undefined {
    return this.#pages.get(seq >>> 5);
  }

  #put(seq: number, leaf: Uint8Array, isGone: boolean): void {
    let found = this.#page(seq);
    if (found === undefined) {
      found = { known: 0, gone: 0, leaves: new Uint8Array(PAGE_FRAMES * LEAF_BYTES) };
      this.#pages.set(seq >>> 5, found);
    }
    const bit = 1 << (seq & 31);
    found.known |= bit;
    if (isGone) found.gone |= bit;
    else found.gone &= ~bit;
    found.leaves.set(leaf, (seq & 31) * LEAF_BYTES);
    if (seq > this.#highest) this.#highest = seq;
    if (seq === this.#next) {
      this.#next++;
      while (this.#next <= this.#highest && isIn(this.#page(this.#next), this.#next)) this.#next++;
    }
  }

  #ranges(first: number, end: number, wanted: boolean, maxRanges: number): Range[] {
    const out: Range[] = [];
    let from = -1;
    for (let seq = first; seq <= end && out.length < maxRanges; seq++) {
      const hit = seq < end && isIn(this.#page(seq), seq) === wanted;
      if (hit && from < 0) from = seq;
      if (!hit && from >= 0) {
        out.push([from, seq - from]);
        from = -1;
      }
    }
    return out;
  }
}

const isIn = (page: Page | undefined, seq: number): page is Page =>
  page !== undefined && (page.known & (1 << (seq & 31))) !== 0;

const leafIn = (page: Page, seq: number): Uint8Array => {
  const at = (seq & 31) * LEAF_BYTES;
  return page.leaves.subarray(at, at + LEAF_BYTES);
};

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A growing set of whole numbers, kept as sorted disjoint ranges. Acknowledgements come nearly in order: few ranges. */
export interface RangeSet {
  /** Adds [first, first + count); answers how many of them are new. */
  add(first: number, count: number): number;
  has(value: number): boolean;
  /** Every number from 1 up to and without this one is in the set. */
  readonly low: number;
  readonly size: number;
  ranges(): readonly (readonly [first: number, count: number])[];
}

export function createRangeSet(initial: readonly (readonly [number, number])[] = []): RangeSet {
  const firsts: number[] = [];
  const ends: number[] = [];
  let size = 0;
  /** Index of the first range whose end is >= value. */
  const seek = (value: number): number => {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const add = (first: number, count: number): number => {
    if (count <= 0) return 0;
    let from = first;
    let end = first + count;
    const at = seek(first);
    let to = at;
    let present = 0;
    while (to < firsts.length && firsts[to]! <= end) {
      from = Math.min(from, firsts[to]!);
      end = Math.max(end, ends[to]!);
      present += ends[to]! - firsts[to]!;
      to++;
    }
    firsts.splice(at, to - at, from);
    ends.splice(at, to - at, end);
    const added = end - from - present;
    size += added;
    return added;
  };
  for (const [first, count] of initial) add(first, count);
  return {
    add,
    has(value) {
      const at = seek(value + 1);
      return at < firsts.length && firsts[at]! <= value;
    },
    get low() {
      return firsts.length > 0 && firsts[0]! <= 1 ? ends[0]! : 1;
    },
    get size() {
      return size;
    },
    ranges: () => firsts.map((first, i) => [first, ends[i]! - first] as const),
  };
}

/** A set of numbers as ascending disjoint ranges: small while numbers come in order. */
export interface RangeSet {
  has(n: number): boolean;
  /** False when it was there already. */
  add(n: number): boolean;
  /** First number >= 1 that is not in it. */
  readonly firstHole: number;
  readonly size: number;
  countBetween(from: number, to: number): number;
  pairs(): readonly (readonly [first: number, last: number])[];
  /** Forgets the lowest range, to bound how many there are. */
  dropLowest(): void;
}

export function createRangeSet(initial: readonly (readonly [first: number, last: number])[] = []): RangeSet {
  const ranges: [number, number][] = initial.map(([first, last]) => [first, last]);
  let size = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  /** Index of the last range that begins at or before `n`, -1 if none. */
  const find = (n: number): number => {
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[middle]![0] <= n) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };
  return {
    has(n) {
      const i = find(n);
      return i >= 0 && ranges[i]![1] >= n;
    },
    add(n) {
      const i = find(n);
      const before = ranges[i];
      if (before !== undefined && before[1] >= n) return false;
      size++;
      const after = ranges[i + 1];
      const joinsBefore = before !== undefined && before[1] === n - 1;
      const joinsAfter = after !== undefined && after[0] === n + 1;
      if (joinsBefore && joinsAfter) {
        before[1] = after[1];
        ranges.splice(i + 1, 1);
      } else if (joinsBefore) before[1] = n;
      else if (joinsAfter) after[0] = n;
      else ranges.splice(i + 1, 0, [n, n]);
      return true;
    },
    get firstHole() {
      const first = ranges[0];
      return first !== undefined && first[0] <= 1 ? first[1] + 1 : 1;
    },
    get size() {
      return size;
    },
    countBetween(from, to) {
      let count = 0;
      for (let i = Math.max(0, find(from)); i < ranges.length && ranges[i]![0] <= to; i++) {
        const [first, last] = ranges[i]!;
        count += Math.max(0, Math.min(last, to) - Math.max(first, from) + 1);
      }
      return count;
    },
    pairs: () => ranges,
    dropLowest() {
      const lowest = ranges.shift();
      if (lowest !== undefined) size -= lowest[1] - lowest[0] + 1;
    },
  };
}

/** Ascending numbers as ranges, at most `most` of them. */
export function rangesOf(numbers: Iterable<number>, most: number): { first: number; count: number }[] {
  const out: { first: number; count: number }[] = [];
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = out[out.length - 1];
    if (last !== undefined && last.first + last.count === n) last.count++;
    else if (out.length < most) out.push({ first: n, count: 1 });
    else break;
  }
  return out;
}

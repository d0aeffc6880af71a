/** What is kept of repeated measurements: all of them, and the median with its range. */
export interface Sample {
  readonly unit: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly raw: readonly number[];
}

export function sampleOf(unit: string, values: readonly number[]): Sample {
  const raw = values.map(rounded);
  const sorted = [...raw].sort((a, b) => a - b);
  return { unit, median: quantile(sorted, 0.5), least: sorted[0] ?? 0, most: sorted.at(-1) ?? 0, raw };
}

/** Nearest rank over sorted values, the middle pair's mean for an even median. */
export function quantile(sorted: readonly number[], q: number): number {
  if (sorted.length === 0) return Number.NaN;
  if (q === 0.5 && sorted.length % 2 === 0)
    return rounded((sorted[sorted.length / 2 - 1]! + sorted[sorted.length / 2]!) / 2);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))]!;
}

/** Four significant digits: more would promise more than a shared machine can hold. */
export function rounded(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  return Number(value.toPrecision(4));
}

import { formatAge } from '../format/age.ts';

export type Series = readonly (number | null)[];

/** How far a trend reaches back: up to 24 h, less for a patient who came later. */
export function spanText(line: { readonly stepMs: number; readonly values: Series }): string {
  return formatAge(line.stepMs * line.values.length);
}

/** Medians of equal parts, at most `parts` of them; a part without any value stays a gap. */
export function downsample(values: Series, parts: number): Series {
  if (values.length <= parts) return values;
  const size = values.length / parts;
  return Array.from({ length: parts }, (_, part) =>
    median(values.slice(Math.floor(part * size), Math.floor((part + 1) * size))),
  );
}

export function median(values: Series): number | null {
  const present = values.filter((value) => value !== null).toSorted((a, b) => a - b);
  if (present.length === 0) return null;
  const middle = present.length >> 1;
  const upper = present[middle] ?? 0;
  return present.length % 2 === 1 ? upper : (upper + (present[middle - 1] ?? upper)) / 2;
}

export function summary(values: Series): { low: number; high: number; last: number } | undefined {
  const present = values.filter((value) => value !== null);
  const last = present.at(-1);
  if (last === undefined) return undefined;
  return { low: round(Math.min(...present)), high: round(Math.max(...present)), last: round(last) };
}

/** One decimal is what a trend can carry. */
export const round = (value: number): number => Math.round(value * 10) / 10;

/** How far apart two values may lie to be one line: what is written down each hour is a line of hours, not of dots. */
function longestStep(values: Series): number {
  const steps: number[] = [];
  let before: number | undefined;
  values.forEach((value, index) => {
    if (value === null) return;
    if (before !== undefined) steps.push(index - before);
    before = index;
  });
  return 1.5 * (median(steps) ?? 1);
}

/** The least that the height of a trend stands for, in the value's unit: a saturation of 97 and 98 is no cliff. */
const leastSpans: Readonly<Record<string, number>> = { SpO2: 8, RR: 10, HR: 40, PR: 40, BP: 50, Temp: 2 };

export const leastSpan = (name: string): number => leastSpans[name] ?? 0;

/**
 * SVG path in a `width` x `height` box, 1.5 px margin; a lone value becomes a dot. The height stands for `least` units or
 * more; what varies less lies in the middle.
 */
export function sparkPath(values: Series, width: number, height: number, least = 0): string {
  const facts = summary(values);
  if (facts === undefined) return '';
  const span = Math.max(facts.high - facts.low, least, 1e-9);
  const bottom = (facts.high + facts.low - span) / 2;
  const x = (index: number): string => ((index / Math.max(values.length - 1, 1)) * width).toFixed(1);
  const y = (value: number): string => (1.5 + (1 - (value - bottom) / span) * (height - 3)).toFixed(1);
  const reach = longestStep(values);
  let path = '';
  let before = Number.NEGATIVE_INFINITY;
  values.forEach((value, index) => {
    if (value === null) return;
    // A line of no length has round ends: a dot.
    path += index - before > reach ? `M${x(index)} ${y(value)}h0.1` : `L${x(index)} ${y(value)}`;
    before = index;
  });
  return path;
}

export interface HourRow {
  readonly fromMs: number;
  readonly low: number | null;
  readonly median: number | null;
  readonly high: number | null;
}

/** The table behind a trend: one row an hour, newest first. */
export function hourRows(values: Series, endMs: number, stepMs: number): readonly HourRow[] {
  const perHour = Math.max(1, Math.round(3_600_000 / stepMs));
  const rows: HourRow[] = [];
  for (let end = values.length; end > 0; end -= perHour) {
    const part = values.slice(Math.max(0, end - perHour), end);
    const facts = summary(part);
    const middle = median(part);
    rows.push({
      fromMs: endMs - (values.length - Math.max(0, end - perHour)) * stepMs,
      low: facts?.low ?? null,
      median: middle === null ? null : round(middle),
      high: facts?.high ?? null,
    });
  }
  return rows;
}

import { limits } from './limits.ts';

interface OpenMinute {
  readonly minute: number;
  readonly samples: readonly number[];
}

/** Minute medians of up to 24 h, oldest first. One minute is open for live values, one for values that come late. */
export interface Trend {
  readonly minutes: readonly number[];
  readonly medians: readonly number[];
  readonly open: OpenMinute | null;
  readonly late: OpenMinute | null;
}

export const emptyTrend: Trend = { minutes: [], medians: [], open: null, late: null };

export function median(samples: readonly number[]): number {
  if (samples.length === 1) return samples[0]!;
  const sorted = samples.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

function grown(open: OpenMinute, value: number): OpenMinute {
  if (open.samples.length >= limits.samplesPerMinute) return open;
  return { minute: open.minute, samples: [...open.samples, value] };
}

/** Puts a finished minute in its place. What was measured live goes before what came late. */
function close(trend: Trend, done: OpenMinute): Trend {
  const value = median(done.samples);
  const last = trend.minutes.at(-1);
  let { minutes, medians } = trend;
  if (last === undefined || done.minute > last) {
    minutes = [...minutes, done.minute];
    medians = [...medians, value];
  } else {
    const at = minutes.findIndex((m) => m >= done.minute);
    if (minutes[at] === done.minute) return trend;
    minutes = minutes.toSpliced(at, 0, done.minute);
    medians = medians.toSpliced(at, 0, value);
  }
  const oldest = minutes.at(-1)! - limits.trendMinutes;
  if (minutes[0]! <= oldest) {
    const from = minutes.findIndex((m) => m > oldest);
    minutes = minutes.slice(from);
    medians = medians.slice(from);
  }
  return { ...trend, minutes, medians };
}

/** Adds one value. Values older than the open minute go to the late one. */
export function withSample(trend: Trend, atMs: number, value: number): Trend {
  const minute = Math.floor(atMs / 60_000);
  const { open, late } = trend;
  if (open === null || minute > open.minute) {
    const closed = open === null ? trend : close(trend, open);
    return { ...closed, open: { minute, samples: [value] } };
  }
  if (minute === open.minute) return { ...trend, open: grown(open, value) };
  if (late !== null && late.minute === minute) return { ...trend, late: grown(late, value) };
  const closed = late === null ? trend : close(trend, late);
  return { ...closed, late: { minute, samples: [value] } };
}

/** Medians from `fromMinute` to `toMinute` inclusive, null where nothing was measured. */
export function trendValues(trend: Trend, fromMinute: number, toMinute: number): (number | null)[] {
  const out = new Array<number | null>(Math.max(0, toMinute - fromMinute + 1)).fill(null);
  const put = (minute: number, value: number) => {
    if (minute >= fromMinute && minute <= toMinute) out[minute - fromMinute] = value;
  };
  if (trend.late !== null) put(trend.late.minute, median(trend.late.samples));
  trend.minutes.forEach((minute, i) => {
    put(minute, trend.medians[i]!);
  });
  if (trend.open !== null) put(trend.open.minute, median(trend.open.samples));
  return out;
}

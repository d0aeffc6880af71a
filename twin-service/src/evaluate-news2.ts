import type { Acvpu, News2Observation, News2Scale } from './news2.ts';
import { scoreNews2 } from './news2.ts';

/** Names of what can be wrong with a line; closed. */
export type News2LineError =
  | 'too-long'
  | 'not-json'
  | 'not-an-object'
  | 'duplicate-field'
  | 'unknown-field'
  | 'wrong-type'
  | 'out-of-range';

/** A line holds eight short fields. */
export const maxNews2LineChars = 4096;

const fields = ['rr', 'spo2', 'scale', 'oxygen', 'sbp', 'pulse', 'acvpu', 'temp'] as const;
type Field = (typeof fields)[number];

/** Numbers beyond these are no measurement of a living person: refused rather than scored. */
const ranges = { rr: [0, 200], spo2: [0, 100], sbp: [0, 500], pulse: [0, 500], temp: [0, 60] } as const;

class LineRefused extends Error {
  readonly reason: News2LineError;
  constructor(reason: News2LineError) {
    super(reason);
    this.reason = reason;
  }
}

function refuse(reason: News2LineError): never {
  throw new LineRefused(reason);
}

/** Exact text of a JSON number, kept because a binary float no longer knows on which side of a half it was written. */
class SourceNumber {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

function parseKeepingNumbers(line: string): unknown {
  const keep = (_key: string, value: unknown, context: { source?: string }): unknown =>
    typeof value === 'number' ? new SourceNumber(context.source ?? String(value)) : value;
  try {
    return JSON.parse(line, keep as (this: unknown, key: string, value: unknown) => unknown);
  } catch {
    return refuse('not-json');
  }
}

function isField(name: string): name is Field {
  return (fields as readonly string[]).includes(name);
}

function numberText(name: keyof typeof ranges, value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (!(value instanceof SourceNumber)) return refuse('wrong-type');
  const [low, high] = ranges[name];
  const size = Number(value.source);
  if (!(size >= low && size <= high)) return refuse('out-of-range');
  return value.source;
}

function scaleOf(value: unknown): News2Scale {
  if (value === undefined || value === null) return 1;
  if (!(value instanceof SourceNumber)) return refuse('wrong-type');
  const scale = Number(value.source);
  return scale === 1 || scale === 2 ? scale : refuse('out-of-range');
}

function oxygenOf(value: unknown): boolean | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'boolean' ? value : refuse('wrong-type');
}

function acvpuOf(value: unknown): Acvpu | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') return refuse('wrong-type');
  return value === 'A' || value === 'C' || value === 'V' || value === 'P' || value === 'U'
    ? value
    : refuse('out-of-range');
}

/** One observation out of one JSON line; throws `LineRefused`. */
function parseObservation(line: string): News2Observation {
  if (line.length > maxNews2LineChars) refuse('too-long');
  const parsed = parseKeepingNumbers(line);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed) || parsed instanceof SourceNumber) {
    return refuse('not-an-object');
  }
  const given = parsed as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) if (!isField(name)) refuse('unknown-field');
  if (hasDuplicateField(line)) refuse('duplicate-field');
  return {
    rr: numberText('rr', given.rr),
    spo2: numberText('spo2', given.spo2),
    scale: scaleOf(given.scale),
    oxygen: oxygenOf(given.oxygen),
    sbp: numberText('sbp', given.sbp),
    pulse: numberText('pulse', given.pulse),
    acvpu: acvpuOf(given.acvpu),
    temp: numberText('temp', given.temp),
  };
}

/** No string value of an accepted line holds a quote and a colon, so what looks like a key is one. */
function hasDuplicateField(line: string): boolean {
  const seen = new Set<string>();
  for (const match of line.matchAll(/"((?:[^"\\]|\\.)*)"\s*:/g)) {
    const name = JSON.parse(`"${match[1]}"`) as string;
    if (seen.has(name)) return true;
    seen.add(name);
  }
  return false;
}

/**
 * `pulseseal evaluate news2` for one line: {rr,spo2,scale,oxygen,sbp,pulse,acvpu,temp} (absent or null = missing, missing
 * scale = 1) gives {total,lower,upper,partial,risk,single3}, or {error} with a name of `News2LineError`. Never throws.
 */
export function evaluateNews2Line(line: string): string {
  try {
    const { total, lower, upper, partial, risk, single3 } = scoreNews2(parseObservation(line));
    return JSON.stringify({ total, lower, upper, partial, risk, single3 });
  } catch (error) {
    if (error instanceof LineRefused) return JSON.stringify({ error: error.reason });
    throw error;
  }
}

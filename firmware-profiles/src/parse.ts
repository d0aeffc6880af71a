import { checkProfile } from './check.ts';
import { profileLimits } from './limits.ts';
import type { FirmwareProfile } from './profile.ts';

/** A refused profile: every fault with its place, for the maker who wrote it. */
export class ProfileRefused extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`firmware profile refused: ${faults.join('; ')}`);
    this.name = 'ProfileRefused';
    this.faults = faults;
  }
}

type Shape = 'text' | 'number' | 'boolean' | 'text?' | 'number?' | readonly [Fields] | Fields;
interface Fields {
  readonly [field: string]: Shape;
}

const itemShape: Fields = {
  name: 'text',
  code: 'number',
  loinc: 'text?',
  unit: { mdc: 'number', ucum: 'text' },
  scale: { m: 'number', e: 'number', offset: 'number' },
  rateMilliHz: 'number',
  blockSamples: 'number',
  codec: 'number',
  site: 'number',
};

const profileShape: Fields = {
  name: 'text',
  class: 'text',
  suite: 'number',
  model: 'text',
  epochMs: 'number',
  segmentMs: 'number',
  maxSegmentFrames: 'number',
  heartbeatMs: 'number',
  ackTimeoutMs: 'number',
  spoolBytes: 'number',
  byteBudgetPerHour: 'number',
  scopes: [{ number: 'number', category: 'text' }],
  streams: [
    {
      id: 'number',
      name: 'text',
      scope: 'number',
      streamClass: 'number',
      padBytes: 'number',
      items: [itemShape],
      expectedIntervalMs: 'number?',
      charted: 'boolean',
    },
  ],
};

/**
 * Reads a maker's profile from JSON text. Unknown and missing fields, wrong types and every rule of `checkProfile`
 * are refused together by `ProfileRefused`.
 */
export function parseProfile(json: string): FirmwareProfile {
  if (json.length > profileLimits.maxJsonLength)
    throw new ProfileRefused([`text: longer than ${profileLimits.maxJsonLength} characters`]);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new ProfileRefused(['text: is not JSON']);
  }
  const shapeFaults = compare(value, profileShape, 'profile').slice(0, 32);
  if (shapeFaults.length > 0) throw new ProfileRefused(shapeFaults);
  const profile = value as FirmwareProfile;
  if (!['C1', 'C2', 'C3'].includes(profile.class)) throw new ProfileRefused(['class: must be C1, C2 or C3']);
  const faults = checkProfile(profile);
  if (faults.length > 0) throw new ProfileRefused(faults.slice(0, 32));
  return profile;
}

function compare(value: unknown, shape: Shape, at: string): string[] {
  if (typeof shape === 'string') {
    const optional = shape.endsWith('?');
    const type = { text: 'string', number: 'number', boolean: 'boolean' }[shape.replace('?', '')];
    return (optional && value === undefined) || typeof value === type ? [] : [`${at}: must be a ${shape}`];
  }
  if (isList(shape)) {
    if (!Array.isArray(value)) return [`${at}: must be a list`];
    return value.slice(0, 128).flatMap((entry: unknown, i) => compare(entry, shape[0], `${at}[${i}]`));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at}: must be an object`];
  const fields = value as Readonly<Record<string, unknown>>;
  return [
    ...Object.keys(fields)
      .filter((key) => !Object.hasOwn(shape, key))
      .map((key) => `${at}.${key.slice(0, 40)}: unknown field`),
    ...Object.entries(shape).flatMap(([key, inner]) =>
      compare(Object.hasOwn(fields, key) ? fields[key] : undefined, inner, `${at}.${key}`),
    ),
  ];
}

function isList(shape: Exclude<Shape, string>): shape is readonly [Fields] {
  return Array.isArray(shape);
}

import { resolve } from 'node:path';

/** What `pulseseal start` was asked for, checked. */
export interface StartOptions {
  /** Folder of recordings to replay, or undefined for generated people. */
  readonly replay: string | undefined;
  readonly patients: number;
  readonly seed: number;
  readonly speed: number;
  readonly dataDir: string;
  readonly portBase: number;
  readonly store: StoreChoice;
  /** Wall seconds to run, undefined = until stopped. */
  readonly forS: number | undefined;
  readonly json: boolean;
  readonly open: boolean;
}

export type StoreChoice =
  | { readonly kind: 'embedded' }
  /** `url` undefined: start the influxd found on PATH. */
  | { readonly kind: 'influx'; readonly url: string | undefined };

/** Raw strings as the command line gives them. */
export interface RawStartOptions {
  readonly replay?: string;
  readonly patients?: string;
  readonly seed?: string;
  readonly speed?: string;
  readonly data?: string;
  readonly portBase?: string;
  readonly store?: string;
  readonly for?: string;
  readonly json?: boolean;
  readonly open?: boolean;
}

/** Bounds with their reasons. */
export const START_LIMITS = {
  /** One machine's fleet; beyond it run services separately. */
  patients: { least: 1, most: 500 },
  seed: { least: 0, most: 2 ** 32 - 1 },
  /** 48 h of a stay in three minutes; above it event time outruns every transport period. */
  speed: { least: 0.1, most: 3600 },
  port: { least: 1024, most: 65_500 },
  /** 24 days: the longest that a timer takes. */
  forS: { least: 1, most: 2_147_483 },
} as const;

export class OptionError extends Error {}

/** @throws OptionError naming the option, what it takes and what it got. */
export function startOptions(raw: RawStartOptions, cwd: string): StartOptions {
  for (const [name, text] of [['--replay', raw.replay] as const, ['--data', raw.data] as const]) {
    if (text?.trim() === '') throw new OptionError(`${name} takes the name of a folder, got ""`);
  }
  const replay = raw.replay === undefined ? undefined : resolve(cwd, raw.replay);
  return {
    replay,
    patients: number('--patients', raw.patients, replay === undefined ? 12 : 20, START_LIMITS.patients, true),
    seed: number('--seed', raw.seed, 1, START_LIMITS.seed, true),
    speed: number('--speed', raw.speed, 1, START_LIMITS.speed, false),
    dataDir: resolve(cwd, raw.data ?? `pulseseal-data/${replay === undefined ? 'demo' : 'replay'}`),
    portBase: number('--port-base', raw.portBase, 4680, START_LIMITS.port, true),
    store: storeChoice(raw.store),
    forS: raw.for === undefined ? undefined : number('--for', raw.for, 0, START_LIMITS.forS, false),
    json: raw.json === true,
    open: raw.open === true,
  };
}

function number(
  name: string,
  text: string | undefined,
  preset: number,
  range: { readonly least: number; readonly most: number },
  whole: boolean,
): number {
  if (text === undefined) return preset;
  const value = Number(text);
  if (
    text.trim() === '' ||
    !Number.isFinite(value) ||
    value < range.least ||
    value > range.most ||
    (whole && !Number.isInteger(value))
  ) {
    throw new OptionError(
      `${name} takes a ${whole ? 'whole ' : ''}number from ${range.least} to ${range.most}, got "${text}"`,
    );
  }
  return value;
}

function storeChoice(text: string | undefined): StoreChoice {
  if (text === undefined || text === 'embedded') return { kind: 'embedded' };
  if (text === 'influx') return { kind: 'influx', url: undefined };
  if (text.startsWith('influx=')) {
    const url = text.slice('influx='.length);
    if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return { kind: 'influx', url };
  }
  throw new OptionError(`--store takes embedded, influx or influx=URL, got "${text}"`);
}

/** Every port of a run, counted from `--port-base`. */
export function ports(base: number) {
  return {
    board: base,
    broker: base + 1,
    edgeMetrics: base + 2,
    careMetrics: base + 3,
    bodyMetrics: base + 4,
    ledger: base + 5,
    agent: base + 6,
  } as const;
}

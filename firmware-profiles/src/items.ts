import type { SignalName } from './codes.ts';
import { codeEntry, codes } from './codes.ts';
import type { ProfileItem, Scale } from './profile.ts';

/** Decimal steps: 1, 0.1, 0.01. */
export const whole: Scale = { m: 1, e: 0, offset: 0 };
export const tenths: Scale = { m: 1, e: -1, offset: 0 };
export const hundredths: Scale = { m: 1, e: -2, offset: 0 };

/** Values per 1,000 s: one a second; one a minute (58.8 s, the nearest whole number below). */
export const oncePerSecond = 1000;
export const oncePerMinute = 17;

/** An item of the code table with the device's own scale, rate and block. */
export function item(signal: SignalName, scale: Scale, rateMilliHz: number, blockSamples = 1, site = 0): ProfileItem {
  const row = codeEntry(codes[signal])!;
  return {
    name: row.name,
    code: row.code,
    ...(row.loinc === undefined ? {} : { loinc: row.loinc }),
    unit: { mdc: row.mdcUnit, ucum: row.ucum },
    scale,
    rateMilliHz,
    blockSamples,
    codec: 0,
    site,
  };
}

/** Three axes at 25 Hz, one block of each a second, 0.005 m/s2 a step: +-16.7 g fit in 16 bits. */
export const accelerationItems: readonly ProfileItem[] = (
  ['accelerationX', 'accelerationY', 'accelerationZ'] as const
).map((signal) => item(signal, { m: 5, e: -3, offset: 0 }, 25_000, 25));

/** 2.5 uV a step: below the noise of a dry electrode, and +-82 mV fit in 16 bits. */
export const ecgScale: Scale = { m: 25, e: -1, offset: 0 };

import { recordingLimits } from './limits.ts';

/** Zero crossings of the sinc on each side: stop band below -80 dB with the window's beta. */
const crossings = 24;
const kaiserBeta = 8;
/** Pass band as a share of the lower Nyquist rate. */
const passShare = 0.9;

/**
 * Resampler for any rate of `recordingLimits`: output sample n stands at time n / toHz, exactly where the rates have a
 * ratio of few phases, else at the nearest of them, which never adds up. A polyphase windowed-sinc filter (Kaiser) with
 * its cut below both Nyquist rates; every phase passes a constant unchanged. `input` gives NaN for what was not measured: an
 * output whose nearest input is NaN is NaN, others weigh the measured neighbours alone.
 */
export function createResampler(
  input: { readonly length: number; at(index: number): number },
  fromHz: number,
  toHz: number,
): { readonly length: number; at(index: number): number } {
  if (fromHz === toHz) return input;
  const narrow = Math.min(1, toHz / fromHz);
  const cut = passShare * narrow;
  const reach = Math.ceil(crossings / narrow);
  const { up, down } = steps(toHz, fromHz, Math.floor(recordingLimits.maxTaps / (2 * reach + 1)));
  const phases = new Map<number, Float64Array>();
  const length = Math.floor(((input.length - 1) * up) / down) + 1;

  const phaseTaps = (phase: number): Float64Array => {
    const known = phases.get(phase);
    if (known !== undefined) return known;
    const taps = Float64Array.from({ length: 2 * reach + 1 }, (_, k) => {
      const x = k - reach - phase / up;
      return Math.abs(x) > reach ? 0 : sinc(cut * x) * kaiser(x / reach);
    });
    const sum = taps.reduce((a, b) => a + b, 0);
    for (let k = 0; k < taps.length; k++) taps[k]! /= sum;
    phases.set(phase, taps);
    return taps;
  };

  // Read once into a plain array: a replay at 600 times real time asks for millions of taps a second.
  const values = Float32Array.from({ length: input.length }, (_, i) => input.at(i));

  return {
    length: Math.max(0, length),
    at(index) {
      const place = Math.round(index * down);
      const centre = Math.floor(place / up);
      const phase = place % up;
      const taps = phaseTaps(phase);
      const from = centre - reach;
      if (from >= 0 && centre + reach < values.length) {
        let sum = 0;
        for (let k = 0; k < taps.length; k++) sum += taps[k]! * values[from + k]!;
        if (!Number.isNaN(sum)) return sum;
      }
      const nearest = phase * 2 >= up && centre + 1 < values.length ? centre + 1 : centre;
      return Number.isNaN(values[nearest]!) ? Number.NaN : weighMeasured(values, taps, from);
    },
  };
}

/** The filter at an edge or beside a hole: the measured neighbours alone, their weights brought to 1. */
function weighMeasured(values: Float32Array, taps: Float64Array, from: number): number {
  let sum = 0;
  let weight = 0;
  for (let i = Math.max(0, from); i < Math.min(values.length, from + taps.length); i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    const tap = taps[i - from]!;
    sum += tap * value;
    weight += tap;
  }
  return sum / weight;
}

/** Phases of an input sample, and how many of them one output sample moves on: whole where the ratio allows it. */
function steps(toHz: number, fromHz: number, mostPhases: number): { readonly up: number; readonly down: number } {
  const { minRateHz, maxRateHz, maxPhases } = recordingLimits;
  for (const hz of [toHz, fromHz])
    if (!(hz >= minRateHz && hz <= maxRateHz)) throw new RangeError(`cannot resample ${fromHz} Hz to ${toHz} Hz`);
  const most = Math.min(maxPhases, mostPhases);
  const [to, from] = [Math.round(toHz * 1000), Math.round(fromHz * 1000)];
  const divisor = gcd(to, from);
  const isExact = isNear(toHz * 1000, to) && isNear(fromHz * 1000, from) && to / divisor <= most;
  return isExact ? { up: to / divisor, down: from / divisor } : { up: most, down: (fromHz / toHz) * most };
}

const isNear = (a: number, b: number): boolean => Math.abs(a - b) < 1e-9 * b;
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const kaiser = (x: number): number => bessel0(kaiserBeta * Math.sqrt(Math.max(0, 1 - x * x))) / bessel0(kaiserBeta);

/** Modified Bessel function of order 0 by its power series. */
function bessel0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

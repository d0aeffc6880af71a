import type { Random } from '@pulseseal/runtime';
import { normal } from '@pulseseal/runtime';

/** First-order autoregressive noise, one step a second, stationary from its first value and kept within +-2.5 sd. */
export function createDrift(random: Random, deviation: number, tauS: number): () => number {
  const keep = Math.exp(-1 / tauS);
  const fresh = Math.sqrt(1 - keep * keep);
  let state = normal(random);
  return () => {
    state = Math.max(-2.5, Math.min(2.5, keep * state + fresh * normal(random)));
    return state * deviation;
  };
}

/**
 * Standard normal noise for waveforms: a table made once, walked from a new random place for every block.
 * A draw for each of 250 samples a second would cost more than the whole signal model.
 */
export function createNoiseTable(random: Random): { startBlock(): void; next(): number } {
  const size = 4096;
  const table = Float32Array.from({ length: size }, () => normal(random));
  let at = 0;
  return {
    startBlock() {
      at = Math.floor(random.unit() * size);
    },
    next() {
      at = (at + 1) & (size - 1);
      return table[at]!;
    },
  };
}

export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

/** Uniform in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.unit();
}

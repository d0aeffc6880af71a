import type { Random } from '@pulseseal/runtime';
import { normal } from '@pulseseal/runtime';

/** Losses of contact: Poisson in time, log-normal in length with a median of four minutes. */
export function createDropouts(random: Random, perDay: number): { at(tMs: number): boolean } {
  const gap = () => (perDay > 0 ? (-Math.log(1 - random.unit()) * 86_400_000) / perDay : Number.POSITIVE_INFINITY);
  // Values and waveforms ask for times within some seconds of each other, so finished losses are kept a while.
  const losses: { fromMs: number; toMs: number }[] = [];
  let nextMs = gap();
  return {
    at(tMs) {
      while (nextMs <= tMs) {
        const toMs = nextMs + 240_000 * Math.exp(0.8 * normal(random));
        losses.push({ fromMs: nextMs, toMs });
        if (losses.length > 16) losses.shift();
        nextMs = toMs + gap();
      }
      return losses.some((loss) => tMs >= loss.fromMs && tMs < loss.toMs);
    },
  };
}

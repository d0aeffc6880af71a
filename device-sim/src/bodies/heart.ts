import type { Random } from '@pulseseal/runtime';
import { normal } from '@pulseseal/runtime';
import { clamp } from './noise.ts';
import type { Physiology } from './physiology.ts';

/** One heart beat: R peak and the time to the next one. */
export interface Beat {
  readonly atMs: number;
  readonly rrMs: number;
  /** Atrial fibrillation: no P wave. */
  readonly fibrillating: boolean;
}

/** Beats in order, without end. */
export type BeatSource = () => Beat;

/**
 * RR series that follows the physiology's heart rate: respiratory sinus arrhythmia and a little chance, or in
 * fibrillation independent intervals of the asked coefficient of variation.
 */
export function createHeart(physiology: Physiology, random: Random): BeatSource {
  let atMs = 0;
  let breathPhase = random.unit();
  return () => {
    const vitals = physiology.at(Math.floor(atMs / 1000));
    const meanMs = 60_000 / vitals.heartRate;
    const { irregularity, variability } = vitals.effect;
    breathPhase = (breathPhase + (meanMs / 60_000) * vitals.respiration) % 1;
    const sinus = variability * (0.025 * Math.sin(2 * Math.PI * breathPhase) + 0.012 * normal(random));
    const share = irregularity > 0 ? irregularity * clamp(normal(random), -2, 2.5) : sinus;
    const rrMs = clamp(meanMs * (1 + share), 270, 2400);
    const beat: Beat = { atMs, rrMs, fibrillating: irregularity > 0 };
    atMs += rrMs;
    return beat;
  };
}

/** Follows a beat source through time: the beat under way, and the rate that a monitor would show. */
export function createBeatCursor(next: BeatSource): {
  /** The beat under way at `tMs`; times must not go back. */
  at(tMs: number): Beat;
  /** Mean rate over the last twelve finished intervals, /min; undefined before the sixth. */
  rate(): number | undefined;
  /** Length of the last finished interval. */
  lastRrMs(): number | undefined;
} {
  let beat = next();
  const recent: number[] = [];
  return {
    at(tMs) {
      while (tMs >= beat.atMs + beat.rrMs) {
        recent.push(beat.rrMs);
        if (recent.length > 12) recent.shift();
        beat = next();
      }
      return beat;
    },
    rate() {
      if (recent.length < 6) return undefined;
      return (60_000 * recent.length) / recent.reduce((a, b) => a + b, 0);
    },
    lastRrMs: () => recent.at(-1),
  };
}

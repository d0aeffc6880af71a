import type { Beat } from './heart.ts';

/** Time from the R peak to the foot of the pulse at the wrist. */
export const pulseDelayMs = 230;

/** Pulse wave of one beat: the systolic and the reflected wave as two Gaussians; 0 to about 1. */
export function pulseWave(beat: Beat, tMs: number): number {
  const share = (tMs - beat.atMs) / beat.rrMs;
  // The tail of the beat before reaches into this one, so the cycle closes without a step.
  return gauss(share, 0.22, 0.075) + 0.38 * (gauss(share, 0.5, 0.12) + gauss(share + 1, 0.5, 0.12));
}

const gauss = (x: number, at: number, width: number): number => Math.exp(-((x - at) ** 2) / (2 * width * width));

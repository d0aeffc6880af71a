import type { Random } from '@pulseseal/runtime';
import { between } from './noise.ts';

const g = 9.81;

/** A fall: free fall, impact, another orientation, then no movement. Times in ms, impact in g. */
export interface FallShape {
  readonly freeFallMs: number;
  readonly impactG: number;
  readonly turnRad: number;
  readonly stillMs: number;
}

export function drawFall(random: Random): FallShape {
  return {
    freeFallMs: between(random, 300, 600),
    impactG: between(random, 3.5, 8),
    turnRad: (between(random, 50, 100) * Math.PI) / 180,
    stillMs: between(random, 120_000, 900_000),
  };
}

/** What moves the sensor at one moment. */
export interface Motion {
  /** 0 still to 1 brisk. */
  readonly activity: number;
  /** Time since the onset of a fall, if the person falls at all. */
  readonly sinceFallMs?: number;
  /** Lying somewhere off the body, handled now and then. */
  readonly loose: boolean;
}

/**
 * Acceleration of a worn sensor along its three axes in m/s2: gravity in the wearer's posture, the cadence of walking,
 * tremor; or the course of a fall.
 */
export function createAcceleration(
  random: Random,
): (axis: 0 | 1 | 2, tMs: number, motion: Motion, noise: number) => number {
  const tilt = between(random, 0.15, 0.5);
  const swing = between(random, 0, 2 * Math.PI);
  const shape = drawFall(random);
  const gravity = (lean: number): readonly [number, number, number] => [
    Math.sin(lean) * Math.cos(swing),
    Math.sin(lean) * Math.sin(swing),
    Math.cos(lean),
  ];
  const upright = gravity(tilt);
  const lying = gravity(tilt + shape.turnRad);
  return (axis, tMs, motion, noise) => {
    if (motion.loose) return g * (axis === 0 ? 1 : 0) + 0.02 * noise;
    const since = motion.sinceFallMs ?? -1;
    if (since >= 0 && since < shape.freeFallMs) return g * 0.25 * upright[axis] + 0.3 * noise;
    const afterMs = since - shape.freeFallMs;
    if (since >= 0 && afterMs < 200) {
      // A half wave along the new vertical: 25 Hz sees at least 95 % of its top.
      const impact = (shape.impactG - 1) * Math.sin((Math.PI * afterMs) / 200);
      return g * (1 + impact) * lying[axis] + 0.5 * noise;
    }
    if (since >= 0 && afterMs < shape.stillMs) return g * lying[axis] + 0.03 * noise;
    const phase = (2 * Math.PI * tMs * 1.8) / 1000 + axis * 1.1;
    const walk = motion.activity > 0.05 ? motion.activity * 4 * Math.sin(phase) : 0;
    return g * upright[axis] + walk + (0.05 + motion.activity) * noise;
  };
}

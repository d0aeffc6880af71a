import type { Clock } from '@pulseseal/runtime';
import { deviceLimits } from './limits.ts';

/**
 * Time of one device. Events are stamped on the monotonic data clock, so that a step of the wall clock moves none of them
 * against another (SPEC clauses FRAME-1, TIME-2); wall time is read once an epoch, for its t0.
 */
export interface EpochClock {
  /** Monotonic data time, ms, of an event: now, or at `atMs` as the data clock reads at this moment. */
  stamp(atMs?: number): number;
  /** How long ago it was. */
  ageMs(stampMs: number): number;
  /** A new epoch is planned: its t0 (wall time, whole ms), which is now or the time of the oldest event that waits. */
  start(waiting: readonly number[]): number;
  /** Since t0, whole ms; negative for what came before it. */
  dtOf(stampMs: number): number;
  /** Not below any dt of the epoch. */
  dtNow(): number;
  /**
   * Wall and monotonic clock parted since the epoch was planned: the memory slept or is a copy, so its keys may have sealed
   * something else meanwhile (FRAME-7), or t0 is wrong.
   */
  hasParted(): boolean;
}

export function createEpochClock(wall: Clock, data: Clock): EpochClock {
  const gap = () => wall.nowMs() - wall.monotonicMs();
  let plannedGapMs = gap();
  let knownGapMs = plannedGapMs;
  let offsetMs = data.nowMs() - data.monotonicMs();
  /** Data time less monotonic data time. Read anew only after a step: the wall clock tells whole milliseconds. */
  const offset = () => {
    const gapMs = gap();
    if (Math.abs(gapMs - knownGapMs) > deviceLimits.wallJitterMs) {
      knownGapMs = gapMs;
      offsetMs = data.nowMs() - data.monotonicMs();
    }
    return offsetMs;
  };
  let zeroMs = data.monotonicMs();
  let lastDt = 0;
  const dtOf = (stampMs: number) => {
    const dt = Math.round(stampMs - zeroMs);
    lastDt = Math.max(lastDt, dt);
    return dt;
  };
  return {
    stamp: (atMs) => (atMs === undefined ? data.monotonicMs() : atMs - offset()),
    ageMs: (stampMs) => data.monotonicMs() - stampMs,
    start(waiting) {
      const t0Ms = Math.floor(offset() + Math.min(data.monotonicMs(), ...waiting));
      zeroMs = t0Ms - offsetMs;
      lastDt = 0;
      plannedGapMs = gap();
      return t0Ms;
    },
    dtOf,
    dtNow() {
      dtOf(data.monotonicMs());
      return lastDt;
    },
    hasParted: () => Math.abs(gap() - plannedGapMs) > deviceLimits.suspendMs,
  };
}

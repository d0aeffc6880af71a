import type { Clock } from '@pulseseal/runtime';

const LOOK_MS = 1_000;
/** Slewing changes a clock by half a millisecond a second; what parts by this between two looks was set. */
const STEP_MS = 1_000;

/** Tells when the wall clock parts from the monotonic one: arrival times before and after do not compare. */
export function watchClock(wall: Clock, stepped: (byMs: number) => void): () => void {
  let gapMs = wall.nowMs() - wall.monotonicMs();
  return wall.every(LOOK_MS, () => {
    const nowGapMs = wall.nowMs() - wall.monotonicMs();
    const byMs = nowGapMs - gapMs;
    gapMs = nowGapMs;
    if (Math.abs(byMs) >= STEP_MS) stepped(byMs);
  });
}

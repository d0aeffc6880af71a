import { type Clock, createScaledClock } from '@pulseseal/runtime';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEpochClock } from '../src/device/epoch-clock.ts';

/** As of a machine: the wall clock in whole milliseconds, the monotonic one in parts of them. */
function machine() {
  let atMs = 1_800_000_000_000.4;
  let stepMs = 0;
  const unused = () => () => {};
  const clock: Clock = {
    nowMs: () => Math.floor(atMs + stepMs),
    monotonicMs: () => atMs - 1_799_999_000_000.1,
    after: unused,
    every: unused,
  };
  return {
    clock,
    pass(ms: number) {
      atMs += ms;
    },
    step(ms: number) {
      stepMs += ms;
    },
  };
}

const waits = fc.array(fc.double({ min: 0, max: 1_000, noNaN: true }), { minLength: 2, maxLength: 50 });

describe('times of events', () => {
  it.each([1, 60, 600])('stay as far apart as they were told, at %d times real speed', (speed) => {
    fc.assert(
      fc.property(waits, (lateMs) => {
        const { clock, pass } = machine();
        const data = createScaledClock(clock, { originMs: clock.nowMs(), speed });
        const time = createEpochClock(clock, data);
        const t0Ms = time.start([]);
        const beganMs = Math.ceil(data.nowMs());
        for (const [i, late] of lateMs.entries()) {
          pass(late);
          const atMs = beganMs + i * 1_000;
          expect(t0Ms + time.dtOf(time.stamp(atMs))).toBe(atMs);
        }
      }),
    );
  });

  it('told by the wall clock after its step lie on the epoch’s own clock', () => {
    const { clock, pass, step } = machine();
    const time = createEpochClock(clock, clock);
    time.start([]);
    pass(4_000);
    const before = time.dtOf(time.stamp(clock.nowMs()));
    step(-1_900);
    pass(1_000);
    const after = time.dtOf(time.stamp(clock.nowMs()));
    expect(Math.abs(after - before - 1_000)).toBeLessThanOrEqual(1);
  });
});

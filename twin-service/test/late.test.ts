import { codes } from '@pulseseal/firmware-profiles';
import { describe, expect, it } from 'vitest';
import type { Bedside } from './world.ts';
import { createBedside } from './world.ts';

/** A band whose frames come `lagS` late, beside a strap whose frames come at once, or alone. */
function wards(isAlone: boolean) {
  const world = createBedside();
  world.band();
  if (!isAlone) world.strap();
  return {
    world,
    /** What the band measures during `seconds`, each second; null: nothing of it comes. */
    spend(seconds: number, lagS: number | null, spo2: (second: number) => string) {
      world.live(seconds, (s) => {
        if (!isAlone) {
          world.say('strap', [{ code: codes.heartRate, text: '72' }], { grade: 'sealed' });
          if (s % 5 === 0) world.beat('strap', 'worn', [{ stream: 1 }, { stream: 2, paused: true }]);
        }
        if (lagS === null) return;
        late(world, lagS, spo2(s), s % 5 === 0);
      });
    },
  };
}

function late(world: Bedside, lagS: number, text: string, isBeating: boolean) {
  const atMs = world.nowMs - lagS * 1000;
  world.say('band', [{ code: codes.spo2, text }], { atMs });
  if (isBeating) world.beat('band', 'worn', [{ stream: 1 }], { atMs });
}

const lags = [0, 3, 8, 14, 18, 21, 30, 45, 55];
const cases = [true, false].flatMap((isAlone) =>
  lags.map((lagS) => ({ isAlone, lagS, who: isAlone ? 'alone' : 'beside a quicker device' })),
);

describe('readings that come late', () => {
  it.each(cases)('by $lagS s ($who) ring at a hard limit after its 10 s, and once', ({ isAlone, lagS }) => {
    const { world, spend } = wards(isAlone);
    spend(120, 0, () => '97');
    // The link slows down: nothing for a while, then all of it as late as that.
    spend(lagS, null, () => '');
    spend(60, lagS, () => '97');
    spend(10, lagS, () => '70');
    expect(world.raised()).not.toContain('hard-spo2-low');
    spend(3, lagS, () => '70');
    expect(world.raised()).toEqual(['hard-spo2-low']);
    spend(600, lagS, () => '70');
    expect(world.raised().filter((rule) => rule === 'hard-spo2-low')).toHaveLength(1);
  });

  it.each(cases)('by $lagS s ($who) do not ring by what lasted shorter', ({ isAlone, lagS }) => {
    const { world, spend } = wards(isAlone);
    spend(120, 0, () => '97');
    spend(lagS, null, () => '');
    spend(600, lagS, (s) => (s % 12 < 9 ? '70' : '97'));
    expect(world.raised()).toEqual([]);
  });

  it.each(cases)('by $lagS s ($who) do not ring by the last of them before a silence', ({ isAlone, lagS }) => {
    const { world, spend } = wards(isAlone);
    spend(120, 0, () => '97');
    spend(lagS, null, () => '');
    spend(60, lagS, () => '97');
    spend(4, lagS, () => '70');
    spend(300, null, () => '');
    expect(world.raised()).toEqual([]);
  });

  it('ring at once where a burst shows that it lasted', () => {
    const { world, spend } = wards(true);
    spend(120, 0, () => '97');
    spend(30, null, () => '');
    for (let lagS = 30; lagS >= 0; lagS--) late(world, lagS, '70', false);
    expect(world.raised()).toEqual(['hard-spo2-low']);
  });

  it('do not stop a quicker device from ringing in time when they begin to be late', () => {
    const { world } = wards(false);
    world.live(120, () => {
      world.say('strap', [{ code: codes.heartRate, text: '72' }]);
      late(world, 0, '97', false);
    });
    world.live(12, () => {
      world.say('strap', [{ code: codes.heartRate, text: '190' }]);
      late(world, 40, '97', false);
    });
    expect(world.raised()).toEqual(['hard-hr-high']);
  });

  it('keep their part of a score beside a quicker device', () => {
    const { world, spend } = wards(false);
    spend(120, 0, () => '97');
    spend(30, null, () => '');
    // SpO2 of 90 gives 3 points.
    spend(75, 30, () => '90');
    expect(world.raised()).toEqual(['news2-single-3']);
  });
});

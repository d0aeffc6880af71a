import { codes } from '@pulseseal/firmware-profiles';
import { describe, expect, it } from 'vitest';
import type { Alert } from '../src/mod.ts';
import { limits } from '../src/mod.ts';
import type { Bedside } from './world.ts';
import { createBedside } from './world.ts';

const values = [
  codes.spo2,
  codes.heartRate,
  codes.rrInterval,
  codes.respirationRate,
  codes.skinTemperature,
  codes.pulseRate,
  codes.perfusionIndex,
];

function wear(world: Bedside, device: string, seconds: number, spo2: string) {
  const rest = values.slice(1).map((code) => ({ code, text: code === codes.respirationRate ? '15' : '72' }));
  world.live(seconds, (s) => {
    world.say(device, [{ code: codes.spo2, text: spo2 }, ...rest], { grade: 'sealed' });
    if (s % 5 === 0) world.beat(device, 'worn', [{ stream: 1 }]);
  });
}

/** A new patch: worn for a while, desaturates, is well again. True when it rang. */
function patch(world: Bedside, device: string): boolean {
  world.epoch(device, 'ecg-patch', [{ stream: 1, name: 'vitals', codes: values, ms: 1000 }]);
  const before = world.raised().filter((rule) => rule === 'hard-spo2-low').length;
  wear(world, device, 30, '97');
  wear(world, device, 13, '70');
  const rang = world.raised().filter((rule) => rule === 'hard-spo2-low').length > before;
  wear(world, device, 60, '97');
  return rang;
}

const many = limits.devices + 6;

describe('devices that are replaced one after another', () => {
  const ends: readonly (readonly [string, (world: Bedside, device: string) => void])[] = [
    [
      'after they were switched off',
      (world, device) => {
        world.beat(device, 'shutdown', [{ stream: 1 }]);
        world.grade(device, 0, world.seq);
        world.live(30, () => {});
      },
    ],
    ['hours after they fell silent', (world) => world.pass(2 * 3_600_000)],
  ];
  it.each(ends)('%s ring all the same, and are watched', (_how, end) => {
    const world = createBedside();
    for (let n = 0; n < many; n++) {
      const device = `patch${n}`;
      expect([n, patch(world, device)]).toEqual([n, true]);
      expect(Object.keys(world.twin.devices)).toContain(device);
      end(world, device);
    }
    expect(Object.keys(world.twin.devices).length).toBeLessThanOrEqual(limits.devices);
    expect(Object.keys(world.twin.slots).length).toBeLessThanOrEqual(limits.slots);
    expect(world.technical()).not.toContain('no-room');
    const last = `patch${many - 1}`;
    world.epoch(last, 'ecg-patch', [{ stream: 1, name: 'vitals', codes: values, ms: 1000 }], 2);
    world.live(20, () => {});
    expect(world.twin.open).toContainEqual(expect.objectContaining({ rule: 'silence-device-gone', device: last }));
  });

  it('within minutes ring all the same, and it is told that not all are watched', () => {
    const world = createBedside();
    for (let n = 0; n < limits.devices; n++) expect([n, patch(world, `patch${n}`)]).toEqual([n, true]);
    expect(world.technical()).not.toContain('no-room');
    expect(patch(world, 'one more')).toBe(true);
    wear(world, 'one more', 600, '97');
    expect(world.technical().filter((rule) => rule === 'no-room')).toHaveLength(1);
    expect(world.alert('no-room')).toMatchObject({ priority: 'technical', device: null, cause: null, state: 'active' });
    world.live(3000, () => {});
    expect(world.openTechnical()).toContain('no-room');
    world.live(610, () => {});
    expect(world.openTechnical()).not.toContain('no-room');
  });
});

describe('values beyond what is kept', () => {
  it('give way to a value that a score needs', () => {
    const world = createBedside();
    world.band();
    const others = Array.from({ length: limits.slots }, (_, n) => ({ code: 900_000 + n, text: '1' }));
    for (let from = 0; from < others.length; from += 40) world.say('band', others.slice(from, from + 40));
    expect(Object.keys(world.twin.slots)).toHaveLength(limits.slots);
    world.live(13, () => {
      for (let from = 0; from < others.length; from += 40) world.say('band', others.slice(from, from + 40));
      world.say('band', [{ code: codes.spo2, text: '70' }]);
      world.beat('band', 'worn', [{ stream: 1 }]);
    });
    expect(world.raised()).toEqual(['hard-spo2-low']);
    expect(world.openTechnical()).toEqual(['no-room']);
  });
});

describe('many open technical alerts', () => {
  it('keep no physiological one from opening', () => {
    const world = createBedside();
    world.band();
    const open = Array.from(
      { length: limits.openAlerts },
      (_, n): Alert => ({
        id: `old${n}`,
        rule: 'refused',
        priority: 'technical',
        state: 'active',
        device: `d${n}`,
        cause: null,
        reason: 'x',
        plainReason: 'x',
        raisedAtMs: world.nowMs,
        contributors: [],
        acknowledged: null,
        clearedAtMs: null,
        readingId: null,
      }),
    );
    world.resume({ ...world.twin, open }, world.nowMs, world.seq);
    // Readings alone, without the timer that would clear what holds no more.
    for (let s = 0; s < 13; s++) {
      world.pass(1000);
      world.say('band', [{ code: codes.spo2, text: '70' }]);
    }
    expect(world.open()).toEqual(['hard-spo2-low']);
  });
});

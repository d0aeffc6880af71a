import { codes } from '@pulseseal/firmware-profiles';
import { describe, expect, it } from 'vitest';
import type { Bedside } from './world.ts';
import { createBedside } from './world.ts';

const streams = [{ stream: 1 }, { stream: 2 }];

/** A worn strap: heart each second, breathing each minute, a heartbeat every five seconds. */
function wear(world: Bedside, seconds: number, flags: Parameters<Bedside['beat']>[2] = streams) {
  world.live(seconds, (s) => {
    world.say('strap', [{ code: codes.heartRate, text: '72' }], { grade: 'sealed' });
    if (s % 60 === 59) world.say('strap', [{ code: codes.respirationRate, text: '15' }], { grade: 'sealed' });
    if (s % 5 === 0) world.beat('strap', 'worn', flags);
  });
}

function worn() {
  const world = createBedside();
  world.strap();
  wear(world, 60);
  return world;
}

describe('a heartbeat that comes late', () => {
  it('does not take back a signed farewell', () => {
    const world = worn();
    const late = world.seq;
    world.beat('strap', 'shutdown', streams, { seq: late + 1 });
    world.grade('strap', 0, late + 2);
    world.live(20, () => {});
    world.beat('strap', 'worn', streams, { seq: late });
    world.live(300, () => {});
    expect(world.twin.devices.strap).toMatchObject({ state: 'shutdown', farewell: { sealed: true } });
    expect(world.technical()).toEqual([]);
  });

  it('does not put a device on again', () => {
    const world = worn();
    world.live(60, (s) => {
      if (s % 5 === 0) world.beat('strap', 'off-body', streams, { seq: 1000 + s });
      if (s === 21 || s === 41) world.beat('strap', 'worn', streams, { seq: 800 + s });
    });
    expect(world.technical()).toEqual(['silence-off-body']);
  });

  it('of an epoch that is over says nothing about the present one', () => {
    const world = worn();
    world.epoch('strap', 'chest-strap', [{ stream: 1, name: 'heart', codes: [codes.heartRate], ms: 1000 }], 2);
    world.beat('strap', 'worn', [{ stream: 1 }]);
    world.beat('strap', 'shutdown', [{ stream: 1, contact: false }], { eh: 'e1', seq: 9000 });
    expect(world.twin.devices.strap).toMatchObject({ state: 'worn', farewell: null, streams: [{ contact: true }] });
  });

  it('leaves what the newest one said of a sensor', () => {
    const world = worn();
    world.beat('strap', 'worn', streams, { seq: 2000 });
    world.beat('strap', 'worn', [{ stream: 1, contact: false }, { stream: 2 }], { seq: 1999 });
    expect(world.twin.devices.strap!.streams[0]).toMatchObject({ contact: true, badSinceWallMs: null });
  });
});

describe('a stream that could not be heard for a time', () => {
  const away: readonly (readonly [string, (world: Bedside) => void, readonly string[]])[] = [
    ['off the body', (world) => world.beat('strap', 'off-body', streams), ['silence-off-body']],
    ['charging', (world) => world.beat('strap', 'charging', streams), []],
    ['paused', (world) => world.beat('strap', 'worn', [{ stream: 1 }, { stream: 2, paused: true }]), []],
    [
      'without contact',
      (world) => world.beat('strap', 'worn', [{ stream: 1 }, { stream: 2, contact: false }]),
      ['silence-off-body'],
    ],
    [
      'at fault',
      (world) => world.beat('strap', 'worn', [{ stream: 1 }, { stream: 2, fault: true }]),
      ['silence-sensor-fault'],
    ],
  ];

  it.each(away)('%s for 5 min is not missed the moment it is back', (_why, beat, told) => {
    const world = worn();
    world.live(300, (s) => {
      world.say('strap', [{ code: codes.heartRate, text: '72' }], { grade: 'sealed' });
      if (s % 5 === 0) beat(world);
    });
    wear(world, 120);
    expect(world.technical()).toEqual(told);
    // Missed it is all the same when it does not come.
    world.live(240, (s) => {
      world.say('strap', [{ code: codes.heartRate, text: '72' }], { grade: 'sealed' });
      if (s % 5 === 0) world.beat('strap', 'worn', streams);
    });
    expect(world.openTechnical()).toEqual(['silence-stream-missing']);
  });
});

import { codes } from '@pulseseal/firmware-profiles';
import type { Screening } from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import type { Bedside, Said } from './world.ts';
import { createBedside } from './world.ts';

const poor: Screening = { verdict: 'doubtful', reason: 'low-quality' };
const good: Screening = { verdict: 'accepted' };

/** A worn band whose saturation and pulse are judged as `spo2` and `pulse` say, second by second. */
function band(world: Bedside, seconds: number, spo2: (s: number) => Screening, pulse: (s: number) => Screening = spo2) {
  world.live(seconds, (s) => {
    say(world, 'band', [
      { code: codes.spo2, text: '70', screening: spo2(s) },
      { code: codes.pulseRate, text: '80', screening: pulse(s) },
    ]);
    if (s % 5 === 0) world.beat('band', 'worn', [{ stream: 1 }]);
  });
}

function start() {
  const world = createBedside();
  world.band();
  world.live(60, (s) => {
    say(world, 'band', [
      { code: codes.spo2, text: '97' },
      { code: codes.pulseRate, text: '80' },
    ]);
    if (s % 5 === 0) world.beat('band', 'worn', [{ stream: 1 }]);
  });
  return world;
}

/** What a close covers already: waiting for one is another alarm. */
const say = (world: Bedside, device: string, said: readonly Said[]) => world.say(device, said, { grade: 'sealed' });

describe('a signal that nobody may judge by', () => {
  it('is told after 60 s, once, by what it lacks, and says nothing about the person', () => {
    const world = start();
    band(world, 59, () => poor);
    expect(world.technical()).toEqual([]);
    band(world, 2, () => poor);
    expect(world.twin.open).toMatchObject([
      {
        rule: 'no-signal',
        priority: 'technical',
        cause: 'sensor-fault',
        device: 'band',
        reason: 'Wrist band gives no usable oxygen, pulse for 60 s: its signal is poor',
        plainReason: 'The wrist band does not measure well at the moment.',
      },
    ]);
    band(world, 3600, () => poor);
    expect(world.technical()).toEqual(['no-signal']);
    expect(world.raised()).toEqual([]);
  });

  const silent: readonly (readonly [string, (s: number) => Screening])[] = [
    ['one usable value in 40 s', (s) => (s % 40 === 0 ? good : poor)],
    ['values that are merely rare', () => ({ verdict: 'doubtful', reason: 'implausible' })],
    ['a sensor without contact, which says so itself', () => ({ verdict: 'invalid', reason: 'no-contact' })],
    ['a sensor at fault, which says so itself', () => ({ verdict: 'invalid', reason: 'sensor-fault' })],
  ];
  it.each(silent)('is not %s', (_what, spo2) => {
    const world = start();
    band(world, 600, spo2, () => good);
    expect(world.technical()).toEqual([]);
  });

  it('names one value alone where the others of its stream are usable, impossible ones too', () => {
    for (const verdict of [poor, { verdict: 'invalid', reason: 'out-of-range' } as const]) {
      const world = start();
      band(
        world,
        70,
        () => verdict,
        () => good,
      );
      expect(world.twin.open).toMatchObject([{ rule: 'no-signal', parts: [String(codes.spo2)] }]);
    }
  });

  it('calls once for values that go bad one after the other', () => {
    const world = start();
    band(
      world,
      90,
      () => poor,
      (s) => (s < 20 ? good : poor),
    );
    expect(world.technical()).toEqual(['no-signal']);
  });

  it('ends after 15 s of usable values, and a shorter spell of them calls nobody again', () => {
    const world = start();
    band(world, 70, () => poor);
    for (let i = 0; i < 20; i++) band(world, 60, (s) => (s < 10 ? good : poor));
    expect(world.technical()).toEqual(['no-signal']);
    expect(world.openTechnical()).toEqual(['no-signal']);
    world.live(14, () =>
      say(world, 'band', [
        { code: codes.spo2, text: '97' },
        { code: codes.pulseRate, text: '80' },
      ]),
    );
    expect(world.openTechnical()).toEqual(['no-signal']);
    world.live(3, () =>
      say(world, 'band', [
        { code: codes.spo2, text: '97' },
        { code: codes.pulseRate, text: '80' },
      ]),
    );
    expect(world.openTechnical()).toEqual([]);
  });

  it('waits for three values where they come each minute', () => {
    const world = createBedside();
    world.strap();
    const breath = (screening: Screening): Said => ({ code: codes.respirationRate, text: '15', screening });
    const minutes = (count: number, screening: Screening) =>
      world.live(count * 60, (s) => {
        say(world, 'strap', [{ code: codes.heartRate, text: '72' }]);
        if (s % 60 === 0) say(world, 'strap', [breath(screening)]);
        if (s % 5 === 0) world.beat('strap', 'worn', [{ stream: 1 }, { stream: 2 }]);
      });
    minutes(2, good);
    minutes(2, poor);
    minutes(2, good);
    expect(world.technical()).toEqual([]);
    minutes(4, poor);
    expect(world.technical()).toEqual(['no-signal']);
  });

  it('gives way to the alarm of a band that comes off, and begins anew when it is worn', () => {
    const world = start();
    band(world, 50, () => poor);
    world.live(20, (s) => s % 5 === 0 && world.beat('band', 'off-body', [{ stream: 1 }]));
    band(world, 50, () => poor);
    expect(world.technical()).toEqual(['silence-off-body']);
    band(world, 20, () => poor);
    expect(world.openTechnical()).toEqual(['no-signal']);
  });

  it('gives way to the alarm of a stream that does not come at all', () => {
    const world = start();
    band(world, 70, () => poor);
    world.live(20, (s) => s % 5 === 0 && world.beat('band', 'worn', [{ stream: 1 }]));
    expect(world.openTechnical()).toEqual(['silence-stream-missing']);
  });

  it('is nothing that charted values have', () => {
    const world = createBedside();
    world.hub();
    world.live(300, (s) => {
      if (s % 20 === 0) say(world, 'hub', [{ code: codes.nibpSystolic, text: '20', charted: true, screening: poor }]);
      if (s % 5 === 0) world.beat('hub');
    });
    expect(world.technical()).toEqual([]);
  });
});

import { codes } from '@pulseseal/firmware-profiles';
import { describe, expect, it } from 'vitest';
import type { Bedside } from './world.ts';
import { createBedside } from './world.ts';

const noCard = (stream: number) => ({ stream, name: `stream ${stream}`, codes: [], ms: null });
const ecg = { stream: 3, name: 'ecg', codes: [codes.ecgLeadI], ms: 1000 };

/** Frames of a scope whose card is here. */
function wave(world: Bedside) {
  world.observe({
    kind: 'wave',
    block: {
      id: 'x',
      patient: 'p1',
      device: 'strap',
      code: codes.ecgLeadI,
      unit: 'uV',
      scale: [1, 0, 0],
      rateHz: 250,
      atMs: world.nowMs,
      samples: [],
      grade: 'provisional',
      quality: 90,
      history: false,
    },
  });
}

/** A strap whose vitals go on being sent, and cannot be read. */
function blind(world: Bedside, seconds: number, flags: Partial<{ last: number; paused: boolean }> = {}) {
  world.live(seconds, (s) => {
    wave(world);
    if (s % 5 !== 0) return;
    world.beat('strap', 'worn', [
      { stream: 1, last: 2 + s, ...flags },
      { stream: 2, last: 3, ...flags },
      { stream: 3, last: 3 + s },
    ]);
  });
}

describe('a card that is kept back', () => {
  it('is noticed in the first epoch by what the heartbeats say was sent', () => {
    const world = createBedside();
    world.epoch('strap', 'ecg-sensor', [noCard(1), noCard(2), ecg]);
    blind(world, 21);
    expect(world.technical()).toEqual(['silence-stream-missing']);
    expect(world.twin.open[0]!.reason).toMatch(/^ECG sensor is heard, but not its stream 1, stream 2 for 1\d s$/);
    blind(world, 600);
    expect(world.technical()).toHaveLength(1);
  });

  it('is noticed in a later epoch 15 s after it began, by the name and interval that are known', () => {
    const world = createBedside();
    world.strap();
    world.live(60, (s) => {
      world.say('strap', [{ code: codes.heartRate, text: '72' }], { grade: 'sealed' });
      if (s % 5 === 0) world.beat('strap', 'worn', [{ stream: 1 }, { stream: 2 }]);
    });
    world.epoch('strap', 'ecg-sensor', [noCard(1), noCard(2), ecg], 2);
    blind(world, 15);
    expect(world.technical()).toEqual(['silence-stream-missing']);
    expect(world.twin.open[0]!.reason).toContain('Chest strap is heard, but not its heart');
    expect(world.twin.devices.strap).toMatchObject({ kind: 'chest-strap', eh: 'e2' });
  });

  it('is noticed where the heartbeats are kept back too', () => {
    const world = createBedside();
    world.epoch('strap', 'ecg-sensor', [noCard(1), noCard(2), ecg]);
    world.beat('strap', 'worn', [{ stream: 1 }, { stream: 2 }, { stream: 3 }]);
    world.live(16, () => wave(world));
    expect(world.technical()).toEqual(['silence-stream-missing']);
  });

  it('is missed no more when it comes', () => {
    const world = createBedside();
    world.epoch('strap', 'ecg-sensor', [noCard(1), noCard(2), ecg]);
    blind(world, 30);
    world.epoch('strap', 'chest-strap', [
      { stream: 1, name: 'heart', codes: [codes.heartRate], ms: 1000 },
      { stream: 2, name: 'breathing', codes: [codes.respirationRate], ms: 60_000 },
      ecg,
    ]);
    world.live(30, (s) => {
      wave(world);
      world.say('strap', [{ code: codes.heartRate, text: '72' }], { grade: 'sealed' });
      if (s % 5 === 0) world.beat('strap', 'worn', [{ stream: 1, last: 90 }, { stream: 2, last: 80 }, { stream: 3 }]);
    });
    expect(world.openTechnical()).toEqual([]);
  });

  it('is waited for anew after the system was off', () => {
    const world = createBedside();
    world.epoch('strap', 'ecg-sensor', [noCard(1), noCard(2), ecg]);
    blind(world, 10);
    const fromMs = world.nowMs;
    world.pass(3_600_000);
    world.run({ kind: 'system-off', fromMs, toMs: world.nowMs, wallMs: world.nowMs });
    blind(world, 12);
    expect(world.openTechnical()).toEqual([]);
    blind(world, 4);
    expect(world.openTechnical()).toEqual(['silence-stream-missing']);
  });

  it('is told of charted values, which no interval would miss', () => {
    const world = createBedside();
    world.hub();
    world.epoch('hub', 'wearable', [noCard(1), noCard(2), noCard(3), noCard(4)], 2);
    const beat = (last: number) => [1, 2, 3, 4].map((stream) => ({ stream, last: stream === 1 ? last : 0 }));
    world.live(1800, (s) => s % 5 === 0 && world.beat('hub', 'worn', beat(0)));
    expect(world.technical()).toEqual([]);
    world.live(21, (s) => s % 5 === 0 && world.beat('hub', 'worn', beat(300)));
    expect(world.technical()).toEqual(['silence-stream-missing']);
    expect(world.twin.open[0]!.reason).toMatch(/not its blood pressure for 1\d s$/);
  });

  it.each([
    ['that sent nothing yet', { last: 0 }],
    ['that the wearer paused', { last: 2, paused: true }],
  ])('is not waited for by a stream %s', (_what, flags) => {
    const world = createBedside();
    world.epoch('strap', 'ecg-sensor', [noCard(1), noCard(2), ecg]);
    blind(world, 3600, flags);
    expect(world.technical()).toEqual([]);
  });

  it('changes nothing when the same first word of an epoch is told again', () => {
    const world = createBedside();
    world.strap();
    world.epoch('strap', 'wearable', [noCard(1), noCard(2)], 2);
    const told = world.events.length;
    world.epoch('strap', 'wearable', [noCard(1), noCard(2)], 2);
    expect(world.events.length).toBe(told);
  });
});

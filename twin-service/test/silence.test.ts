import { codes } from '@pulseseal/firmware-profiles';
import { describe, expect, it } from 'vitest';
import { shownPatient } from '../src/board-view.ts';
import type { Bedside } from './world.ts';
import { chartNormal, createBedside } from './world.ts';

const heart = [{ code: codes.heartRate, text: '72' }];
const breath = [{ code: codes.respirationRate, text: '15' }];

function worn() {
  const world = createBedside();
  world.strap();
  wear(world, 60);
  return world;
}

function wear(world: Bedside, seconds: number) {
  world.live(seconds, (s) => {
    world.say('strap', heart, { grade: 'sealed' });
    if (s % 60 === 0) world.say('strap', breath, { grade: 'sealed' });
    if (s % 5 === 0) world.beat('strap', 'worn', [{ stream: 1 }, { stream: 2 }]);
  });
}

describe('silence', () => {
  it('says nothing while all is heard', () => {
    const world = worn();
    wear(world, 600);
    expect(world.technical()).toEqual([]);
  });

  it('names a device that is gone after 15 s, with no data at all coming, and ends when it is heard', () => {
    const world = worn();
    world.live(14, () => {});
    expect(world.technical()).toEqual([]);
    world.live(2, () => {});
    expect(world.twin.open).toMatchObject([
      { rule: 'silence-device-gone', priority: 'technical', cause: 'device-gone', device: 'strap' },
    ]);
    expect(world.twin.open[0]!.reason).toMatch(/^Nothing heard from the chest strap for 1[5-9] s$/);
    wear(world, 2);
    expect(world.openTechnical()).toEqual([]);
    expect(world.technical()).toEqual(['silence-device-gone']);
  });

  it('says so when the gateway has no session with it', () => {
    const world = worn();
    world.observe({
      kind: 'link',
      patient: 'p1',
      device: 'strap',
      state: 'no-session',
      lastArrivalMs: 0,
      atMs: world.nowMs,
    });
    world.live(16, () => {});
    expect(world.twin.open[0]!.reason).toContain('it is not connected');
  });

  it('names the gateway before the device', () => {
    const world = worn();
    world.edgeLives = false;
    world.live(30, () => {});
    expect(world.technical()).toEqual(['silence-gateway-unreachable']);
    world.edgeLives = true;
    world.tick();
    expect(world.openTechnical()).toEqual(['silence-device-gone']);
  });

  it('names the processor that is behind', () => {
    const world = worn();
    world.edge.processorLagMs = 20_000;
    world.live(20, () => {});
    expect(world.technical()).toEqual(['silence-processor-behind']);
    world.edge.processorLagMs = 0;
    wear(world, 2);
    expect(world.openTechnical()).toEqual([]);
  });

  it('names the end of consent', () => {
    const world = worn();
    world.observe({
      kind: 'link',
      patient: 'p1',
      device: 'strap',
      state: 'not-forwarded',
      lastArrivalMs: 0,
      atMs: world.nowMs,
    });
    world.live(16, () => {});
    expect(world.technical()).toEqual(['silence-consent-ended']);
  });

  it('tells a strap that was taken off within 15 s, without a physiological alarm', () => {
    const world = worn();
    world.live(15, (s) => {
      world.say('strap', [{ code: codes.heartRate, text: '10' }], { grade: 'sealed' });
      if (s % 5 === 4) world.beat('strap', 'off-body');
    });
    expect(world.technical()).toEqual(['silence-off-body']);
    world.live(120, (s) => {
      world.say('strap', [{ code: codes.heartRate, text: '220' }], { grade: 'sealed' });
      if (s % 5 === 4) world.beat('strap', 'off-body');
    });
    expect(world.raised()).toEqual([]);
    expect(world.technical()).toEqual(['silence-off-body']);
    wear(world, 6);
    expect(world.openTechnical()).toEqual([]);
  });

  it('goes on saying "off the body" when the device is switched off, until it is worn again', () => {
    const world = worn();
    world.live(15, (s) => s % 5 === 4 && world.beat('strap', 'off-body'));
    expect(world.openTechnical()).toEqual(['silence-off-body']);
    world.beat('strap', 'shutdown');
    world.live(5, () => {});
    expect(world.openTechnical()).toEqual(['silence-off-body']);
    world.epoch('strap', 'chest-strap', [{ stream: 1, name: 'heart', codes: [codes.heartRate], ms: 1000 }], 2);
    world.live(2, () => {});
    world.beat('strap', 'off-body');
    world.live(2, () => {});
    expect(world.technical()).toEqual(['silence-off-body']);
    expect(world.openTechnical()).toEqual(['silence-off-body']);
    wear(world, 6);
    expect(world.openTechnical()).toEqual([]);
  });

  it('learns what streams measure when the cards come after the first word of an epoch', () => {
    const world = createBedside();
    world.epoch('strap', 'wearable', [{ stream: 1, name: 'stream 1', codes: [], ms: null }]);
    world.strap();
    expect(world.twin.devices.strap).toMatchObject({ kind: 'chest-strap', eh: 'e1' });
    expect(world.twin.devices.strap!.streams.map((stream) => stream.codes)).toEqual([
      [codes.heartRate],
      [codes.respirationRate],
    ]);
    const told = world.events.length;
    world.strap();
    expect(world.events.length).toBe(told);
  });

  it('tells a stream without contact and one at fault by name', () => {
    const world = worn();
    world.live(
      12,
      (s) =>
        s % 5 === 0 &&
        world.beat('strap', 'worn', [
          { stream: 1, contact: false },
          { stream: 2, fault: true },
        ]),
    );
    expect(world.twin.open.map((alert) => alert.reason).sort()).toEqual([
      'Chest strap has no skin contact: heart',
      'Chest strap reports a sensor fault: breathing',
    ]);
  });

  it('notices within 15 s that one stream is dropped while the device lives', () => {
    const world = worn();
    world.live(15, (s) => s % 5 === 0 && world.beat('strap', 'worn', [{ stream: 1 }, { stream: 2 }]));
    expect(world.twin.open).toMatchObject([{ rule: 'silence-stream-missing', cause: 'stream-missing' }]);
    expect(world.twin.open[0]!.reason).toContain('not its heart');
  });

  it('does not miss a stream that the device paused', () => {
    const world = worn();
    world.live(60, (s) => {
      if (s % 5 === 0)
        world.beat('strap', 'worn', [
          { stream: 1, paused: true },
          { stream: 2, paused: true },
        ]);
    });
    expect(world.technical()).toEqual([]);
  });

  it('hears waveforms too', () => {
    const world = createBedside();
    world.epoch('strap', 'chest-strap', [{ stream: 3, name: 'ecg', codes: [codes.ecgLeadI], ms: 1000 }]);
    const block = (code: number) =>
      world.observe({
        kind: 'wave',
        block: {
          id: 'x',
          patient: 'p1',
          device: 'strap',
          code,
          unit: 'uV',
          scale: [1, 0, 0],
          rateHz: 250,
          atMs: world.nowMs,
          samples: [],
          grade: 'provisional',
          quality: 0,
          history: false,
        },
      });
    const noted = world.events.length;
    world.live(120, () => block(codes.ecgLeadI));
    expect(world.technical()).toEqual([]);
    expect(world.events.length - noted).toBeLessThan(40);
    world.live(16, () => world.beat('strap'));
    expect(world.technical()).toEqual(['silence-stream-missing']);
  });

  it('asks for a look where a device announced its end and no signature covers that yet', () => {
    const world = worn();
    world.beat('strap', 'shutdown');
    world.live(30, () => {});
    expect(world.technical()).toEqual(['silence-planned-pause']);
    expect(world.twin.open[0]!.reason).toContain('its signature for that has not come');
    world.grade('strap', world.seq - 1, 1);
    world.live(1, () => {});
    expect(world.openTechnical()).toEqual([]);
  });

  it('lets a device rest that announced its end and signed it, however long', () => {
    const world = worn();
    world.beat('strap', 'shutdown');
    world.grade('strap', 0, world.seq);
    world.live(3600, () => {});
    expect(world.technical()).toEqual([]);
    const shown = shownPatient(world.twin, { patient: 'p1', name: 'Ana', bed: '1' }, world.nowMs);
    expect(shown).toMatchObject({
      restingSinceMs: world.nowMs - 3_600_000,
      urgency: -1,
      headline: 'Switched off as announced: chest strap. Nothing is measured',
      plainHeadline: 'Nothing is being measured: the chest strap is switched off.',
    });
  });

  it('takes a close over what came before the announcement for no signature of it', () => {
    const world = worn();
    world.beat('strap', 'shutdown');
    world.grade('strap', 0, world.seq - 1);
    world.live(30, () => {});
    expect(world.openTechnical()).toEqual(['silence-planned-pause']);
  });

  it('awaits a device again that opens an epoch or speaks after it was switched off', () => {
    for (const back of ['epoch', 'heartbeat']) {
      const world = worn();
      world.beat('strap', 'shutdown');
      world.grade('strap', 0, world.seq);
      world.live(60, () => {});
      if (back === 'heartbeat') world.beat('strap', 'worn');
      else world.epoch('strap', 'chest-strap', [{ stream: 1, name: 'heart', codes: [codes.heartRate], ms: 1000 }], 2);
      world.live(30, () => {});
      expect(world.openTechnical()).toEqual(['silence-device-gone']);
    }
  });

  it('keeps watching the devices that go on when one is switched off, and says which one it was', () => {
    const world = worn();
    world.band();
    world.beat('strap', 'shutdown');
    world.grade('strap', 0, world.seq);
    world.live(10, () => {
      world.say('band', [{ code: codes.spo2, text: '97' }], { grade: 'sealed' });
    });
    const shown = () => shownPatient(world.twin, { patient: 'p1', name: 'Ana', bed: '1' }, world.nowMs);
    expect(shown().restingSinceMs).toBeNull();
    expect(shown().headline).toContain('chest strap switched off as announced');
    expect(shown().plainHeadline).toBe('Nothing unusual has been noticed. The chest strap is switched off.');
    world.live(20, () => {});
    expect(world.openTechnical()).toEqual(['silence-device-gone']);
  });

  it('does not end an open alert because the device was switched off', () => {
    const world = worn();
    world.band();
    world.live(15, () => world.say('band', [{ code: codes.spo2, text: '72' }], { grade: 'sealed' }));
    expect(world.open()).toContain('hard-spo2-low');
    for (const device of ['strap', 'band']) {
      world.beat(device, 'shutdown');
      world.grade(device, 0, world.seq);
    }
    world.live(3600, () => {});
    expect(world.open()).toContain('hard-spo2-low');
    const shown = shownPatient(world.twin, { patient: 'p1', name: 'Ana', bed: '1' }, world.nowMs);
    expect(shown.urgency).toBeGreaterThan(1000);
  });

  it('does not call for a gateway that nobody waits for', () => {
    const world = worn();
    world.beat('strap', 'shutdown');
    world.grade('strap', 0, world.seq);
    world.edgeLives = false;
    world.live(60, () => {});
    expect(world.technical()).toEqual([]);
  });

  it('tells readings whose close is held back', () => {
    const world = worn();
    const first = world.seq;
    const talk = (s: number) => {
      world.say('strap', heart);
      if (s % 60 === 0) world.say('strap', breath);
      if (s % 5 === 0) world.beat('strap', 'worn', [{ stream: 1 }, { stream: 2 }]);
    };
    world.live(90, talk);
    expect(world.technical()).toEqual([]);
    world.live(3, talk);
    expect(world.openTechnical()).toEqual(['unsealed']);
    world.grade('strap', first, world.seq - first);
    world.live(1, talk);
    expect(world.openTechnical()).toEqual([]);
  });

  it('tells delay that grew by more than 10 s', () => {
    const world = worn();
    const lag = (ms: number) => {
      world.pass(1000);
      world.say('strap', heart, { grade: 'sealed', atMs: world.nowMs - ms });
      world.tick();
    };
    lag(8000);
    expect(world.technical()).toEqual([]);
    lag(12_000);
    expect(world.openTechnical()).toEqual(['delayed']);
    lag(6000);
    expect(world.openTechnical()).toEqual(['delayed']);
    lag(1000);
    expect(world.openTechnical()).toEqual([]);
  });

  it('is never silent about what failed a check', () => {
    const world = worn();
    world.observe({
      kind: 'refused',
      patient: 'p1',
      device: 'strap',
      refusal: 'root-mismatch',
      what: 'segment',
      atMs: world.nowMs,
    });
    wear(world, 2);
    expect(world.twin.open).toMatchObject([{ rule: 'refused', priority: 'technical', cause: null }]);
    expect(world.twin.open[0]!.reason).toContain('root-mismatch');
    wear(world, 310);
    expect(world.openTechnical()).toEqual([]);
  });

  it('goes on with the present epoch when an older one is told again', () => {
    const world = worn();
    world.epoch('strap', 'chest-strap', [{ stream: 1, name: 'heart', codes: [codes.heartRate], ms: 1000 }], 2);
    world.strap();
    expect(world.twin.devices.strap).toMatchObject({ eh: 'e2', epoch: 2, streams: [{ name: 'heart' }] });
  });

  it('waits anew after the system was off, and keeps open alerts', () => {
    const world = worn();
    world.live(16, () => {});
    expect(world.openTechnical()).toEqual(['silence-device-gone']);
    const fromMs = world.nowMs;
    world.pass(3_600_000);
    world.run({ kind: 'system-off', fromMs, toMs: world.nowMs, wallMs: world.nowMs });
    expect(world.openTechnical()).toEqual(['silence-device-gone']);
    expect(world.twin.systemOff).toEqual([{ fromMs, toMs: world.nowMs }]);
    world.live(16, () => {});
    expect(world.openTechnical()).toEqual(['silence-device-gone']);
  });
});

describe('a stable day', () => {
  it('calls nobody', () => {
    const world = createBedside();
    world.strap();
    world.band();
    world.hub();
    let seed = 7;
    const noise = () => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed / 2 ** 32 - 0.5;
    };
    // 4 h of seconds: night pulse, an hour of activity, a fever of 38.2, breathing about 15 and saturation about 97.
    world.live(4 * 3600, (s) => {
      const activity = s > 7200 && s < 10_800 ? 45 : 0;
      world.say('strap', [{ code: codes.heartRate, text: String(Math.round(66 + activity + 8 * noise())) }]);
      world.say('band', [{ code: codes.spo2, text: String(Math.round(97 + 2 * noise())) }]);
      if (s % 60 === 0)
        world.say('strap', [{ code: codes.respirationRate, text: String(Math.round(15 + 5 * noise())) }]);
      if (s % 3600 === 0) {
        chartNormal(world);
        world.say('hub', [{ code: codes.bodyTemperature, text: '38.2', charted: true }]);
      }
      if (s % 5 === 0) {
        for (const device of ['strap', 'band', 'hub']) world.beat(device);
      }
      if (s % 60 === 59) for (const device of ['strap', 'band', 'hub']) world.grade(device, world.seq - 400, 400);
    });
    expect(world.raised()).toEqual([]);
    expect(world.technical()).toEqual([]);
    const slots = Object.values(world.twin.slots);
    expect(slots.every((slot) => slot.pending.length <= 120)).toBe(true);
  });
});

import { codes } from '@pulseseal/firmware-profiles';
import type { LiveMessage, ShownPatient } from '@pulseseal/protocol';
import { createMetrics, createSilentLogger } from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import type { LiveClient } from '../src/live-hub.ts';
import { createLiveHub, liveLimits } from '../src/live-hub.ts';
import { createMemoryJournal, createTwinService } from '../src/mod.ts';
import { createBedside, startMs } from './world.ts';

const ana = { person: 'Ana', role: 'clinician', patients: 'all' } as const;

async function watched(patients = [{ patient: 'p1', name: 'Rosa', bed: '1' }]) {
  const clock = createManualClock(startMs);
  const service = await createTwinService(
    {
      wall: clock,
      data: clock,
      journal: createMemoryJournal(),
      logger: createSilentLogger(),
      metrics: createMetrics('t'),
    },
    { patients, watchesGateway: false },
  );
  const hub = createLiveHub(service, clock);
  let session = 0;
  const client = (bufferedBytes = 0) => {
    const got: string[] = [];
    const pictures: ShownPatient[] = [];
    const closed: string[] = [];
    const made: LiveClient = {
      session: `s${session++}`,
      viewer: ana,
      wave: 'p1',
      bufferedBytes: () => bufferedBytes,
      send: (text) => {
        const message = JSON.parse(text) as LiveMessage;
        got.push(message.type);
        if (message.type === 'patient') pictures.push(message.patient);
      },
      close: (reason) => closed.push(reason),
      isExpired: () => false,
    };
    expect(hub.join(made)).toBe(true);
    return { got, pictures, closed };
  };
  const world = createBedside();
  /** A desaturation to its alert, an ECG block, and a beat of the hub. */
  const live = async () => {
    for (let s = 0; s < 12; s++) {
      clock.advance(1000);
      await service.handle([
        world.frame('band', [{ code: codes.spo2, text: '75' }], { atMs: clock.nowMs() }),
        {
          kind: 'wave',
          block: {
            id: 'x',
            patient: 'p1',
            device: 'strap',
            code: codes.ecgLeadI,
            unit: 'uV',
            scale: [1, 0, 0],
            rateHz: 250,
            atMs: clock.nowMs(),
            samples: [1],
            grade: 'provisional',
            quality: 0,
            history: false,
          },
        },
      ]);
    }
    clock.advance(1000);
  };
  return { client, live, hub, service, clock, world };
}

describe('a slow client', () => {
  it('loses waves first, then pictures, never alerts, and at last its place', async () => {
    const { client, live, hub, service } = await watched();
    const quick = client();
    const slow = client(liveLimits.waveBufferBytes + 1);
    const slower = client(liveLimits.patientBufferBytes + 1);
    const dead = client(liveLimits.closeBufferBytes + 1);
    await live();
    expect(new Set(quick.got)).toEqual(new Set(['snapshot', 'patient', 'wave', 'alert', 'tick']));
    expect(new Set(slow.got)).toEqual(new Set(['snapshot', 'patient', 'alert', 'tick']));
    expect(new Set(slower.got)).toEqual(new Set(['snapshot', 'alert', 'tick']));
    expect(slower.got.filter((type) => type === 'alert')).toEqual(quick.got.filter((type) => type === 'alert'));
    expect(dead.got).toEqual(['snapshot']);
    expect(dead.closed).toEqual(['too-slow']);
    expect(hub.size).toBe(3);
    hub.stop();
    expect(quick.closed).toEqual(['stopping']);
    await service.stop();
  });
});

describe('a patient who has fallen silent', () => {
  it('is drawn as a fresh board draws it: no score of values that are over, no time of long ago', async () => {
    const { client, clock, service, world } = await watched();
    world.strap();
    const [epoch] = world.events.flatMap((event) => (event.kind === 'epoch' ? [event.care] : []));
    const board = client();
    const charted = ['122', '36.8', '0', '0'];
    const hub = [codes.nibpSystolic, codes.bodyTemperature, codes.oxygenInUse, codes.consciousness];
    const chart = hub.map((code, i) => ({ code, text: charted[i]!, charted: true }));
    await service.handle([epoch!, world.frame('hub', chart, { atMs: clock.nowMs() })]);
    for (let s = 0; s < 20; s++) {
      const said = [
        { code: codes.heartRate, text: '115' },
        { code: codes.respirationRate, text: '22' },
      ];
      await service.handle([world.frame('strap', said, { atMs: clock.nowMs() })]);
      await clock.advanceAsync(1000);
    }
    expect(board.pictures.at(-1)?.news2).toMatchObject({ total: 4, missing: ['SpO2'] });
    for (const [hours, total, missing] of [
      [3, 0, 3],
      [4, 0, 7],
    ] as const) {
      await clock.advanceAsync(hours * 3_600_000 + liveLimits.redrawMs);
      const shown = board.pictures.at(-1)!;
      const fresh = service.patient('p1', ana)!;
      expect(shown.news2).toMatchObject({ total });
      expect(shown.news2?.missing).toHaveLength(missing);
      expect(shown.news2).toEqual(fresh.news2);
      expect(shown.headline).toBe(`Nothing heard from the chest strap for ${hours === 3 ? 3 : 7} h`);
      expect(shown.alerts.find((alert) => alert.rule === 'silence-device-gone')?.reason).toBe(shown.headline);
    }
  });

  it('costs a picture in 15 s, and a ward of such is spread over them', async () => {
    const patients = Array.from({ length: 90 }, (_, i) => ({ patient: `p${i}`, name: `P ${i}`, bed: `${i}` }));
    const { client, clock } = await watched(patients);
    const board = client();
    let most = 0;
    for (let s = 0; s < 60; s++) {
      const before = board.pictures.length;
      await clock.advanceAsync(1000);
      most = Math.max(most, board.pictures.length - before);
    }
    expect(board.pictures).toHaveLength((90 * 60_000) / liveLimits.redrawMs);
    expect(new Set(board.pictures.map(({ patient }) => patient)).size).toBe(90);
    expect(most).toBe(90 / (liveLimits.redrawMs / liveLimits.periodMs));
  });
});

describe('an open alert', () => {
  it('speaks with the numbers of now, the newest of the most urgent first', async () => {
    const { client, clock, service, world } = await watched();
    const board = client();
    for (const text of ['79', '64']) {
      for (let s = 0; s < 15; s++) {
        await clock.advanceAsync(1000);
        await service.handle([world.frame('band', [{ code: codes.spo2, text }], { atMs: clock.nowMs() })]);
      }
      await clock.advanceAsync(1000);
      const [alert] = board.pictures.at(-1)!.alerts;
      expect(alert!.rule).toBe('hard-spo2-low');
      expect(alert!.reason).toContain(`Oxygen ${text} %`);
      expect(board.pictures.at(-1)!.headline).toBe(alert!.reason);
    }
  });
});

describe('places at the hub', () => {
  it('are few for one session, and relatives leave some to the ward', async () => {
    const { hub, service } = await watched();
    const made = (session: string, viewer: LiveClient['viewer']): LiveClient => ({
      ...{
        session,
        viewer,
        wave: null,
        bufferedBytes: () => 0,
        send: () => {},
        close: () => {},
        isExpired: () => false,
      },
    });
    const eva = { person: 'Eva', role: 'caregiver', patients: ['p1'] } as const;
    const joined = (count: number, sessionOf: (i: number) => string, viewer: LiveClient['viewer']) =>
      Array.from({ length: count }, (_, i) => hub.join(made(sessionOf(i), viewer))).filter(Boolean).length;
    expect(joined(200, () => 'one', eva)).toBe(liveLimits.clientsPerSession);
    expect(joined(500, (i) => `relative ${i}`, eva)).toBe(
      liveLimits.clients - liveLimits.cliniciansOnly - liveLimits.clientsPerSession,
    );
    expect(joined(500, (i) => `nurse ${i}`, ana)).toBe(liveLimits.cliniciansOnly);
    const one = made('nurse', ana);
    expect(hub.join(one)).toBe(false);
    hub.stop();
    expect(hub.join(one)).toBe(true);
    await service.stop();
  });
});

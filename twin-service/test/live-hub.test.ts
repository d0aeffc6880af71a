import { codes } from '@pulseseal/firmware-profiles';
import { createMetrics, createSilentLogger } from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import type { LiveClient } from '../src/live-hub.ts';
import { createLiveHub, liveLimits } from '../src/live-hub.ts';
import { createMemoryJournal, createTwinService } from '../src/mod.ts';
import { createBedside, startMs } from './world.ts';

async function watched() {
  const clock = createManualClock(startMs);
  const service = await createTwinService(
    {
      wall: clock,
      data: clock,
      journal: createMemoryJournal(),
      logger: createSilentLogger(),
      metrics: createMetrics('t'),
    },
    { patients: [{ patient: 'p1', name: 'Rosa', bed: '1' }], watchesGateway: false },
  );
  const hub = createLiveHub(service, clock);
  const client = (bufferedBytes = 0) => {
    const got: string[] = [];
    const closed: string[] = [];
    const made: LiveClient = {
      viewer: { person: 'Ana', role: 'clinician', patients: 'all' },
      wave: 'p1',
      bufferedBytes: () => bufferedBytes,
      send: (text) => got.push(JSON.parse(text).type),
      close: (reason) => closed.push(reason),
      isExpired: () => false,
    };
    expect(hub.join(made)).toBe(true);
    return { got, closed };
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
  return { client, live, hub, service };
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

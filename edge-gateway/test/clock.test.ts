import { ehOf, encodeLost, parseSigned } from '@pulseseal/protocol';
import { type Clock, createSystemClock } from '@pulseseal/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FLAG, parseRecord } from '../src/journal-record.ts';
import { SETTINGS } from '../src/settings.ts';
import { createWorld, until, type World } from './world.ts';

const DAY_MS = 86_400_000;
const system = createSystemClock();

describe('a gateway whose clock is set', () => {
  let world: World;
  let offsetMs = 0;
  const clock: Clock = { ...system, nowMs: () => system.nowMs() + offsetMs };
  beforeAll(async () => {
    world = await createWorld({ clock });
  });
  afterAll(() => world.end());
  const alarms = () => world.metric('edge_alarms_total', 'clock-step');

  it.each([
    ['a day on', [DAY_MS]],
    ['a day back', [-DAY_MS]],
    ['twenty years on', [20 * 365 * DAY_MS]],
    ['to and fro', [3_600_000, -3_600_000, 3_600_000, -3_600_000]],
  ])(
    '%s: says so, loses no frame, flags what came meanwhile, and goes on when it is right again',
    async (_, steps) => {
      offsetMs = 0;
      const circle = await world.circle();
      const { client, epoch } = await world.live(circle);
      const before = await alarms();
      const t0Ms = system.nowMs();
      let sent = 0;
      const send = async (isSkewed: boolean) => {
        for (let i = 0; i < 3; i++) {
          const frame = epoch.frame({ dt: Math.round(system.nowMs() - t0Ms) });
          expect(await client.publish(circle.device.topics.u, frame.raw)).toBe(true);
          sent++;
          const row = world.catalogue.epochByHash(ehOf(epoch.oh))!;
          const place = world.catalogue.frames(row.id, sent, sent + 1)[0]!;
          const { flags } = parseRecord(await world.journal.read(place.position));
          expect((flags & FLAG.clockUntrusted) !== 0).toBe(isSkewed);
        }
        expect(await client.publish(circle.device.topics.c, epoch.close().ctl)).toBe(true);
      };
      await send(false);
      for (const [i, step] of steps.entries()) {
        offsetMs = step;
        await until(async () => (await alarms()) === before + i + 1);
        await send(true);
      }
      offsetMs = 0;
      await until(async () => (await alarms()) === before + steps.length + 1);
      await send(false);
      // Not refused for its time, nor forgotten by the limit that counts in minutes.
      expect(await client.publish(circle.device.topics.o, encodeLost(new Uint8Array(16)))).toBe(true);
      const eh = Buffer.from(ehOf(epoch.oh)).toString('hex');
      await until(() => {
        const account = [...world.gateway.account()].find((a) => a.eh === eh)!;
        return JSON.stringify(account.sealed) === JSON.stringify([[1, sent]]);
      });
      await client.end();
    },
    30_000,
  );

  it('keeps no beacon of the future, whose prekey would stay as long', async () => {
    offsetMs = 20 * 365 * DAY_MS;
    await world.restart();
    offsetMs = 0;
    await world.restart();
    const { validFromMs, validUntilMs } = parseSigned(await world.beacon(), 'beacon').body;
    expect(validFromMs).toBeLessThan(system.nowMs());
    expect(validUntilMs).toBeLessThanOrEqual(system.nowMs() + DAY_MS);
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    expect(await client.publish(circle.device.topics.u, epoch.frame().raw)).toBe(true);
  });
});

describe('a gateway that lives longer than its beacons', () => {
  it('issues each for at most 24 h, whatever it is set to, also when the prekey rotates', async () => {
    let offsetMs = 0;
    const most = { beaconLifeMs: SETTINGS.beaconLifeMs.most, skewMs: SETTINGS.skewMs.most };
    const world = await createWorld({
      clock: { ...system, nowMs: () => system.nowMs() + offsetMs },
      settings: most,
    });
    const serials: number[] = [];
    for (let half = 0; half < 4; half++) {
      offsetMs = (half * DAY_MS) / 2 + 1000;
      const atMs = system.nowMs() + offsetMs;
      if (half > 0) await world.restart();
      // Who asks for it lives today.
      offsetMs = 0;
      const { serial, validFromMs, validUntilMs } = parseSigned(await world.beacon(), 'beacon').body;
      serials.push(serial);
      expect(validUntilMs - validFromMs).toBe(DAY_MS);
      expect(validUntilMs).toBeGreaterThan(atMs + DAY_MS / 2);
    }
    expect(serials).toEqual([1, 2, 3, 4]);
    await world.end();
  }, 30_000);
});

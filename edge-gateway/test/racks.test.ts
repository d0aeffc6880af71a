import { ackKey, sealRack } from '@pulseseal/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestClient } from './client.ts';
import type { RawCircle, RawEpoch } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

/** "Somebody listens", to the device: unread here, and from its readers alone. */
describe('racks at the gateway', () => {
  let world: World;
  let circle: RawCircle;
  let client: TestClient;
  let epoch: RawEpoch;
  beforeAll(async () => {
    world = await createWorld();
    circle = await world.circle();
    ({ client, epoch } = await world.live(circle));
  });
  afterAll(() => world.end());

  let timeMs = Date.now();
  const send = (rid: Uint8Array) => {
    const key = ackKey(epoch.oh, random(), crypto);
    const rack = sealRack({ rid, seq: 1, sg: 0, missing: 0, timeMs: ++timeMs }, epoch.oh, key);
    return world.gateway.recipientMessage(Buffer.from(rid).toString('hex'), rack);
  };
  const arrived = () => client.messages.filter(({ payload }) => payload[1] === 0x18 && payload[2] === 40).length;

  it('of a reader go on to the device; of one whom its owner does not list, not-listed', async () => {
    await send(circle.recipient.rid);
    await until(() => arrived() === 1);
    await expect(send(random().slice(0, 8))).rejects.toMatchObject({ refusal: 'not-listed' });
    expect(arrived()).toBe(1);
  });

  it('of a reader without measure are refused with rate: a device hears some of them [TOPIC-5]', async () => {
    const before = arrived();
    const sent = await Promise.allSettled(Array.from({ length: 200 }, () => send(circle.recipient.rid)));
    const refusals = sent.flatMap((one) => (one.status === 'rejected' ? [one.reason.refusal] : []));
    expect(new Set(refusals)).toEqual(new Set(['rate']));
    expect(refusals.length).toBeGreaterThan(150);
    await until(() => arrived() === before + 200 - refusals.length);
  });
});

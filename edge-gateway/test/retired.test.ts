import { ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import { CTL, encodeBulk, encodeLost, parseErr, parseSigned, signBody } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestClient } from './client.ts';
import { type RawCircle, type RawEpoch, rawEpoch } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

/** What its owner retires on the ledger is heard no more, whatever epoch it has. */
describe('a retired device [EPOCH-1]', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld({ settings: { refusalsPerWindow: 1_000 } });
  });
  afterEach(() => world.end());

  let counter = 500;
  const retire = async (circle: RawCircle) => {
    const { pseudonym } = parseSigned(circle.manifest, 'manifest').body;
    const call = ledgerCalls.retireDevice(pseudonym, circle.owner.signer.key);
    const { ledgerId } = await world.ledger.identity();
    const act = signAct(circle.owner.signer, ledgerId, call.fn, call.args, ++counter, Date.now());
    await submitCall(world.ledger, call, act);
  };
  const forwarded = () => world.items.filter(({ channel }) => channel === 'f').length;
  /** Every door of a device, with what was right before. */
  const refusedEverywhere = async (circle: RawCircle, client: TestClient, epoch: RawEpoch) => {
    const { topics } = circle.device;
    const beacon = await world.beacon();
    const next = await rawEpoch(circle, { beacon, epoch: 2 }, crypto, random);
    const offline = await rawEpoch(circle, { beacon, epoch: 3, isOffline: true }, crypto, random);
    const before = await world.refusals('revoked-device');
    const entries = world.catalogue.entryCount;
    const given = forwarded();
    const doors: readonly (readonly ['o' | 'u' | 'c', Uint8Array])[] = [
      ['u', epoch.frame().raw],
      ['c', epoch.close().ctl],
      ['c', epoch.ctl(CTL.bulk, encodeBulk([offline.opening, offline.keys]))],
      ['o', epoch.opening],
      ['o', epoch.keys],
      ['o', next.opening],
      ['o', encodeLost(random().slice(0, 16))],
    ];
    for (const [channel, bytes] of doors)
      expect([channel, await client.publish(topics[channel], bytes, 1, 200)]).toEqual([channel, false]);
    expect(await world.refusals('revoked-device')).toBe(before + doors.length);
    expect([world.catalogue.entryCount, forwarded()]).toEqual([entries, given]);
  };

  it('is disconnected, refused at every door of its running epoch, told so under its key; after a restart too', async () => {
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    expect(await client.publish(circle.device.topics.u, epoch.frame().raw)).toBe(true);
    await retire(circle);
    await until(() => !client.isOpen);
    const back = await world.connect(circle.device);
    await back.subscribe(circle.device.topics.d);
    await refusedEverywhere(circle, back, epoch);
    const isStop = (p: Uint8Array) => epoch.read(p).isAuthentic && parseErr(epoch.read(p).content).code === 12;
    await back.next((_, p) => p[1] === 0x18 && epoch.read(p).mt === CTL.err && isStop(p));
    await world.restart(true);
    const later = await world.connect(circle.device);
    await refusedEverywhere(circle, later, epoch);
  });

  it('is known as retired although it was not in memory then, by a gateway that starts while the ledger is away', async () => {
    const circle = await world.circle();
    const { epoch } = await world.live(circle);
    await world.restart();
    await retire(circle);
    const { pseudonym } = parseSigned(circle.manifest, 'manifest').body;
    const name = Buffer.from(pseudonym).toString('hex');
    await until(() => world.catalogue.revokedConsents().includes(name));
    world.ledger.isAway = true;
    Object.assign(world.ledger, {
      // biome-ignore lint/correctness/useYield: it ends before it has begun
      async *events() {
        throw new Error('away');
      },
    });
    await world.restart(true);
    const back = await world.connect(circle.device);
    await refusedEverywhere(circle, back, epoch);
    expect(world.catalogue.device(circle.device.name)?.isRetired).toBe(true);
  });

  it('whose owner retired an earlier pseudonym alone goes on; what it sealed under that one is refused', async () => {
    const circle = await world.circle();
    const { topics } = circle.device;
    const beacon = await world.beacon();
    const offline = await rawEpoch(circle, { beacon, epoch: 1, isOffline: true }, crypto, random);
    const { body } = parseSigned(circle.manifest, 'manifest');
    const renamed = { ...body, pseudonym: random().slice(0, 16), version: 2 };
    const manifest = signBody('manifest', renamed, circle.owner.signer);
    const key = circle.owner.signer.key;
    const register = ledgerCalls.registerDevice(renamed.pseudonym, key, random(), crypto);
    const { ledgerId } = await world.ledger.identity();
    const act = signAct(circle.owner.signer, ledgerId, register.fn, register.args, ++counter, Date.now());
    await submitCall(world.ledger, register, act);
    const agent = await world.connect(circle.owner);
    expect(await agent.publish(topics.m, manifest)).toBe(true);
    world.ledger.isAway = true;
    const { client, epoch } = await world.live({ ...circle, manifest }, { beacon, epoch: 2 });
    world.ledger.isAway = false;
    await retire(circle);
    const name = Buffer.from(body.pseudonym).toString('hex');
    await until(() => world.catalogue.revokedConsents().includes(name));
    const before = await world.refusals('revoked-device');
    const bulk = encodeBulk([offline.opening, offline.keys]);
    expect(await client.publish(topics.c, epoch.ctl(CTL.bulk, bulk), 1, 300)).toBe(false);
    expect(await world.refusals('revoked-device')).toBeGreaterThan(before);
    const stops = client.messages.filter(({ payload }) => epoch.read(payload).mt === CTL.err);
    expect(stops.map(({ payload }) => epoch.read(payload).isAuthentic)).toEqual([false]);
    expect(await client.publish(topics.u, epoch.frame().raw)).toBe(true);
  });
});

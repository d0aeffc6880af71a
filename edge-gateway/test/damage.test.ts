import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CTL, ERR, ehOf, encodeBulk, parseErr, parseSigned } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestClient } from './client.ts';
import type { RawCircle, RawEpoch } from './raw-device.ts';
import { rawEpoch } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

const RECORD_HEADER_BYTES = 8;

describe('one flipped byte of the disk', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.end());

  const stop = async () => {
    await world.gateway.stop(0);
    await world.journal.close();
    world.catalogue.close();
  };
  const flip = async (position: number) => {
    const file = await open(join(world.dir, 'journal', '0000000000000000.seg'), 'r+');
    const at = position + RECORD_HEADER_BYTES + 300;
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0]! ^= 1;
    await file.write(byte, 0, 1, at);
    await file.close();
  };
  const dropIndex = async () => {
    for (const end of ['', '-wal', '-shm']) await rm(join(world.dir, 'index.db') + end, { force: true });
  };
  const rowOf = ({ device }: RawCircle, { oh }: RawEpoch) =>
    world.catalogue.epoch(world.catalogue.device(device.name)!.number, ehOf(oh))!;
  const accountOf = ({ oh }: RawEpoch) =>
    [...world.gateway.account()].find(({ eh }) => eh === Buffer.from(ehOf(oh)).toString('hex'));
  const sendFrames = async ({ device }: RawCircle, client: TestClient, epoch: RawEpoch, count: number) => {
    for (let i = 0; i < count; i++) expect(await client.publish(device.topics.u, epoch.frame().raw)).toBe(true);
  };
  const back = async ({ device }: RawCircle) => {
    const client = await world.connect(device);
    await client.subscribe(device.topics.d);
    return client;
  };
  const sendAgain = async ({ device }: RawCircle, client: TestClient, epoch: RawEpoch) => {
    expect(await client.publish(device.topics.o, epoch.opening)).toBe(true);
    expect(await client.publish(device.topics.o, epoch.keys)).toBe(true);
    await client.next((t, p) => t === device.topics.d && epoch.read(p).mt === CTL.accept);
  };

  for (const index of ['as it was', 'made anew'] as const)
    it(`in an opening costs that epoch nothing but its opening once more, with the index ${index} [EPOCH-1]`, async () => {
      const [struck, other] = [await world.circle(), await world.circle()];
      const [one, two] = [await world.live(struck), await world.live(other)];
      await sendFrames(struck, one.client, one.epoch, 3);
      await sendFrames(other, two.client, two.epoch, 3);
      expect(await one.client.publish(struck.device.topics.c, one.epoch.close().ctl)).toBe(true);
      const last = one.epoch.frame().raw;
      expect(await one.client.publish(struck.device.topics.u, last)).toBe(true);
      const { position } = rowOf(struck, one.epoch);
      const entries = world.catalogue.entryCount;
      await one.client.end();
      await two.client.end();
      await stop();
      await flip(position);
      if (index === 'made anew') await dropIndex();
      // The opening went to the recipients long ago, what follows it did not.
      const before = world.items.length;
      await world.relaunch(index === 'as it was' ? { upstream: position + 1 } : {});
      const neighbour = await back(other);
      await sendFrames(other, neighbour, two.epoch, 2);
      expect(accountOf(two.epoch)).toMatchObject({ stored: [[1, 5]] });
      const again = await back(struck);
      const next = one.epoch.frame().raw;
      expect(await again.publish(struck.device.topics.u, next, 1, 500)).toBe(false);
      expect(await world.metric('edge_alarms_total', 'journal-damage')).toBeGreaterThan(0);
      const told = await again.next((t, p) => t === struck.device.topics.d && one.epoch.read(p).mt === CTL.err);
      expect(parseErr(one.epoch.read(told).content).code).toBe(ERR.unknownEpoch);
      // Its rows are there all the while.
      const eh = Buffer.from(ehOf(one.epoch.oh)).toString('hex');
      expect((await world.gateway.store.segment(struck.device.name, eh, 0)).length).toBe(3);

      await sendAgain(struck, again, one.epoch);
      for (const raw of [last, next]) expect(await again.publish(struck.device.topics.u, raw)).toBe(true);
      expect(await again.publish(struck.device.topics.c, one.epoch.close().ctl)).toBe(true);
      await until(() => accountOf(one.epoch)?.sealed[0]?.[1] === 5);
      expect(accountOf(one.epoch)).toMatchObject({ stored: [[1, 5]], sealed: [[1, 5]], doubled: 0 });
      const given = world.items.slice(before).map(({ message }) => Buffer.from(message).toString('hex'));
      expect(given).toContain(Buffer.from(last).toString('hex'));
      if (index === 'made anew') return;
      // Its entry in the evidence log is the one it had: one more close, no more opening.
      expect(world.catalogue.entryCount).toBe(entries + 1);
      await world.gateway.finishEvidence(4_000);
      await until(() => accountOf(one.epoch)?.anchored[0]?.[1] === 5);
      await world.restart(true);
      expect(accountOf(one.epoch)).toMatchObject({ stored: [[1, 5]], sealed: [[1, 5]], doubled: 0 });
      const third = await back(struck);
      await sendFrames(struck, third, one.epoch, 1);
    });

  it('in the opening of an epoch that comes by bulk is mended by bulk', async () => {
    const circle = await world.circle();
    const beacon = await world.beacon();
    const offline = await rawEpoch(circle, { beacon, epoch: 1, isOffline: true }, crypto, random);
    const frames = Array.from({ length: 6 }, () => offline.frame().raw);
    const close = offline.close().bare;
    const { client, epoch } = await world.live(circle, { beacon, epoch: 2 });
    const bulk = (by: TestClient, messages: Uint8Array[]) =>
      by.publish(circle.device.topics.c, epoch.ctl(CTL.bulk, encodeBulk(messages)), 1, 1_000);
    expect(await bulk(client, [offline.opening, offline.keys, close])).toBe(true);
    expect(await bulk(client, frames.slice(0, 3))).toBe(true);
    const { position } = rowOf(circle, offline);
    await client.end();
    await stop();
    await flip(position);
    await world.relaunch();
    const again = await back(circle);
    expect(await bulk(again, frames.slice(3))).toBe(false);
    expect(await bulk(again, [offline.opening, offline.keys, close, ...frames.slice(3)])).toBe(true);
    await until(() => accountOf(offline)?.sealed[0]?.[1] === 6);
    expect(accountOf(offline)).toMatchObject({ stored: [[1, 6]], sealed: [[1, 6]], doubled: 0 });
  });

  it('in a manifest costs that device alone that its owner publishes it again', async () => {
    const [struck, other] = [await world.circle(), await world.circle()];
    const [one, two] = [await world.live(struck), await world.live(other)];
    await sendFrames(struck, one.client, one.epoch, 20);
    const { manifestAt, number } = world.catalogue.device(struck.device.name)!;
    await one.client.end();
    await two.client.end();
    await stop();
    await flip(manifestAt!);
    await world.relaunch({ upstream: manifestAt! });
    // Named where it is met, not for each frame that waits for it.
    expect(await world.metric('edge_alarms_total', 'journal-damage')).toBeLessThan(10);
    await sendFrames(other, await back(other), two.epoch, 2);
    const again = await back(struck);
    const next = one.epoch.frame().raw;
    expect(await again.publish(struck.device.topics.u, next, 1, 500)).toBe(false);
    const agent = await world.connect(struck.owner);
    expect(await agent.publish(struck.device.topics.m, struck.manifest)).toBe(true);
    expect(await again.publish(struck.device.topics.u, next)).toBe(true);
    expect(accountOf(one.epoch)).toMatchObject({ stored: [[1, 21]] });
    expect(world.catalogue.device(struck.device.name)!.number).toBe(number);
  });

  it('in an endorsement shuts that device out and nobody else', async () => {
    const [struck, other] = [await world.circle(), await world.circle()];
    const [one, two] = [await world.live(struck), await world.live(other)];
    await sendFrames(struck, one.client, one.epoch, 3);
    const { endorseAt } = world.catalogue.device(struck.device.name)!;
    await one.client.end();
    await two.client.end();
    await stop();
    await flip(endorseAt!);
    await world.relaunch({ upstream: endorseAt! });
    expect(await world.metric('edge_alarms_total', 'journal-damage')).toBeGreaterThan(0);
    await sendFrames(other, await back(other), two.epoch, 2);
    await expect(world.connect(struck.device)).rejects.toThrow();
    expect(accountOf(one.epoch)).toMatchObject({ stored: [[1, 3]] });
  });

  for (const index of ['as it was', 'made anew'] as const)
    it(`in the newest beacon makes the gateway issue one above it, with the index ${index} [EPOCH-4]`, async () => {
      const { serial } = parseSigned(await world.beacon(), 'beacon').body;
      const { position } = world.catalogue.lastBeacon()!;
      await stop();
      await flip(position);
      if (index === 'made anew') await dropIndex();
      await world.relaunch();
      expect(await world.metric('edge_alarms_total', 'journal-damage')).toBeGreaterThan(0);
      const beacon = await world.beacon();
      expect(parseSigned(beacon, 'beacon').body.serial).toBe(serial + 1);
      const circle = await world.circle();
      const { client, epoch } = await world.live(circle, { beacon });
      await sendFrames(circle, client, epoch, 1);
    });

  it('in the record of a device gives its number to nobody else when the index is made anew', async () => {
    const [first, struck, last] = [await world.circle(), await world.circle(), await world.circle()];
    const one = await world.live(struck);
    await sendFrames(struck, one.client, one.epoch, 2);
    const numberOf = ({ device }: RawCircle) => world.catalogue.device(device.name)?.number;
    const numbers = [first, struck, last].map(numberOf);
    const { records } = await world.journal.readFrom(0);
    const record = records.find(({ data }) => Buffer.from(data).includes(struck.device.signer.thumbprint))!;
    await one.client.end();
    await stop();
    await flip(record.position - 300 + 20);
    await dropIndex();
    await world.relaunch();
    expect(await world.metric('edge_alarms_total', 'journal-damage')).toBeGreaterThan(0);
    const fourth = await world.circle();
    expect([first, struck, last].map(numberOf)).toEqual(numbers);
    expect(numbers).not.toContain(numberOf(fourth));
    await sendFrames(struck, await back(struck), one.epoch, 1);
    expect(accountOf(one.epoch)).toMatchObject({ stored: [[1, 3]] });
  });

  it('in an opening under a head that was signed: an index made anew lets no second history be signed', async () => {
    const circle = await world.circle();
    const first = await world.live(circle);
    await world.gateway.finishEvidence(4_000);
    await until(() => world.catalogue.anchoredSize === 1);
    await first.client.end();
    world.ledger.isAway = true;
    const { client, epoch } = await world.live(circle, { epoch: 2 });
    await until(() => world.catalogue.lastSth()?.size === 2);
    const { position } = rowOf(circle, epoch);
    await client.end();
    await stop();
    await flip(position);
    await dropIndex();
    world.ledger.isAway = false;
    await world.relaunch();
    await until(async () => (await world.metric('edge_alarms_total', 'log-rolled-back')) === 1);
    await sendAgain(circle, await back(circle), epoch);
    await world.gateway.finishEvidence(500);
    expect(world.catalogue.entryCount).toBe(2);
    expect(world.catalogue.anchoredSize).toBe(1);
    expect(world.catalogue.lastSth()?.size).toBe(2);
  });
});

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CTL, ERR, ehOf, encodeBulk, encodeRepair, parseErr, parseNack, parseProgress } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rawEpoch } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

describe('what the gateway keeps', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.end());

  it('goes on in mid-segment after a restart: no new open, no frame twice, the close still holds', async () => {
    const circle = await world.circle();
    const { topics } = circle.device;
    let { client, epoch } = await world.live(circle);
    const sent = [];
    for (let i = 0; i < 5; i++) sent.push(epoch.frame());
    for (const frame of sent) expect(await client.publish(topics.u, frame.raw)).toBe(true);
    await world.restart(true);
    client = await world.connect(circle.device);
    await client.subscribe(topics.d);
    expect(await client.publish(topics.u, sent[4]!.raw)).toBe(true);
    for (let i = 0; i < 4; i++) expect(await client.publish(topics.u, epoch.frame().raw)).toBe(true);
    expect(await client.publish(topics.c, epoch.close().ctl)).toBe(true);
    const isFull = (p: Uint8Array) => {
      const ctl = epoch.read(p);
      return ctl.mt === CTL.progress && ctl.isAuthentic && parseProgress(ctl.content).segmentBelow === 1;
    };
    const last = epoch.read(await client.next((_, p) => isFull(p)));
    expect(parseProgress(last.content).seqBelow).toBe(10);
    // Two starts: the second start's numbers lie above all of the first's.
    expect(Math.floor(last.n / 2 ** 32)).toBe(2);
    const [account] = [...world.gateway.account()];
    expect(account).toMatchObject({ stored: [[1, 9]], sealed: [[1, 9]], doubled: 0 });
    expect(await world.metric('edge_duplicates_total')).toBe(1);
    expect(await world.metric('edge_opens_total', 'slow')).toBe(0);
  });

  it('tells a device that comes back with a long backlog to wait a second, not as many ms as the number of its frame', async () => {
    const circle = await world.circle();
    const { topics } = circle.device;
    const { client, epoch } = await world.live(circle);
    for (let seq = 50_000; seq < 50_003; seq++) await client.publish(topics.u, epoch.frame({ seq }).raw);
    await world.restart();
    const back = await world.connect(circle.device);
    await back.subscribe(topics.d);
    // More at once than wait for an epoch that is read back.
    for (let i = 0; i < 200; i++)
      back.mqtt.publish(topics.u, Buffer.from(epoch.frame({ seq: 50_010 + i }).raw), { qos: 0 });
    const waits = () =>
      back.messages
        .filter(({ topic, payload }) => topic === topics.d && epoch.read(payload).mt === CTL.err)
        .map(({ payload }) => parseErr(epoch.read(payload).content))
        .filter(({ code }) => code === ERR.rate);
    await until(() => waits().length > 0);
    expect(new Set(waits().map(({ number }) => number))).toEqual(new Set([1_000]));
  });

  it('makes its index again from the journal alone, with the same places in the evidence log', async () => {
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    for (let s = 0; s < 3; s++) {
      for (let i = 0; i < 4; i++) await client.publish(circle.device.topics.u, epoch.frame().raw);
      await client.publish(circle.device.topics.c, epoch.close().ctl);
    }
    await world.gateway.finishEvidence(4_000);
    await until(() => [...world.gateway.account()][0]!.anchored.length > 0);
    const before = [...world.gateway.account()];
    const entries = world.catalogue.entryCount;
    const positions = Array.from({ length: entries }, (_, i) => world.catalogue.entryPosition(i));
    const indexPath = join(world.dir, 'index.db');
    await client.end();
    await world.gateway.stop(0);
    world.catalogue.close();
    await world.journal.close();
    for (const end of ['', '-wal', '-shm']) await rm(indexPath + end, { force: true });
    await world.relaunch();
    expect([...world.gateway.account()]).toEqual(before);
    expect(world.catalogue.entryCount).toBe(entries);
    expect(Array.from({ length: entries }, (_, i) => world.catalogue.entryPosition(i))).toEqual(positions);
  });

  it('asks for missing frames, then proves by leaves that the rest are gaps', async () => {
    const circle = await world.circle();
    const { topics } = circle.device;
    const { client, epoch } = await world.live(circle);
    const frames = Array.from({ length: 8 }, () => epoch.frame());
    for (const i of [0, 1, 3, 4, 7]) await client.publish(topics.u, frames[i]!.raw);
    await client.publish(topics.c, epoch.close().ctl);
    const nack = await client.next((_, p) => epoch.read(p).mt === CTL.nack);
    expect(epoch.read(nack).isAuthentic).toBe(true);
    expect(parseNack(epoch.read(nack).content)).toEqual({
      segment: 0,
      want: 2,
      ranges: [
        { first: 3, count: 1 },
        { first: 6, count: 2 },
      ],
    });
    await client.publish(topics.u, frames[2]!.raw);
    const leaves = [6, 7].map((seq) => ({ seq, leaf: frames[seq - 1]!.leaf }));
    expect(await client.publish(topics.c, epoch.ctl(CTL.repair, encodeRepair({ segment: 0, leaves })))).toBe(true);
    await until(() => [...world.gateway.account()][0]!.sealed.length > 0);
    expect([...world.gateway.account()][0]).toMatchObject({
      stored: [
        [1, 5],
        [8, 1],
      ],
      sealed: [
        [1, 5],
        [8, 1],
      ],
    });
    // A frame that was thought gone and comes late is kept; after a restart too.
    expect(await client.publish(topics.u, frames[5]!.raw)).toBe(true);
    await world.restart(true);
    const again = await world.connect(circle.device);
    expect(await again.publish(topics.u, frames[6]!.raw)).toBe(true);
    await until(() => [...world.gateway.account()][0]!.stored[0]?.[1] === 8);
  });

  it('chains a close that came before its predecessor', async () => {
    const circle = await world.circle();
    const { topics } = circle.device;
    const { client, epoch } = await world.live(circle);
    await client.publish(topics.u, epoch.frame().raw);
    const first = epoch.close();
    await client.publish(topics.u, epoch.frame().raw);
    const second = epoch.close();
    expect(await client.publish(topics.c, second.ctl)).toBe(true);
    const nack = await client.next((_, p) => epoch.read(p).mt === CTL.nack);
    expect(parseNack(epoch.read(nack).content)).toEqual({ segment: 0, want: 3 });
    expect([...world.gateway.account()][0]!.sealed).toEqual([]);
    expect(await client.publish(topics.c, first.ctl)).toBe(true);
    await until(() => [...world.gateway.account()][0]!.sealed[0]?.[1] === 2);
  });

  it('takes an offline epoch by bulk and tells its progress under the live one [EPOCH-9]', async () => {
    const circle = await world.circle();
    const { topics } = circle.device;
    const beacon = await world.beacon();
    const offline = await rawEpoch(circle, { beacon, epoch: 1, isOffline: true }, crypto, random);
    const frames = Array.from({ length: 6 }, () => offline.frame().raw);
    const close = offline.close().bare;
    const { client, epoch } = await world.live(circle, { beacon, epoch: 2 });
    const head = encodeBulk([offline.opening, offline.keys, close]);
    expect(await client.publish(topics.c, epoch.ctl(CTL.bulk, head))).toBe(true);
    expect(await client.publish(topics.c, epoch.ctl(CTL.bulk, encodeBulk(frames)))).toBe(true);
    expect(await client.publish(topics.c, epoch.ctl(CTL.bulk, encodeBulk(frames)))).toBe(true);
    const isAll = (p: Uint8Array) => {
      const ctl = epoch.read(p);
      if (ctl.mt !== CTL.progress || !ctl.isAuthentic) return false;
      const progress = parseProgress(ctl.content);
      return (
        progress.seqBelow === 7 && progress.eh !== undefined && Buffer.compare(progress.eh, ehOf(offline.oh)) === 0
      );
    };
    await client.next((_, p) => isAll(p));
    const account = [...world.gateway.account()].find((a) => a.eh === Buffer.from(ehOf(offline.oh)).toString('hex'));
    expect(account).toMatchObject({ stored: [[1, 6]], sealed: [[1, 6]], doubled: 0 });
  });

  it('asks for keys that did not come with their offline epoch, and lets nothing of it be forgotten before [CTL-3]', async () => {
    const circle = await world.circle();
    const { topics } = circle.device;
    const beacon = await world.beacon();
    const offline = await rawEpoch(circle, { beacon, epoch: 1, isOffline: true }, crypto, random);
    const { client, epoch } = await world.live(circle, { beacon, epoch: 2 });
    const eh = Buffer.from(ehOf(offline.oh)).toString('hex');
    const about = (mt: number, p: Uint8Array) => {
      const ctl = epoch.read(p);
      if (ctl.mt !== mt || !ctl.isAuthentic) return false;
      const named = (mt === CTL.nack ? parseNack(ctl.content) : parseProgress(ctl.content)).eh;
      return named !== undefined && Buffer.from(named).toString('hex') === eh;
    };
    const keyless = encodeBulk([offline.opening, offline.frame().raw]);
    expect(await client.publish(topics.c, epoch.ctl(CTL.bulk, keyless))).toBe(true);
    const nack = epoch.read(await client.next((t, p) => t === topics.d && about(CTL.nack, p)));
    expect(parseNack(nack.content).want).toBe(4);
    expect(client.messages.filter(({ payload }) => about(CTL.progress, payload))).toEqual([]);
    expect(await client.publish(topics.c, epoch.ctl(CTL.bulk, encodeBulk([offline.keys])))).toBe(true);
    const progress = epoch.read(await client.next((t, p) => t === topics.d && about(CTL.progress, p)));
    expect(parseProgress(progress.content).seqBelow).toBe(2);
  });

  it('forwards the wraps of a recipient to that recipient alone', async () => {
    const circle = await world.circle();
    await world.live(circle);
    const rid = Buffer.from(circle.recipient.rid).toString('hex');
    const keys = world.items.filter((i) => i.message[1] === 0x18 && i.message[2] === 33);
    expect(keys.length).toBe(1);
    expect(keys[0]!.rid).toBe(rid);
    expect(world.items.every((i) => i.rid === rid)).toBe(true);
  });
});

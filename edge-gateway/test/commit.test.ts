import { createNodeFileSystem, type FileSystem, type OpenFile } from '@pulseseal/log';
import { CTL, ehOf, encodeBulk } from '@pulseseal/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { type RawEpoch, rawEpoch } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

/** A disk whose syncs wait or fail on command. */
function gatedDisk() {
  const real = createNodeFileSystem();
  const gate = { isHeld: false, fails: 0, waiting: [] as (() => void)[], syncs: 0 };
  const wrap = (file: OpenFile): OpenFile => ({
    ...file,
    async sync() {
      gate.syncs++;
      if (gate.isHeld) await new Promise<void>((resolve) => gate.waiting.push(resolve));
      if (gate.fails > 0) {
        gate.fails--;
        throw Object.assign(new Error('injected'), { code: 'EIO' });
      }
      await file.sync();
    },
  });
  const fs: FileSystem = { ...real, open: async (path, mode) => wrap(await real.open(path, mode)) };
  return {
    fs,
    hold: () => {
      gate.isHeld = true;
    },
    release: () => {
      gate.isHeld = false;
      for (const go of gate.waiting.splice(0)) go();
    },
    fail: (times: number) => {
      gate.fails = times;
    },
  };
}

describe('acknowledged means synced', () => {
  let world: World;
  afterEach(() => world.end());

  it('sends no PUBACK while the sync is outstanding, and all of them behind it [CTL-3]', async () => {
    const disk = gatedDisk();
    world = await createWorld({ fs: disk.fs });
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    disk.hold();
    let acknowledged = 0;
    const all = Array.from({ length: 20 }, () =>
      client.publish(circle.device.topics.u, epoch.frame().raw).then((ok) => {
        if (ok) acknowledged++;
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(acknowledged).toBe(0);
    expect(world.items.filter((i) => i.message[0] === 0x88).length).toBe(0);
    disk.release();
    await Promise.all(all);
    expect(acknowledged).toBe(20);
  });

  it('acknowledges a repeated frame only behind the sync of the first', async () => {
    const disk = gatedDisk();
    world = await createWorld({ fs: disk.fs });
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    const { raw } = epoch.frame();
    disk.hold();
    let acknowledged = 0;
    for (let i = 0; i < 2; i++)
      void client.publish(circle.device.topics.u, raw).then((ok) => {
        if (ok) acknowledged++;
      });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(acknowledged).toBe(0);
    disk.release();
    await until(() => acknowledged === 2);
  });

  it('knows a number that is on its way to the disk, also when its epoch left memory meanwhile [FRAME-8]', async () => {
    const disk = gatedDisk();
    world = await createWorld({ fs: disk.fs });
    const circle = await world.circle();
    const { topics } = circle.device;
    const beacon = await world.beacon();
    const { client, epoch: live } = await world.live(circle, { beacon, epoch: 10 });
    // One more than stay in memory.
    const offline: RawEpoch[] = [];
    for (const epoch of [1, 2, 3])
      offline.push(await rawEpoch(circle, { beacon, epoch, isOffline: true }, crypto, random));
    for (const { opening, keys } of offline)
      expect(await client.publish(topics.c, live.ctl(CTL.bulk, encodeBulk([opening, keys])))).toBe(true);
    const [first, second, third] = offline as [RawEpoch, RawEpoch, RawEpoch];
    const kept = first.frame({ seq: 1, value: 80 });
    const other = first.frame({ seq: 1, value: 99 });
    const frames = [kept, second.frame(), third.frame(), other].map(({ raw }) => raw);
    disk.hold();
    const sent = client.publish(topics.c, live.ctl(CTL.bulk, encodeBulk(frames)));
    await new Promise((resolve) => setTimeout(resolve, 300));
    disk.release();
    expect(await sent).toBe(false);
    expect(await world.refusals('seq-conflict')).toBeGreaterThan(0);
    const accounts = [...world.gateway.account()].filter(({ stored }) => stored.length > 0);
    expect(accounts.map(({ stored, doubled }) => [stored, doubled])).toEqual(Array(3).fill([[[1, 1]], 0]));
    const eh = Buffer.from(ehOf(first.oh)).toString('hex');
    expect((await world.gateway.store.frame(circle.device.name, eh, 1))?.frame).toEqual(kept.raw);
  });

  it('a failing disk: nothing is acknowledged, the process stays up, what comes again is kept', async () => {
    const disk = gatedDisk();
    world = await createWorld({ fs: disk.fs });
    const circle = await world.circle();
    const { topics } = circle.device;
    const { client, epoch } = await world.live(circle);
    const good = epoch.frame();
    expect(await client.publish(topics.u, good.raw)).toBe(true);
    disk.fail(1);
    const hit = epoch.frame();
    expect(await client.publish(topics.u, hit.raw, 1, 1_000)).toBe(false);
    expect(await world.metric('edge_journal_failed')).toBe(1);
    await until(async () => (await world.metric('edge_journal_failed')) === 0, 8_000);
    const again = await world.connect(circle.device);
    expect(await again.publish(topics.u, hit.raw)).toBe(true);
    expect(await again.publish(topics.u, epoch.frame().raw)).toBe(true);
    await until(() => [...world.gateway.account()][0]!.stored[0]?.[1] === 3);
    expect([...world.gateway.account()][0]!.doubled).toBe(0);
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import v8 from 'node:v8';
import { CTL, ehOf, parseNack } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IDLE_COMMITS } from '../src/limits.ts';
import { openSqliteCatalogue } from '../src/mod.ts';
import { createReceivedSet } from '../src/received.ts';
import { rawEpoch } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

describe('a segment that does not come to its end', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld({ settings: { nackPeriodMs: 500, keyGraceMs: 1_000 } });
  });
  afterEach(() => world.end());

  it('disputes a close over another root when the device is silent to every request for its leaves', async () => {
    const circle = await world.circle();
    const { topics } = circle.device;
    const { client, epoch } = await world.live(circle);
    for (let i = 0; i < 3; i++) await client.publish(topics.u, epoch.frame().raw);
    expect(await client.publish(topics.c, epoch.close({ root: random() }).ctl)).toBe(true);
    const { id } = world.catalogue.epoch(world.catalogue.device(circle.device.name)!.number, ehOf(epoch.oh))!;
    const state = () => world.catalogue.closes(id)[0]!.state;
    // A device that is not there is not silent: it is asked when it comes back.
    await client.next((_, p) => epoch.read(p).mt === CTL.nack);
    await client.end();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(state()).toBe('logged');
    const again = await world.connect(circle.device);
    await again.subscribe(topics.d);
    for (let i = 0; i < 3; i++) {
      const nack = await again.next((_, p) => epoch.read(p).mt === CTL.nack, 3_000);
      expect(parseNack(epoch.read(nack).content)).toEqual({ segment: 0, want: 1, ranges: [{ first: 1, count: 3 }] });
    }
    await until(() => state() === 'disputed', 20_000);
    expect(await world.metric('edge_alarms_total', 'disputed')).toBe(1);
  }, 30_000);

  it('goes out of memory with its epoch, and one over another root is disputed then', async () => {
    const circle = await world.circle();
    const { u, o, c, d } = circle.device.topics;
    const beacon = await world.beacon();
    const client = await world.connect(circle.device);
    await client.subscribe(d);
    const PagedSet = (createReceivedSet(1) as object).constructor;
    const inMemory = () => v8.queryObjects(PagedSet as new () => unknown, { format: 'count' });
    const before = inMemory();
    for (let number = 1; number <= 7; number++) {
      const epoch = await rawEpoch(circle, { beacon, epoch: number }, crypto, random);
      expect(await client.publish(o, epoch.opening)).toBe(true);
      expect(await client.publish(o, epoch.keys)).toBe(true);
      const frames = [epoch.frame(), epoch.frame(), epoch.frame()];
      // The second one lies: nothing is missing.
      const sent = number === 2 ? frames : [frames[0]!, frames[2]!];
      for (const { raw } of sent) expect(await client.publish(u, raw)).toBe(true);
      expect(await client.publish(c, epoch.close(number === 2 ? { root: random() } : {}).ctl)).toBe(true);
    }
    await until(async () => {
      // Each count collects garbage.
      await new Promise((resolve) => setTimeout(resolve, 400));
      return inMemory() - before <= 2;
    }, 20_000);
    const { number } = world.catalogue.device(circle.device.name)!;
    const states = world.catalogue
      .epochs(number, 9)
      .map(({ id, epoch }) => [epoch, world.catalogue.closes(id)[0]!.state]);
    expect(states.filter(([, state]) => state !== 'logged')).toEqual([[2, 'disputed']]);
  }, 30_000);
});

describe('the open rows of the index', () => {
  it('go out of memory when their epoch is idle, and take every frame of one that is slow', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'index-'));
    const path = join(folder, 'index.db');
    const catalogue = openSqliteCatalogue(path);
    const epochs = [1, 2].map((n) => {
      const eh = new Uint8Array(8).fill(n);
      const oh = new Uint8Array(32).fill(n);
      const row = { deviceNumber: 1, eh, oh, boot: 1, epoch: n, position: n, isBulk: false, arrivedMs: 0 };
      return catalogue.addEpoch(row).id;
    });
    const [ended, slow] = epochs as [number, number];
    let position = 100;
    const add = (epochId: number, seq: number) =>
      catalogue.addFrame({ epochId, deviceNumber: 1, seq, stream: 1, position: position++, arrivedMs: seq });
    const rows = (epochId: number) => {
      const db = new DatabaseSync(path, { readOnly: true });
      const { n } = db.prepare('SELECT count(*) AS n FROM blocks WHERE epoch = ?').get(epochId) as { n: number };
      db.close();
      return n;
    };
    add(ended, 1);
    for (let commit = 0; commit < 3 * IDLE_COMMITS; commit++) {
      if (commit % 100 === 0) add(slow, commit + 1);
      catalogue.commit(position);
    }
    add(ended, 2);
    catalogue.commit(position);
    expect(rows(slow)).toBe(1);
    expect(rows(ended)).toBe(2);
    expect(catalogue.frames(ended, 0, 9).map(({ seq }) => seq)).toEqual([1, 2]);
    catalogue.close();
    await rm(folder, { recursive: true });
  });
});

import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openLog, openLogReader } from '@pulseseal/log';
import { CTL, ERR, ehOf, encodeBulk, parseErr, parseMessage, parseProgress } from '@pulseseal/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { createFaultyFileSystem, logFailure } from '../../libs/log/test/faulty-file-system.ts';
import { parseRecord, RECORD } from '../src/mod.ts';
import { type RawCircle, type RawEpoch, rawEpoch } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

describe('what a crash or a failed disk leaves behind', () => {
  let world: World;
  afterEach(() => world.end());

  it('ends a segment whose close was synced and whose end was not, though nothing more comes for it', async () => {
    world = await createWorld();
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    const frames = Array.from({ length: 4 }, () => epoch.frame().raw);
    for (const frame of frames.slice(0, 3)) await client.publish(circle.device.topics.u, frame);
    expect(await client.publish(circle.device.topics.c, epoch.close().ctl)).toBe(true);
    // The last frame comes behind its close, so that the segment's end is a record of its own.
    await client.publish(circle.device.topics.u, frames[3]!);
    await until(() => [...world.gateway.account()][0]!.sealed.length > 0);
    await world.gateway.stop(0);
    world.catalogue.close();
    await world.journal.close();
    // As if it had died just before the record of the segment's end.
    const dir = join(world.dir, 'journal');
    const reader = await openLogReader({ dir });
    const cut = await openLog({ dir: `${dir}.cut` });
    const { records } = await reader.readFrom(0);
    const end = records.findIndex(({ data }) => parseRecord(data).kind === RECORD.segment);
    expect(end).toBeGreaterThan(0);
    await cut.appendMany(records.slice(0, end).map(({ data }) => data));
    await cut.close();
    await reader.close();
    await rm(dir, { recursive: true });
    await rename(`${dir}.cut`, dir);
    for (const ending of ['', '-wal', '-shm']) await rm(join(world.dir, 'index.db') + ending, { force: true });
    await world.relaunch();
    await until(() => [...world.gateway.account()][0]!.sealed[0]?.[1] === 4);
  });

  it('counts nothing of a failed batch as received: it is taken when it comes again, and once', async () => {
    let isBroken = false;
    const fs = createFaultyFileSystem((o) =>
      isBroken && o.path.endsWith('.seg') && o.kind === 'sync' ? { errno: 'EIO' } : undefined,
    );
    world = await createWorld({ fs });
    const circle = await world.circle();
    let { client, epoch } = await world.live(circle);
    const frames = Array.from({ length: 6 }, () => epoch.frame().raw);
    for (const frame of frames.slice(0, 3)) expect(await client.publish(circle.device.topics.u, frame)).toBe(true);
    isBroken = true;
    expect(await client.publish(circle.device.topics.u, frames[3]!, 1, 1_000)).toBe(false);
    expect(await world.metric('edge_journal_failed')).toBe(1);
    // Nobody comes in on a state that is ahead of the disk.
    await expect(world.connect(circle.device)).rejects.toThrow();
    isBroken = false;
    await until(async () => (await world.metric('edge_journal_failed')) === 0);
    client = await world.connect(circle.device);
    await client.subscribe(circle.device.topics.d);
    for (const frame of frames) expect(await client.publish(circle.device.topics.u, frame)).toBe(true);
    expect(await client.publish(circle.device.topics.c, epoch.close().ctl)).toBe(true);
    await until(() => [...world.gateway.account()][0]!.sealed.length > 0);
    expect([...world.gateway.account()][0]).toMatchObject({ stored: [[1, 6]], sealed: [[1, 6]], doubled: 0 });
    expect(await world.metric('edge_duplicates_total')).toBe(3);
  });

  it('names a torn tail and a damaged record, and reads the epoch back without the frame', async () => {
    world = await createWorld();
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    for (let i = 0; i < 5; i++) await client.publish(circle.device.topics.u, epoch.frame().raw);
    const place = [...world.catalogue.frames(world.catalogue.unfinishedEpochs()[0]?.id ?? 1, 3, 4)][0]!;
    const { data } = (await world.journal.readFrom(place.position)).records[0]!;
    await client.end();
    await world.gateway.stop(0);
    world.catalogue.close();
    await world.journal.close();
    const dir = join(world.dir, 'journal');
    const segment = join(
      dir,
      (await readdir(dir))
        .filter((name) => name.endsWith('.seg'))
        .sort()
        .at(-1)!,
    );
    const file = await readFile(segment);
    file[file.indexOf(data) + 20]! ^= 1;
    await writeFile(segment, Buffer.concat([file, Buffer.alloc(77, 9)]));
    await world.relaunch();
    expect(await world.metric('edge_journal_cut_bytes')).toBe(77);
    const again = await world.connect(circle.device);
    await again.subscribe(circle.device.topics.d);
    expect(await again.publish(circle.device.topics.u, epoch.frame().raw)).toBe(true);
    expect(await world.metric('edge_alarms_total', 'journal-damage')).toBeGreaterThan(0);
    expect(await again.publish(circle.device.topics.c, epoch.close().ctl)).toBe(true);
    // The frame is asked for, as one that never came.
    await again.next((_, p) => epoch.read(p).mt === CTL.nack);
  });
});

describe('a device that rebooted while its older epoch lives on here', () => {
  let world: World;
  afterEach(() => world.end());

  it('hears by a hint that its counters are behind: it has no keys of that epoch any more', async () => {
    world = await createWorld();
    const circle = await world.circle();
    const { client } = await world.live(circle, { boot: 3, epoch: 3 });
    const behind = await rawEpoch(circle, { beacon: await world.beacon(), boot: 1, epoch: 7 }, crypto, random);
    expect(await client.publish(circle.device.topics.o, behind.opening, 1, 800)).toBe(false);
    const told = await client.next((t, p) => t === circle.device.topics.d && behind.read(p).mt === CTL.err);
    const err = behind.read(told);
    expect(parseErr(err.content).code).toBe(ERR.staleCounter);
    expect(err.n).toBe(0);
  });

  it('gets the progress of what it sends again by bulk under the epoch it opened since', async () => {
    world = await createWorld();
    const circle = await world.circle();
    const before = await world.live(circle, { boot: 1, epoch: 1 });
    const frames = Array.from({ length: 4 }, () => before.epoch.frame().raw);
    for (const frame of frames) expect(await before.client.publish(circle.device.topics.u, frame)).toBe(true);
    await before.client.end();
    const { client, epoch } = await world.live(circle, { boot: 2, epoch: 2 });
    const bulk = encodeBulk([before.epoch.close().bare, ...frames]);
    expect(await client.publish(circle.device.topics.c, epoch.ctl(CTL.bulk, bulk))).toBe(true);
    await client.next((_, p) => {
      const ctl = epoch.read(p);
      if (ctl.mt !== CTL.progress || !ctl.isAuthentic) return false;
      const { eh, seqBelow, segmentBelow } = parseProgress(ctl.content);
      return (
        eh !== undefined && Buffer.compare(eh, ehOf(before.epoch.oh)) === 0 && seqBelow === 5 && segmentBelow === 1
      );
    });
  });

  it('is not stopped by keys that overtook their opening while another one was looked at', async () => {
    world = await createWorld();
    const circle = await world.circle();
    const { topics } = circle.device;
    const beacon = await world.beacon();
    const first = await rawEpoch(circle, { beacon, boot: 1, epoch: 1 }, crypto, random);
    const second = await rawEpoch(circle, { beacon, boot: 2, epoch: 2 }, crypto, random);
    const client = await world.connect(circle.device);
    await client.subscribe(topics.d);
    const all = [first.opening, second.keys, second.opening].map((bytes) => client.publish(topics.o, bytes, 1, 2_000));
    expect((await Promise.all(all)).at(-1)).toBe(true);
    expect(await client.publish(topics.o, second.keys, 1, 2_000)).toBe(true);
    await client.next((t, p) => t === topics.d && second.read(p).mt === CTL.accept);
  });
});

describe('what passes by itself', () => {
  let world: World;
  afterEach(() => world.end());
  const statesOf = (circle: RawCircle, epoch: RawEpoch) => {
    const { number } = world.catalogue.device(circle.device.name)!;
    return world.catalogue.closes(world.catalogue.epoch(number, ehOf(epoch.oh))!.id).map((row) => row.state);
  };

  it('a read that fails once holds up the chain of closes until the next one only [SEG-3]', async () => {
    world = await createWorld();
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    const { u, c } = circle.device.topics;
    const closes = [];
    for (let s = 0; s < 4; s++) {
      for (let i = 0; i < 2; i++) expect(await client.publish(u, epoch.frame().raw)).toBe(true);
      closes.push(epoch.close());
    }
    expect(await client.publish(c, closes[1]!.ctl)).toBe(true);
    const { read } = world.journal;
    world.journal.read = async () => {
      world.journal.read = read;
      throw logFailure('disk-error', 'read: EIO');
    };
    expect(await client.publish(c, closes[0]!.ctl, 1, 500)).toBe(false);
    expect(statesOf(circle, epoch)).toEqual(['complete', 'held']);
    for (const close of [closes[0]!, closes[2]!, closes[3]!]) expect(await client.publish(c, close.ctl)).toBe(true);
    await until(() => statesOf(circle, epoch).every((state) => state === 'complete'));
    expect(statesOf(circle, epoch).length).toBe(4);
  });

  it('a full log delays the end of a segment, which its recipients wait for [SEG-4]', async () => {
    world = await createWorld();
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    const frames = Array.from({ length: 3 }, () => epoch.frame().raw);
    for (const frame of frames.slice(0, 2)) expect(await client.publish(circle.device.topics.u, frame)).toBe(true);
    expect(await client.publish(circle.device.topics.c, epoch.close().ctl)).toBe(true);
    const { enqueue } = world.journal;
    let left = 2;
    world.journal.enqueue = (record) => {
      if (parseRecord(record).kind === RECORD.segment && left-- > 0) throw logFailure('log-full');
      return enqueue(record);
    };
    const before = world.items.length;
    // The last frame comes behind its close, so that the segment's end is a record of its own.
    expect(await client.publish(circle.device.topics.u, frames[2]!)).toBe(true);
    await until(() => statesOf(circle, epoch)[0] === 'complete');
    expect(left).toBeLessThan(0);
    const kinds = world.items.slice(before).map(({ message }) => parseMessage(message).kind);
    expect(kinds.filter((kind) => kind === 'leaves')).toHaveLength(1);
  });
});

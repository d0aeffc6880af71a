import { afterEach, describe, expect, it } from 'vitest';
import type { SpoolEpoch } from '../src/device/spool-epoch.ts';
import { decodeRecord } from '../src/device/spool-records.ts';
import { createCloseSync } from '../src/device/spool-sync.ts';
import { createMemoryFlash, type Flash } from '../src/mod.ts';
import { createWorld, type World } from './harness.ts';

/** A flash that may lose its newest records with the power, down to what was synced, and any record to damage. */
function createWeakFlash() {
  const state = createMemoryFlash();
  let records: (Uint8Array | undefined)[] = [];
  let syncedRecords = 0;
  let syncs = 0;
  /** Syncs answer when it says so. */
  const gate = { wait: (): Promise<void> => new Promise((resolve) => setImmediate(resolve)) };
  const flash: Flash = {
    ...state,
    readRecords: () => [...records],
    append(record) {
      records.push(record);
    },
    async sync() {
      syncs++;
      const count = records.length;
      await gate.wait();
      syncedRecords = Math.max(syncedRecords, count);
    },
    spoolBytes: () => 0,
    rewrite(next) {
      records = [...next];
      syncedRecords = records.length;
    },
  };
  return {
    flash,
    gate,
    get records() {
      return records;
    },
    get syncs() {
      return syncs;
    },
    losePower(newest: number) {
      records.length = Math.max(syncedRecords, records.length - newest);
      syncedRecords = records.length;
    },
    damage(index: number) {
      records[index] = undefined;
    },
  };
}

const worlds: World[] = [];
afterEach(() => {
  for (const world of worlds.splice(0)) world.device.halt();
});
const worldOf = (flash: Flash) => {
  const world = createWorld({ flash });
  worlds.push(world);
  return world;
};
const first = (world: World) => [...world.gateway.epochs.values()][0]!;
const everySecond = async (world: World, seconds: number) => {
  for (let i = 0; i < seconds; i++) {
    world.sendHeart(60 + (i % 40));
    await world.run(1_000);
  }
};

describe('a loss of power', () => {
  it.each([1, 2, 4, 8, 16, 1_000])(
    'that takes the %d newest records never makes a second close of a segment',
    async (lost) => {
      const weak = createWeakFlash();
      const world = worldOf(weak.flash);
      await world.enrol();
      for (let i = 0; first(world).closes.size < 2; i++) {
        expect(i).toBeLessThan(60);
        await everySecond(world, 1);
      }
      await everySecond(world, 3);
      world.device.halt();
      weak.losePower(lost);
      world.reboot();
      await world.run(20_000);
      expect(world.gateway.disputes).toBe(0);
      expect([...first(world).closes.values()].filter(({ body }) => body.last !== undefined).length).toBeLessThan(2);
      expect(world.notices).not.toContain('orphan');
    },
  );

  it('finds no close on its way that was not synced, however long the flash takes', async () => {
    const weak = createWeakFlash();
    const world = worldOf(weak.flash);
    await world.enrol();
    const open: (() => void)[] = [];
    weak.gate.wait = () => new Promise((resolve) => open.push(resolve));
    await everySecond(world, 25);
    world.link.outage(2_000);
    await everySecond(world, 5);
    expect(weak.syncs).toBeGreaterThan(0);
    expect(first(world).closes.size).toBe(0);
    // Frames do not wait for it.
    expect(first(world).frames.size).toBeGreaterThan(25);
    weak.gate.wait = () => Promise.resolve();
    for (const resolve of open) resolve();
    await world.until('the closes', () => first(world).closes.size >= 2, 5_000);
    expect(world.gateway.disputes).toBe(0);
  });

  it('after a kill finds no close on its way either that the killed process had not synced', async () => {
    const weak = createWeakFlash();
    const world = worldOf(weak.flash);
    await world.enrol();
    const open: (() => void)[] = [];
    weak.gate.wait = () => new Promise((resolve) => open.push(resolve));
    await everySecond(world, 25);
    world.device.halt();
    world.reboot();
    await everySecond(world, 15);
    expect(world.device.state).toBe('live');
    expect([...world.gateway.epochs.values()].map((epoch) => epoch.closes.size)).toEqual([0, 0]);
    weak.gate.wait = () => Promise.resolve();
    for (const resolve of open) resolve();
    await world.until('the closes', () => first(world).closes.size >= 3, 15_000);
    expect(world.gateway.disputes).toBe(0);
  });
});

describe('damage in the middle of the spool', () => {
  const kinds = ['epoch', 'segment', 'frame', 'close', 'acked'] as const;
  const places = kinds.flatMap((kind) => (['first', 'last'] as const).map((which) => [which, kind] as const));

  it.each(places)('at the %s %s is named, the rest goes up, and no segment is closed twice', async (which, kind) => {
    const weak = createWeakFlash();
    const world = worldOf(weak.flash);
    await world.enrol();
    await everySecond(world, 25);
    world.broker.setAccepting(false);
    await everySecond(world, 15);
    world.device.halt();
    const at = weak.records.map((record, i) => (decodeRecord(record!)?.kind === kind ? i : -1)).filter((i) => i >= 0);
    const sealed = first(world).frames.size;
    weak.damage(which === 'first' ? at[0]! : at.at(-1)!);
    world.broker.setAccepting(true);
    world.reboot();
    await world.run(25_000);
    expect(world.notices).toContain('spool-damaged');
    expect(world.gateway.disputes).toBe(0);
    expect(world.gateway.refusals).toEqual([]);
    if (kind === 'epoch') expect(world.notices).toContain('orphan');
    else expect(first(world).frames.size).toBeGreaterThan(sealed + 10);
    // Nothing is left that could never go.
    const stopped = world.device.stop(60_000);
    let isDrained: boolean | undefined;
    void stopped.then((drained) => {
      isDrained = drained;
    });
    await world.until('stopped', () => isDrained !== undefined, 120_000);
    expect(isDrained).toBe(true);
  });
});

describe('a sync that fails', () => {
  const epoch = () => ({ unsyncedCloses: new Set<number>() }) as unknown as SpoolEpoch;

  it('is no proof, nor is the next one: the spool is written anew before a close goes out', async () => {
    const about = epoch();
    let rewrites = 0;
    let isFull = true;
    const failed: unknown[] = [];
    const answers = [Promise.reject(new Error('EIO')), Promise.resolve(), Promise.resolve()];
    const closes = createCloseSync({
      sync: () => answers.shift(),
      rewrite: () => {
        rewrites++;
        if (isFull) throw new Error('ENOSPC');
      },
      failed: (error) => failed.push(error),
    });
    const decided = () => new Promise<void>((resolve) => closes.after(resolve));
    closes.add(about, 0);
    await decided();
    expect([[...about.unsyncedCloses], rewrites, failed.length]).toEqual([[0], 1, 1]);
    closes.add(about, 1);
    await decided();
    expect([[...about.unsyncedCloses], rewrites, failed.length]).toEqual([[0, 1], 2, 2]);
    isFull = false;
    closes.add(about, 2);
    await decided();
    expect([[...about.unsyncedCloses], rewrites, failed.length]).toEqual([[], 3, 2]);
  });

  it('costs nothing where nothing has to be synced', () => {
    const about = epoch();
    const closes = createCloseSync({ sync: () => undefined, rewrite: () => {}, failed: () => {} });
    closes.add(about, 0);
    let isRun = false;
    closes.after(() => {
      isRun = true;
    });
    expect([isRun, about.unsyncedCloses.size]).toEqual([true, 0]);
  });
});

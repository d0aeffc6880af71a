import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryBus } from '@pulseseal/bus';
import { createMemoryKeyStore, toHex } from '@pulseseal/crypto';
import type { CareEvent } from '@pulseseal/protocol';
import {
  createMetrics,
  createSeededRandom,
  createSilentLogger,
  createSystemClock,
  createSystemRandom,
} from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import {
  createMemoryStateStore,
  createStreamProcessor,
  feedTopic,
  type LedgerView,
  openFileStateStore,
  prekeyName,
} from '../src/mod.ts';
import { createCircle, type Epoch, makeBeacon, manifestBody, openEpoch, T0 } from './support/device.ts';
import { type Bench, createBench, crypto, ofKind, readingsOf } from './support/processor.ts';

const circle = createCircle(crypto);
const hr = (value: number) => new Map([[0, value]]);

describe('a restart in mid-epoch', () => {
  it('goes on with the same epoch, cards, received numbers and leaves', async () => {
    const before = await createBench(circle);
    const device = await openEpoch(circle);
    const early = [device.card(1), device.vitals(hr(70), 1000), device.card(2)];
    await before.give([...device.papers(), ...early]);
    await before.flow.checkpoint();

    const after = await createBench(circle, { state: before.state });
    await after.flow.resume();
    // What was acknowledged comes again from a device that did not hear so.
    const again = await after.give(early);
    expect(readingsOf(again)).toEqual([]);
    expect(after.totals.duplicate).toBe(3);
    const next = await after.give([device.vitals(hr(71), 2000), device.beat(2500)]);
    expect(readingsOf(next)).toMatchObject([{ value: 71, text: '71' }]);
    const close = device.close(3000);
    expect(ofKind(await after.give([close.raw]), 'graded')).toMatchObject([{ first: 1, count: 5, grade: 'sealed' }]);
    const two = [device.vitals(hr(72), 4000), device.beat(4500)];
    await after.give(two);
    expect(ofKind(await after.give([device.close(5000).raw]), 'graded')).toMatchObject([{ sg: 1 }]);
    expect(after.refusals).toEqual({});
  });

  it('keeps values that wait for their card', async () => {
    const before = await createBench(circle);
    const device = await openEpoch(circle);
    const card = device.card(1);
    expect(readingsOf(await before.give([...device.papers(), device.vitals(hr(70), 1000)]))).toEqual([]);
    await before.flow.checkpoint();
    const after = await createBench(circle, { state: before.state });
    await after.flow.resume();
    expect(readingsOf(await after.give([card]))).toMatchObject([{ value: 70 }]);
  });

  it('holds the high-water mark: a replayed old open is history, also after the restart', async () => {
    const before = await createBench(circle);
    await before.give((await openEpoch(circle, { epoch: 3 })).papers());
    const after = await createBench(circle, { state: before.state });
    await after.flow.resume();
    const old = await openEpoch(circle, { epoch: 2 });
    const events = await after.give([...old.papers(), old.card(1), old.card(2), old.vitals(hr(20), 10)]);
    expect(readingsOf(events)).toMatchObject([{ history: true }]);
  });
});

describe('a recipient that lost its state', () => {
  const HOUR_MS = 3_600_000;
  const under = (version: number) => ({ ...manifestBody(circle), version });
  const ledgerAt = (version: number, putMs: number): LedgerView => ({
    manifest: async () => ({ version, hash: new Uint8Array(32), putMs }),
    anchoredHead: async () => undefined,
  });
  const speak = async (bench: Bench, device: Epoch) =>
    readingsOf(await bench.give([...device.papers(), device.card(1), device.card(2), device.vitals(hr(20), 10)]));

  it('takes an old epoch played as the present for history, by the manifest that the ledger has; it never rings', async () => {
    const old = await openEpoch(circle, { epoch: 2, manifest: under(1) });
    const current = await openEpoch(circle, { epoch: 8, manifest: under(3) });
    const before = await createBench(circle);
    await before.give(old.papers());
    await before.give(current.papers());
    // The folder is gone, and the gateway begins with what it likes.
    const after = await createBench(circle, { ledger: ledgerAt(3, T0 - HOUR_MS) });
    expect(await speak(after, old)).toMatchObject([{ value: 20, history: true }]);
    expect(await speak(after, current)).toMatchObject([{ value: 20, history: false }]);
    // Now there is a mark again.
    const between = await openEpoch(circle, { epoch: 7, manifest: under(3) });
    expect(await speak(after, between)).toMatchObject([{ history: true }]);
  });

  it('takes it so by the beacon that the open hashes, also without a ledger', async () => {
    const startMs = T0 + 26 * HOUR_MS;
    const bench = await createBench(circle, { startMs });
    // Another t0 does not help: the beacon is the gateway's own word of that time.
    expect(await speak(bench, await openEpoch(circle, { epoch: 2, t0Ms: startMs }))).toMatchObject([{ history: true }]);
    const beacon = makeBeacon(circle, circle.gateway, [1, 2], startMs - HOUR_MS);
    const current = await openEpoch(circle, { epoch: 3, t0Ms: startMs, beacon });
    expect(await speak(bench, current)).toMatchObject([{ history: false }]);
  });

  it('goes on at once with what is the present: within the grace of a new manifest, over a ledger that is away', async () => {
    const grace = await createBench(circle, { ledger: ledgerAt(2, T0 - 30_000) });
    expect(await speak(grace, await openEpoch(circle, { manifest: under(1) }))).toMatchObject([{ history: false }]);
    const late = await createBench(circle, { ledger: ledgerAt(2, T0 - 90_000) });
    expect(await speak(late, await openEpoch(circle, { manifest: under(1) }))).toMatchObject([{ history: true }]);
    const away = await createBench(circle, {
      ledger: { manifest: () => Promise.reject(new Error('away')), anchoredHead: async () => undefined },
    });
    expect(await speak(away, await openEpoch(circle))).toMatchObject([{ history: false }]);
  });
});

describe('the processor on a bus', () => {
  const world = async () => {
    const wall = createSystemClock();
    const bus = createMemoryBus();
    const toEdge = createMemoryBus();
    const keys = createMemoryKeyStore(wall);
    const rid = toHex(circle.rid);
    await keys.put(prekeyName(rid, 1), circle.prekeySeed);
    const patients = { byRid: () => ({ patient: 'p1', owner: circle.owner.thumbprint }) };
    const state = createMemoryStateStore();
    const publisher = bus.openPublisher();
    const give = async (messages: readonly Uint8Array[]) => {
      for (const message of messages) await publisher.publish(feedTopic(rid, 'f', T0), message);
    };
    const make = (sink: (events: readonly CareEvent[]) => Promise<void>) =>
      createStreamProcessor(
        {
          crypto,
          wall,
          data: createManualClock(T0),
          logger: createSilentLogger(),
          metrics: createMetrics('test'),
          feed: bus.openSubscriber('care'),
          toEdge: toEdge.openPublisher(),
          keys,
          patients,
          state,
          sink,
        },
        { tickMs: 20, sinkRetryMs: 20, checkpointMs: 0 },
      );
    return { give, make };
  };
  const until = async (condition: () => boolean) => {
    for (let i = 0; i < 200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(condition()).toBe(true);
  };

  it('hands facts over again until they are durable, and loses none', async () => {
    const { give, make } = await world();
    const taken: CareEvent[] = [];
    let failures = 3;
    const processor = make(async (events) => {
      if (failures-- > 0) throw new Error('not durable');
      taken.push(...events);
    });
    await processor.start();
    const device = await openEpoch(circle);
    await give([...device.papers(), device.card(1), device.vitals(hr(70), 0)]);
    await until(() => readingsOf(taken).length === 1);
    await give([device.vitals(hr(71), 10)]);
    await until(() => readingsOf(taken).length === 2);
    await processor.stop();
    expect(readingsOf(taken).map((r) => r.value)).toEqual([70, 71]);
  });

  it('acknowledges only what is durable, so a crash before that repeats it and a clean stop does not', async () => {
    const { give, make } = await world();
    const never = make(() => Promise.reject(new Error('not durable')));
    await never.start();
    const device = await openEpoch(circle);
    await give([...device.papers(), device.card(1), device.vitals(hr(70), 0)]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await never.stop();
    const second: CareEvent[] = [];
    const good = make(async (events) => void second.push(...events));
    await good.start();
    await until(() => readingsOf(second).length === 1);
    await good.stop();
    const third: CareEvent[] = [];
    const after = make(async (events) => void third.push(...events));
    await after.start();
    await give([device.vitals(hr(71), 10)]);
    await until(() => readingsOf(third).length === 1);
    await after.stop();
    expect(readingsOf(third).map((r) => r.value)).toEqual([71]);
  });
});

describe('state at rest', () => {
  const withFolder = async (run: (folder: string) => Promise<void>) => {
    const folder = await mkdtemp(join(tmpdir(), 'processor-state-'));
    try {
      await run(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  const sealKey = createSeededRandom(4).bytes(32);
  const random = createSystemRandom();

  it('is sealed: neither names of patients nor bytes of a card can be read from the files', () =>
    withFolder(async (folder) => {
      const state = await openFileStateStore({ folder, sealKey, crypto, random });
      const bench = await createBench(circle, { state });
      const device = await openEpoch(circle);
      await bench.give([...device.papers(), device.card(1)]);
      await bench.flow.checkpoint();
      const names = await readdir(folder);
      expect(names.filter((name) => name.startsWith('epoch.'))).toHaveLength(1);
      for (const name of names) {
        const bytes = await readFile(join(folder, name));
        expect(bytes.includes(Buffer.from(device.cards.get(1)!).subarray(2, 18))).toBe(false);
        expect(bytes.includes(Buffer.from(device.open).subarray(100, 132))).toBe(false);
      }
      const again = await createBench(circle, { state: await openFileStateStore({ folder, sealKey, crypto, random }) });
      await again.flow.resume();
      expect([...again.flow.epochs]).toHaveLength(1);
    }));

  it('is refused when altered, swapped or opened with another key', () =>
    withFolder(async (folder) => {
      const state = await openFileStateStore({ folder, sealKey, crypto, random });
      await state.save('one', new Uint8Array([1, 2, 3]));
      await state.save('two', new Uint8Array([4]));
      expect(await state.load('one')).toEqual(new Uint8Array([1, 2, 3]));
      await writeFile(join(folder, 'two'), await readFile(join(folder, 'one')));
      await expect(state.load('two')).rejects.toMatchObject({ code: 'state-damaged' });
      const other = await openFileStateStore({ folder, sealKey: new Uint8Array(32), crypto, random });
      await expect(other.load('one')).rejects.toMatchObject({ code: 'state-damaged' });
      await expect(state.save('../out', new Uint8Array(1))).rejects.toMatchObject({ code: 'state-name' });
      expect(await state.load('none')).toBeUndefined();
    }));
});

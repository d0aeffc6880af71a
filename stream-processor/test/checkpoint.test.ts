import type { DisputeEvidence } from '@pulseseal/ledger';
import { encodeItem, encodeLeaves, signBody } from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import type { LedgerView } from '../src/mod.ts';
import { createCircle, type Epoch, openEpoch } from './support/device.ts';
import { type Bench, createBench, crypto, ofKind, readingsOf } from './support/processor.ts';

const circle = createCircle(crypto);
const hr = (value: number) => new Map([[0, value]]);
const CHECKPOINT = 'checkpoint';
/** What one segment may leave behind for good: two hashes and some numbers. */
const SEGMENT_BYTES = 128;
/** The newest segments, with their leaves and whatever is not anchored yet; and the epoch's own numbers. */
const REST_BYTES = 1_024;

/** Holds every head that it is asked for. */
const createAnchors = () => {
  const box: { root: Uint8Array; isAway: boolean } = { root: new Uint8Array(32), isAway: false };
  const ledger: LedgerView = {
    manifest: async () => undefined,
    anchoredHead: async (_gateway, size) => (box.isAway ? undefined : { size, root: box.root }),
  };
  return { box, ledger };
};

const sizeOf = async (bench: Bench): Promise<number> => {
  await bench.flow.checkpoint();
  return (await bench.state.load(CHECKPOINT))!.length;
};

const segmentsOf = (bench: Bench) => [...[...bench.flow.epochs][0]!.segments.values()];

type Close = ReturnType<Epoch['close']>;

/** One segment of two frames, closed, with its receipt, and the ledger's answer. */
const live = async (bench: Bench, box: { root: Uint8Array }, device: Epoch): Promise<Close> => {
  const base = device.segment * 60_000;
  await bench.give([device.vitals(hr(60 + device.segment), base + 1000), device.beat(base + 2000)]);
  const close = device.close(base + 60_000);
  const receipt = device.receipt(close);
  box.root = receipt.root;
  await bench.give([close.raw]);
  await bench.give([receipt.message], 'p');
  await bench.flow.askLedger();
  await bench.advance(60_000);
  return close;
};

const begin = async (bench: Bench): Promise<Epoch> => {
  const device = await openEpoch(circle);
  await bench.give([...device.papers(), device.card(1), device.card(2)]);
  return device;
};

describe('the size of a checkpoint', () => {
  it('grows by little more than hashes with each anchored segment, and ends with the window', async () => {
    const { box, ledger } = createAnchors();
    const bench = await createBench(circle, { ledger });
    const device = await begin(bench);
    const sizes: number[] = [];
    for (let i = 0; i < 80; i++) {
      await live(bench, box, device);
      sizes.push(await sizeOf(bench));
    }
    expect(bench.totals.anchored).toBe(bench.totals.opened);
    for (const [i, size] of sizes.entries()) expect(size).toBeLessThan((i + 1) * SEGMENT_BYTES + REST_BYTES);
    // The window is full: what comes in, something else goes out for.
    expect(sizes[79]! - sizes[64]!).toBeLessThan(SEGMENT_BYTES);
  });

  it('stays so with a ledger that is away: the gateway has the closes', async () => {
    const { box, ledger } = createAnchors();
    box.isAway = true;
    const bench = await createBench(circle, { ledger });
    const device = await begin(bench);
    let newest = 0;
    for (let i = 0; i < 40; i++) newest = (await live(bench, box, device)).raw.length;
    expect(bench.totals.anchored).toBe(0);
    // The receipt's head waits with each segment.
    expect(await sizeOf(bench)).toBeLessThan(40 * (SEGMENT_BYTES + 40) + 4 * newest + REST_BYTES);
  });
});

describe('a checkpoint without the closes', () => {
  const worldAt = async (segments: number) => {
    const reported: DisputeEvidence[] = [];
    const disputes = { report: (evidence: DisputeEvidence) => void reported.push(evidence) };
    const { box, ledger } = createAnchors();
    const bench = await createBench(circle, { ledger, disputes });
    const device = await begin(bench);
    const closes: Close[] = [];
    for (let i = 0; i < segments; i++) closes.push(await live(bench, box, device));
    const restart = async (from: Bench) => {
      await from.flow.checkpoint();
      const again = await createBench(circle, { state: from.state, ledger, disputes, startMs: from.clock.nowMs() });
      await again.flow.resume();
      return again;
    };
    return { bench, box, device, closes, reported, restart };
  };

  it('is enough to go on with: repeated closes are known, the next one fits, grades do not fall', async () => {
    const { bench, box, device, closes, restart } = await worldAt(6);
    const midway = [device.vitals(hr(90), 361_000), device.beat(362_000)];
    await bench.give(midway);
    const after = await restart(bench);
    expect(segmentsOf(after).filter(({ isAnchored }) => isAnchored)).toHaveLength(6);
    const again = await after.give([...closes.map(({ raw }) => raw), ...midway]);
    expect(again.filter(({ kind }) => kind !== 'epoch')).toEqual([]);
    expect(after.totals.duplicate).toBe(8);
    await live(after, box, device);
    const graded = ofKind(after.all, 'graded');
    expect(graded.map(({ sg, count, grade }) => [sg, count, grade])).toEqual([
      [6, 4, 'sealed'],
      [6, 4, 'anchored'],
    ]);
    expect(after.refusals).toEqual({});
  });

  it('saves the receipt of a close that is not anchored yet', async () => {
    const { bench, box, device, restart } = await worldAt(1);
    await bench.give([device.vitals(hr(90), 61_000)]);
    const close = device.close(120_000);
    const receipt = device.receipt(close);
    await bench.give([close.raw]);
    // The receipt comes to the one that knows the close by its hash alone.
    const after = await restart(bench);
    await after.give([receipt.message], 'p');
    const last = await restart(after);
    box.root = receipt.root;
    await last.flow.askLedger();
    expect(ofKind(await last.advance(500), 'graded')).toMatchObject([{ sg: 1, grade: 'anchored' }]);
  });

  it('raises the alarm over a second close at once, and reports both when the gateway has given the first again', async () => {
    const { bench, device, closes, reported, restart } = await worldAt(2);
    const [first] = closes;
    const second = signBody('close', { ...first!.body, dt: 60_001 }, circle.device);
    expect(ofKind(await bench.give([second]), 'refused')).toMatchObject([{ refusal: 'disputed' }]);
    expect(reported).toEqual([]);
    const asked = expect.objectContaining({ kind: 'ask', want: 3, sg: 0 });
    expect(bench.outgoing()).toContainEqual(asked);
    // Whether the question left before the end, nobody knows.
    const after = await restart(bench);
    expect(after.outgoing()).toContainEqual(asked);
    await after.give([first!.raw, second]);
    await after.advance(1_000);
    const { oh, open } = device;
    const { endorse } = circle;
    expect(reported).toEqual([{ oh, segment: 0, closeA: first!.raw, closeB: second, endorse, open }]);
    // The answer holds the second as well: that asks no second time.
    expect(after.outgoing().filter(({ kind }) => kind === 'ask')).toEqual([]);
    expect(segmentsOf(after)[0]).toMatchObject({ state: 'disputed' });
    // A close of the gateway's own making is no dispute.
    const count = after.refusals.disputed;
    await after.give([signBody('close', { ...closes[1]!.body, dt: 1 }, circle.gateway)]);
    expect(after.refusals).toMatchObject({ disputed: count, 'signature-invalid': 1 });
  });

  it('asks for few of the closes that a device contradicts', async () => {
    const { bench, closes } = await worldAt(12);
    const seconds = closes.map(({ body }) => signBody('close', { ...body, dt: 1 }, circle.device));
    const before = await sizeOf(bench);
    await bench.give(seconds);
    expect(await sizeOf(bench)).toBeLessThan(before + 5 * seconds[0]!.length);
    expect(segmentsOf(bench).every(({ state }) => state === 'disputed')).toBe(true);
  });
});

describe('a checkpoint without the leaf tables', () => {
  /** A reader of vitals alone has a segment full of somebody else's frames, and one of its own is late. */
  const withLateFrame = async () => {
    const before = await createBench(circle);
    const device = await openEpoch(circle, { scopes: [0, 1] });
    await before.give([...device.papers(), device.card(1)]);
    for (let i = 0; i < 200; i++) device.ecg(new Int16Array(25), i);
    const late = device.vitals(hr(70), 1000);
    await before.give([device.vitals(hr(71), 2000), device.beat(3000)]);
    const close = device.close(60_000);
    expect(ofKind(await before.give([close.raw, close.leaves]), 'graded')).toMatchObject([{ grade: 'sealed' }]);
    const size = await sizeOf(before);
    const after = await createBench(circle, { state: before.state, startMs: before.clock.nowMs() });
    await after.flow.resume();
    await after.give([]);
    return { device, late, close, size, after };
  };

  it('is small for a reader of few scopes, and a late frame waits until the gateway gave the leaves again', async () => {
    const { late, close, size, after } = await withLateFrame();
    expect(size).toBeLessThan(SEGMENT_BYTES + close.raw.length + REST_BYTES);
    expect(readingsOf(await after.give([late]))).toEqual([]);
    expect(after.flow.barrier).toBe(1);
    expect(after.outgoing()).toContainEqual(expect.objectContaining({ kind: 'ask', want: 1, sg: 0 }));
    expect(readingsOf(await after.give([close.leaves]))).toMatchObject([{ value: 70, grade: 'sealed' }]);
    expect(after.flow.barrier).toBeUndefined();
    expect(after.refusals).toEqual({});
    expect((await after.give([late, close.leaves])).length).toBe(0);
    expect(after.totals.duplicate).toBe(2);
  });

  it('believes no leaves but those that the device signed, and waits no longer than the keys live', async () => {
    const { device, late, close, after } = await withLateFrame();
    await after.give([late]);
    const other = close.table.map(() => new Uint8Array(32).fill(7));
    const events = await after.give([encodeLeaves(device.eh, 0, 1, other)]);
    expect(ofKind(events, 'refused')).toMatchObject([{ refusal: 'root-mismatch' }]);
    expect(readingsOf(await after.advance(600_001))).toEqual([]);
    expect(after.flow.barrier).toBeUndefined();
    expect(after.refusals).toMatchObject({ 'not-in-close': 1 });
    expect(readingsOf(await after.give([close.leaves, late]))).toEqual([]);
  });
});

/** As the version before wrote it: with whole closes. */
const versionOne = (bench: Bench, closes: readonly Close[]): Uint8Array => {
  const [epoch] = [...bench.flow.epochs];
  const { ridHex, ehHex, received, newestSegment, highestOpened, sealedBelow, nextClose } = epoch!;
  const segments = closes.map(({ raw }, sg) => [sg, 1, 2, 1, raw, null, null, [], new Uint8Array(0)]);
  const next = [nextClose.segment, nextClose.firstSeq, nextClose.previous];
  const pairs = received.pairs().map((pair) => [...pair]);
  const numbers = [newestSegment, highestOpened, null, 1, sealedBelow, []];
  return encodeItem([1, [[ridHex, ehHex, pairs, ...numbers, next, [], segments, []]]]);
};

describe('a checkpoint of the version before', () => {
  it('is read, and written again without the closes', async () => {
    const { box, ledger } = createAnchors();
    const before = await createBench(circle, { ledger });
    const device = await begin(before);
    const closes: Close[] = [];
    for (let i = 0; i < 5; i++) closes.push(await live(before, box, device));
    await before.state.save(CHECKPOINT, versionOne(before, closes));
    const after = await createBench(circle, { state: before.state, ledger, startMs: before.clock.nowMs() });
    await after.flow.resume();
    await after.give(closes.map(({ raw }) => raw));
    expect(after.totals.duplicate).toBe(5);
    expect(await sizeOf(after)).toBeLessThan(5 * SEGMENT_BYTES + REST_BYTES);
    await live(after, box, device);
    expect(ofKind(after.all, 'graded').map(({ sg, grade }) => [sg, grade])).toEqual([
      [5, 'sealed'],
      [5, 'anchored'],
    ]);
    expect(after.refusals).toEqual({});
  });
});

describe('a checkpoint that is not readable', () => {
  it('stops no start: the chain is asked for from its first close, one after another', async () => {
    const before = await createBench(circle);
    const device = await begin(before);
    const closes: Close[] = [];
    for (let i = 0; i < 3; i++) {
      await before.give([device.vitals(hr(60 + i), i * 60_000 + 1000)]);
      closes.push(device.close((i + 1) * 60_000));
      await before.give([closes[i]!.raw]);
    }
    await before.flow.checkpoint();
    const saved = (await before.state.load(CHECKPOINT))!;
    for (const damaged of [saved.subarray(0, saved.length / 2), Uint8Array.of(0x82, 0x18, 0x63, 0x80)]) {
      await before.state.save(CHECKPOINT, damaged);
      const after = await createBench(circle, { state: before.state, startMs: before.clock.nowMs() });
      await after.flow.resume();
      expect(readingsOf(await after.give([...closes.slice(2).map(({ raw }) => raw)]))).toEqual([]);
      for (const sg of [0, 1]) {
        after.clock.advance(1_000);
        expect(after.outgoing()).toContainEqual(expect.objectContaining({ kind: 'ask', want: 3, sg }));
        await after.give([closes[sg]!.raw]);
      }
      expect([...after.flow.epochs][0]!.nextClose).toMatchObject({ segment: 3 });
      expect(after.refusals).toEqual({});
    }
  });
});

import type { DisputeEvidence } from '@pulseseal/ledger';
import { ackKey, encodeLeaves, merkleRoot, openRack, signBody } from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import { createCircle, openEpoch } from './support/device.ts';
import { type Bench, createBench, crypto, ofKind, readingsOf } from './support/processor.ts';

const circle = createCircle(crypto);
const hr = (value: number) => new Map([[0, value]]);

async function segmentOfFive(bench: Bench, scopes?: readonly number[]) {
  const device = await openEpoch(circle, scopes === undefined ? {} : { scopes });
  await bench.give(device.papers());
  const frames = [
    device.card(1),
    device.vitals(hr(70), 1000),
    device.card(2),
    device.vitals(hr(71), 2000),
    device.beat(2500),
  ];
  return { device, frames };
}

describe('sealed', () => {
  it('rises by the close alone when every frame is here [GRADE-1]', async () => {
    const bench = await createBench(circle);
    const { device, frames } = await segmentOfFive(bench);
    await bench.give(frames);
    const close = device.close(3000);
    const graded = ofKind(await bench.give([close.raw]), 'graded');
    expect(graded).toMatchObject([{ sg: 0, first: 1, count: 5, grade: 'sealed' }]);
    expect(bench.totals.sealed).toBe(5);
    expect(ofKind(await bench.give([close.leaves, close.raw]), 'graded')).toEqual([]);
  });

  it('rises by the leaves when frames are missing, proves the gap, and asks', async () => {
    const bench = await createBench(circle);
    const { device, frames } = await segmentOfFive(bench);
    await bench.give([frames[0]!, frames[2]!, frames[3]!, frames[4]!]);
    const close = device.close(3000);
    expect(ofKind(await bench.give([close.raw]), 'graded')).toEqual([]);
    const events = await bench.give([close.leaves]);
    expect(ofKind(events, 'graded')).toHaveLength(1);
    expect(ofKind(events, 'gap')).toMatchObject([{ first: 2, count: 1, proved: true, stream: 1 }]);
    expect(bench.outgoing()).toContainEqual(
      expect.objectContaining({ kind: 'ask', want: 2, sg: 0, ranges: [{ first: 2, count: 1 }] }),
    );
    const late = await bench.give([frames[1]!]);
    expect(readingsOf(late)).toMatchObject([{ value: 70, grade: 'sealed' }]);
    expect(bench.totals.sealed).toBe(5);
  });

  it('takes closes in any order, and leaves before their close', async () => {
    const bench = await createBench(circle);
    const { device, frames } = await segmentOfFive(bench);
    await bench.give(frames.slice(1));
    const one = device.close(3000);
    const more = [device.vitals(hr(72), 4000), device.beat(5000)];
    const two = device.close(6000);
    await bench.give([...more, one.leaves, two.raw]);
    expect(bench.outgoing()).toContainEqual(expect.objectContaining({ kind: 'ask', want: 3, sg: 0 }));
    const graded = ofKind(await bench.give([one.raw]), 'graded');
    expect(graded.map((g) => g.sg)).toEqual([0, 1]);
  });

  it.each([
    ['another root', { root: new Uint8Array(32) }, 'root-mismatch'],
    ['another chain', { previous: new Uint8Array(32) }, 'close-chain'],
    ['another first number', { firstSeq: 2 }, 'close-chain'],
    ['fewer frames than came', { count: 3 }, 'not-in-close'],
    ['other key check values', { kcv: new Map([0, 1, 2].map((s) => [s, new Uint8Array(32)])) }, 'kcv-mismatch'],
    ['a scope without check value', { kcv: new Map([[0, new Uint8Array(32)]]) }, 'kcv-mismatch'],
  ])('never by a close with %s [GRANT-2]', async (_what, change, name) => {
    const bench = await createBench(circle);
    const { device, frames } = await segmentOfFive(bench);
    await bench.give(frames);
    const close = device.close(3000, (c) => ({ ...c, ...change }));
    const events = await bench.give([close.raw, close.leaves]);
    expect(ofKind(events, 'graded')).toEqual([]);
    expect(bench.refusals[name]).toBeGreaterThan(0);
    expect(ofKind(events, 'refused')).toContainEqual(expect.objectContaining({ refusal: name, what: 'segment' }));
  });

  it('disputes a segment whose leaves do not hold our frame, and one with two closes', async () => {
    const bench = await createBench(circle);
    const { device, frames } = await segmentOfFive(bench);
    // The device signed other leaves than that of the frame which came.
    await bench.give([frames[0]!, frames[2]!, frames[3]!, frames[4]!]);
    const table = [...Array(5)].map((_, i) => new Uint8Array(32).fill(i));
    const close = device.close(3000, (c) => ({ ...c, root: merkleRoot(table, crypto) }));
    await bench.give([close.raw]);
    const events = await bench.give([encodeLeaves(device.eh, 0, 1, table)]);
    expect(ofKind(events, 'refused')).toMatchObject([{ refusal: 'disputed' }]);
    expect(ofKind(events, 'graded')).toEqual([]);
  });

  it('disputes two closes of one segment, and reports both with the word for the key', async () => {
    const reported: DisputeEvidence[] = [];
    const bench = await createBench(circle, { disputes: { report: (evidence) => void reported.push(evidence) } });
    const { device, frames } = await segmentOfFive(bench);
    await bench.give(frames.slice(1));
    const one = device.close(3000);
    const two = signBody('close', { ...one.body, dt: 3001 }, circle.device);
    await bench.give([one.raw, two]);
    expect(bench.refusals.disputed).toBe(1);
    const { oh, open } = device;
    const { endorse } = circle;
    expect(reported).toEqual([{ oh, segment: 0, closeA: one.raw, closeB: two, endorse, open }]);
    // What the device did not sign is no dispute.
    await bench.give([signBody('close', { ...one.body, dt: 3002 }, circle.gateway)]);
    expect(reported.length).toBe(1);
    expect(ofKind(await bench.give([one.leaves]), 'graded')).toEqual([]);
  });
});

describe('anchored', () => {
  const receiptBench = async (root: Uint8Array | undefined, size = 2) => {
    const box = { root };
    const bench = await createBench(circle, {
      ledger: {
        manifest: async () => undefined,
        anchoredHead: async () => (box.root === undefined ? undefined : { size, root: box.root }),
      },
    });
    const { device, frames } = await segmentOfFive(bench);
    await bench.give(frames);
    const close = device.close(3000);
    const receipt = device.receipt(close);
    await bench.give([receipt.message], 'p');
    await bench.give([close.raw]);
    await bench.give([receipt.message], 'p');
    return { bench, box, receipt, close, device };
  };
  const poll = async (bench: Bench) => {
    await bench.flow.askLedger();
    return bench.advance(500);
  };

  it('rises when the ledger holds the head of the receipt, not before [GRADE-1]', async () => {
    const { bench, box, receipt } = await receiptBench(undefined);
    expect(ofKind(await poll(bench), 'graded')).toEqual([]);
    box.root = receipt.root;
    expect(ofKind(await poll(bench), 'graded')).toMatchObject([{ grade: 'anchored', first: 1, count: 5 }]);
    expect(bench.totals.anchored).toBe(5);
    expect(ofKind(await poll(bench), 'graded')).toEqual([]);
  });

  it('never under another root (a forked log), nor under a larger head alone', async () => {
    const forked = await receiptBench(new Uint8Array(32));
    expect(ofKind(await poll(forked.bench), 'refused')).toMatchObject([{ refusal: 'anchor-invalid' }]);
    const larger = await receiptBench(new Uint8Array(32), 9);
    expect(await poll(larger.bench)).toEqual([]);
    expect(larger.bench.outgoing()).toContainEqual(expect.objectContaining({ kind: 'ask', want: 3 }));
  });

  it('refuses a receipt of another gateway', async () => {
    const bench = await createBench(circle);
    const { device, frames } = await segmentOfFive(bench);
    await bench.give(frames);
    const close = device.close(3000);
    await bench.give([close.raw]);
    await bench.give([device.receipt(close, circle.owner).message], 'p');
    expect(bench.refusals).toEqual({ 'receipt-invalid': 1 });
  });
});

describe('suppression', () => {
  it('shows a dropped stream to a reader of one scope within 15 s, from the counts in the heartbeats', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle, { scopes: [0, 1] });
    await bench.give([...device.papers(), device.card(1), device.vitals(hr(70), 1000), device.beat(1500)]);
    // The edge forwards heartbeats and nothing else from here on.
    for (let i = 0; i < 4; i++) device.vitals(hr(71), 2000 + i * 1000);
    await bench.give([device.beat(6500)]);
    const events = await bench.advance(2_500);
    const gaps = ofKind(events, 'gap');
    expect(gaps.every((g) => g.stream === 1 && !g.proved)).toBe(true);
    expect(gaps.reduce((sum, g) => sum + g.count, 0)).toBe(4);
    expect(await bench.advance(2_500)).toEqual([]);
  });

  it('says nothing of streams outside its scopes, and nothing of mere reordering', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle, { scopes: [0, 1] });
    await bench.give([...device.papers(), device.card(1)]);
    device.card(2);
    const first = device.vitals(hr(70), 1000);
    await bench.give([device.vitals(hr(71), 2000), device.beat(2500)]);
    await bench.give([first]);
    expect(ofKind(await bench.advance(5_000), 'gap')).toEqual([]);
  });

  it('acknowledges to the device with a rack that only it can check', async () => {
    const bench = await createBench(circle);
    const { device, frames } = await segmentOfFive(bench);
    await bench.give(frames);
    const [rack] = bench.outgoing();
    if (rack?.kind !== 'rack') throw new Error('no rack');
    expect(openRack(rack, device.oh, ackKey(device.oh, device.ackSecret, crypto))).toMatchObject({
      seq: 5,
      missing: 0,
    });
    expect(bench.outgoing()).toEqual([]);
    await bench.advance(75_000);
    const [later] = bench.outgoing();
    expect(later).toMatchObject({ kind: 'rack', seq: 5 });
  });

  it('asks for a close that is overdue', async () => {
    const bench = await createBench(circle);
    const { frames } = await segmentOfFive(bench);
    await bench.give(frames);
    await bench.advance(91_000);
    expect(bench.outgoing()).toContainEqual(expect.objectContaining({ kind: 'ask', want: 3, sg: 0 }));
  });
});

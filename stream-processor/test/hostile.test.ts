import { encodeValues, sealFrame } from '@pulseseal/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCircle, openEpoch } from './support/device.ts';
import { createBench, crypto, ofKind, readingsOf } from './support/processor.ts';

const circle = createCircle(crypto);
const hr = (value: number) => new Map([[0, value]]);

describe('a hostile edge', () => {
  it('cannot splice a frame into another epoch, segment, stream or number', async () => {
    const bench = await createBench(circle);
    const one = await openEpoch(circle, { epoch: 1 });
    const two = await openEpoch(circle, { epoch: 2 });
    await bench.give([...one.papers(), one.card(1), ...two.papers(), two.card(1)]);
    const frame = one.vitals(hr(70), 1000);
    const spliced = frame.slice();
    spliced.set(two.eh, 3);
    expect(readingsOf(await bench.give([spliced]))).toEqual([]);
    expect(bench.refusals).toEqual({ 'aead-fail': 1 });
    // seq stands behind sg and st: 88 01 48 <eh> sg st seq.
    const renumbered = frame.slice();
    renumbered[13] = 9;
    expect(readingsOf(await bench.give([renumbered]))).toEqual([]);
    expect(readingsOf(await bench.give([frame]))).toHaveLength(1);
  });

  it('meets a second frame of one number that opens as a conflict: a copied device', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle);
    await bench.give([...device.papers(), device.card(1), device.vitals(hr(70), 1000)]);
    const twin = sealFrame(
      { ft: 1, oh: device.oh, sg: 0, st: 1, seq: 2, dt: 1000, prev: 1, payload: encodeValues(hr(99)), pad: 24 },
      device.key(1),
      undefined,
      crypto,
    );
    const tagged = new Uint8Array([...twin.raw.subarray(0, -1), 0x48, ...new Uint8Array(8)]);
    const events = await bench.give([tagged]);
    expect(ofKind(events, 'refused')).toMatchObject([{ refusal: 'seq-conflict' }]);
    expect(readingsOf(events)).toEqual([]);
  });

  it('cannot feed what no recipient channel carries, nor a stranger’s pseudonym', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle);
    const close = device.close.bind(device);
    device.card(1);
    await bench.give([close(10).raw], 'p');
    expect(bench.refusals).toEqual({ 'topic-denied': 1 });
    await bench.flow.take([{ position: 99, topic: 'nonsense', body: device.open }]);
    await bench.flow.take([{ position: 99, topic: `${'0'.repeat(16)}/f/0`, body: device.papers()[3]! }]);
    expect(bench.refusals['not-listed']).toBe(1);
    expect([...bench.flow.epochs]).toEqual([]);
  });

  it('cannot fill the memory with frames of unknown epochs', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle);
    const frame = device.vitals(hr(1), 0);
    await bench.give(Array.from({ length: 5_000 }, () => frame));
    expect(bench.refusals['unknown-epoch']).toBe(5_000 - 4_096);
    await bench.advance(21_000);
    expect(bench.refusals['unknown-epoch']).toBe(5_000);
    expect(bench.flow.barrier).toBeUndefined();
  });

  it('holds a frame far ahead until closes move the ratchet', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle);
    const closes: Uint8Array[] = [];
    const first = [device.card(1), device.card(2)];
    for (let i = 0; i < 70; i++) {
      device.beat(i * 10);
      closes.push(device.close(i * 10 + 1).raw);
    }
    const ahead = device.vitals(hr(77), 5000);
    await bench.give([...device.papers(), ...first]);
    expect(readingsOf(await bench.give([ahead]))).toEqual([]);
    expect(bench.flow.barrier).toBeGreaterThan(0);
    expect(readingsOf(await bench.give(closes))).toMatchObject([{ value: 77 }]);
    expect(bench.flow.barrier).toBeUndefined();
  });
});

describe('any flipped bit of any message', () => {
  it('is refused or ignored, and never changes a reading or raises a grade that the honest run has not', async () => {
    const device = await openEpoch(circle);
    const frames = [
      device.card(1),
      device.vitals(hr(70), 1000),
      device.pressure(120, 80, 1100),
      device.card(2),
      device.vitals(hr(71), 1500, 3),
      device.beat(2000),
    ];
    const close = device.close(3000);
    const receipt = device.receipt(close);
    const messages = [...device.papers(), ...frames, close.raw, close.leaves];
    const ledger = {
      manifest: async () => undefined,
      anchoredHead: async () => ({ size: receipt.size, root: receipt.root }),
    };
    const run = async (given: readonly Uint8Array[], last: Uint8Array) => {
      const bench = await createBench(circle, { ledger });
      await bench.give(given);
      await bench.give([last], 'p');
      await bench.flow.askLedger();
      await bench.advance(500);
      return bench.all;
    };
    const honest = await run(messages, receipt.message);
    const truth = new Set(readingsOf(honest).map((r) => JSON.stringify(r)));
    expect(truth.size).toBe(4);
    expect(ofKind(honest, 'graded').map((g) => g.grade)).toEqual(['sealed', 'anchored']);
    const grades = new Set(ofKind(honest, 'graded').map((g) => JSON.stringify(g)));
    await fc.assert(
      fc.asyncProperty(fc.nat(messages.length), fc.nat(), async (which, at) => {
        const target = which === messages.length ? receipt.message : messages[which]!;
        const bit = at % (target.length * 8);
        const altered = target.slice();
        altered[bit >>> 3]! ^= 1 << (bit & 7);
        const events =
          which === messages.length
            ? await run(messages, altered)
            : await run(
                messages.map((m, i) => (i === which ? altered : m)),
                receipt.message,
              );
        for (const reading of readingsOf(events)) {
          // The same values; a grade may only be what the honest run reached at that point.
          expect(truth).toContain(JSON.stringify(reading));
        }
        for (const graded of ofKind(events, 'graded')) expect(grades).toContain(JSON.stringify(graded));
      }),
      { numRuns: 400, seed: 7 },
    );
  }, 60_000);
});

import {
  createMessageSigner,
  encodeOpening,
  encodeValues,
  parseSigned,
  type RefusalName,
  signBody,
} from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import { limits } from '../src/limits.ts';
import { createCircle, type Epoch, makeBeacon, openEpoch, T0 } from './support/device.ts';
import { createBench, crypto, ofKind, readingsOf } from './support/processor.ts';

const circle = createCircle(crypto);
const values = encodeValues(new Map([[0, 70]]));
const many = encodeValues(new Map(Array.from({ length: limits.readingsPerFrame + 1 }, (_, i) => [i, i])));

/** Frames under the right keys that break one rule: a device that lies, or a copy of one. */
const frames: readonly (readonly [what: string, name: RefusalName, make: (epoch: Epoch) => Uint8Array])[] = [
  ['a frame over the limit of the beacon', 'too-large', (e) => e.ecg(new Int16Array(10_000), 100)],
  [
    'a tagless frame of a live epoch',
    'wrong-length',
    (e) => new Uint8Array([...e.frame(1, 1, values, 100).slice(0, -9), 0x40]),
  ],
  ['a heartbeat on a stream of values', 'wrong-type', (e) => e.frame(2, 1, values, 100)],
  ['values on the heartbeat’s stream', 'wrong-type', (e) => e.frame(1, 0, values, 100)],
  ['a card beside its place', 'wrong-type', (e) => e.frame(0, 2, e.cards.get(1)!, 100)],
  ['more readings than a frame may have', 'out-of-range', (e) => e.frame(1, 1, many, 100)],
  ['a block of another length than its card says', 'wrong-length', (e) => e.ecg(new Int16Array(7), 100)],
];

describe('frames that break a rule behind a right seal', () => {
  it.each(frames)('%s: %s', async (_, name, make) => {
    const bench = await createBench(circle);
    const epoch = await openEpoch(circle);
    await bench.give([...epoch.papers(), epoch.card(1), epoch.card(2)]);
    expect(readingsOf(await bench.give([make(epoch)]))).toEqual([]);
    expect(bench.refusals).toEqual({ [name]: 1 });
    expect(readingsOf(await bench.give([epoch.vitals(new Map([[0, 71]]), 200)]))).toMatchObject([{ value: 71 }]);
  });
});

describe('papers that break a rule', () => {
  it('key-mismatch: a beacon whose key is not the gateway that it names', async () => {
    const stranger = createMessageSigner('ML-DSA-65', new Uint8Array(32).fill(5), crypto);
    const body = { ...parseSigned(makeBeacon(circle), 'beacon').body, key: stranger.key };
    const bench = await createBench(circle);
    const epoch = await openEpoch(circle, { beacon: signBody('beacon', body, stranger) });
    const events = await bench.give(epoch.papers());
    expect(ofKind(events, 'refused').map((e) => e.refusal)).toEqual(['key-mismatch']);
  });

  it('algorithm-mismatch: an open whose suite was swapped after it was signed', async () => {
    const bench = await createBench(circle);
    const epoch = await openEpoch(circle);
    const swapped = epoch.open.slice();
    const suiteAt = swapped.length - 2_420 - 4;
    expect([...swapped.subarray(suiteAt - 1, suiteAt + 1)]).toEqual([18, 1]);
    swapped[suiteAt] = 2;
    await bench.give([...epoch.papers().slice(0, 3), encodeOpening(swapped)]);
    expect(bench.refusals).toEqual({ 'algorithm-mismatch': 1 });
    expect([...bench.flow.epochs]).toEqual([]);
  });

  it('manifest-stale is counted when the ledger knows a newer one, and refuses nothing: ciphertext is not given back', async () => {
    const ledger = {
      manifest: async () => ({ version: 2, hash: new Uint8Array(32), putMs: T0 }),
      anchoredHead: async () => undefined,
    };
    const bench = await createBench(circle, { ledger });
    const epoch = await openEpoch(circle);
    await bench.give([...epoch.papers(), epoch.card(1)]);
    expect(readingsOf(await bench.give([epoch.vitals(new Map([[0, 71]]), 200)]))).toMatchObject([{ value: 71 }]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const counted: RefusalName = 'manifest-stale';
    expect(await bench.ports.metrics.text()).toMatch(new RegExp(`"${counted}"[^\n]* 1`));
  });
});

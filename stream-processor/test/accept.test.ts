import { createMessageSigner, issueCwt, Refusal, type RefusalName } from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import { acceptEpoch, type EpochPapers } from '../src/accept.ts';
import {
  createCircle,
  type Epoch,
  type EpochOptions,
  makeBeacon,
  manifestBody,
  openEpoch,
  T0,
} from './support/device.ts';
import { createBench, crypto, ofKind, readingsOf } from './support/processor.ts';

const circle = createCircle(crypto);
const stranger = createMessageSigner('ML-DSA-65', new Uint8Array(32).fill(5), crypto);
const otherDevice = createMessageSigner('ML-DSA-44', new Uint8Array(32).fill(6), crypto);
const times = { issuedMs: T0 - 1000, expiresMs: T0 + 1_000_000 };

const papersOf = (epoch: Epoch, change: Partial<EpochPapers> = {}): EpochPapers => ({
  rid: circle.rid,
  owner: circle.owner.thumbprint,
  open: epoch.open,
  endorse: epoch.endorse,
  manifest: epoch.manifest,
  beacon: epoch.beacon,
  grants: [],
  present: [],
  wraps: [epoch.wrap],
  nowMs: T0,
  ...change,
});
const prekey = async (id: number) => (id === 1 ? circle.prekeySeed.slice() : undefined);
const verdict = (papers: EpochPapers, seeds = prekey) =>
  acceptEpoch(papers, seeds, crypto).then(
    () => 'accepted',
    (error: unknown) => (error instanceof Refusal ? error.refusal : Promise.reject(error)),
  );

type Row = readonly [
  what: string,
  name: RefusalName,
  options: EpochOptions,
  papers?: (e: Epoch) => Partial<EpochPapers>,
];
const body = manifestBody(circle);
const rows: readonly Row[] = [
  ['no endorsement', 'not-endorsed', {}, () => ({ endorse: undefined })],
  [
    'an endorsement by another owner',
    'owner-mismatch',
    { endorse: issueCwt('endorse', stranger, circle.device.key, times, crypto) },
  ],
  [
    'an endorsement of another device',
    'not-endorsed',
    { endorse: issueCwt('endorse', circle.owner, otherDevice.key, times, crypto) },
  ],
  ['an expired endorsement', 'expired', {}, () => ({ nowMs: T0 + 400 * 86_400_000 })],
  ['an open signed by another key', 'signature-invalid', { signer: otherDevice }],
  ['no manifest', 'manifest-unknown', {}, () => ({ manifest: undefined })],
  ['a manifest signed by a stranger', 'signature-invalid', { manifestSigner: stranger }],
  ['a manifest of another device', 'manifest-unknown', { manifest: { ...body, device: otherDevice.thumbprint } }],
  ['another version than the manifest’s', 'manifest-unknown', { change: (o) => ({ ...o, manifestVersion: 2 }) }],
  ['a suite outside the manifest', 'suite-refused', { manifest: { ...body, suites: [2] } }],
  ['a suite outside the beacon', 'suite-refused', { beacon: makeBeacon(circle, circle.gateway, [2]) }],
  ['no beacon', 'beacon-foreign', {}, () => ({ beacon: undefined })],
  ['another beacon', 'beacon-foreign', {}, () => ({ beacon: makeBeacon(circle, stranger) })],
  ['a gateway that the patient did not list', 'gateway-not-listed', { beacon: makeBeacon(circle, stranger) }],
  ['a manifest without us', 'not-listed', {}, () => ({ rid: new Uint8Array(8).fill(0x77) })],
  ['no wrap for us', 'wrap-mismatch', { change: (o) => ({ ...o, wrapHashes: [o.wrapHashes[0]!, null] }) }],
  ['too few wrap hashes', 'wrap-mismatch', { change: (o) => ({ ...o, wrapHashes: [o.wrapHashes[1]!] }) }],
  [
    'our wrap at another’s place',
    'wrap-mismatch',
    { change: (o) => ({ ...o, wrapHashes: [...o.wrapHashes].reverse() }) },
  ],
  ['another wrap', 'wrap-mismatch', {}, () => ({ wraps: [new Uint8Array(40)] })],
  ['a wrap to another prekey', 'wrap-mismatch', { wrapFor: { prekeyId: 2 } }],
  ['a wrap made for another boot (copied)', 'wrap-failed', { wrapFor: { boot: 9 } }],
  [
    'a scope more than granted',
    'scope-mismatch',
    { scopes: [0, 1], wrapped: (s) => new Map([...s, [2, new Uint8Array(32)]]) },
  ],
  ['a scope less than granted', 'scope-mismatch', { wrapped: (s) => new Map([...s].filter(([scope]) => scope !== 2)) }],
  [
    'another secret than committed (salamander)',
    'commitment-mismatch',
    { wrapped: (s) => new Map([...s, [1, new Uint8Array(32).fill(7)]]) },
  ],
];

describe('recipient checks of an open', () => {
  it('accepts an honest one, live and offline, in both suites', async () => {
    expect(await verdict(papersOf(await openEpoch(circle)))).toBe('accepted');
    const offline = await openEpoch(circle, { isOffline: true });
    expect(await verdict(papersOf(offline, { beacon: undefined }))).toBe('accepted');
    const second = createCircle(crypto, 2, 2);
    const epoch = await openEpoch(second);
    const papers = { ...papersOf(epoch), rid: second.rid, owner: second.owner.thumbprint };
    expect(await verdict(papers, async () => second.prekeySeed.slice())).toBe('accepted');
  });

  it.each(rows.map((row) => ({ row })))(
    'refuses $row.0: $row.1 [EPOCH-6] [EPOCH-7]',
    async ({ row: [, name, options, papers] }) => {
      const epoch = await openEpoch(circle, options);
      expect(await verdict(papersOf(epoch, papers?.(epoch)))).toBe(name);
    },
  );

  it('refuses when the prekey is gone', async () => {
    expect(await verdict(papersOf(await openEpoch(circle)), async () => undefined)).toBe('wrap-failed');
  });

  it('refuses a wrap copied from another epoch of the same device', async () => {
    const first = await openEpoch(circle, { epoch: 1 });
    const second = await openEpoch(circle, {
      epoch: 2,
      change: (o) => ({ ...o, wrapHashes: [o.wrapHashes[0]!, crypto.sha256(first.wrap)] }),
    });
    expect(await verdict(papersOf(second, { wraps: [first.wrap] }))).toBe('wrap-failed');
  });
});

describe('what the flow does with refused epochs', () => {
  it('tells each refusal to the twin once, by name, and opens none of its frames', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle, { wrapped: (s) => new Map([...s, [1, new Uint8Array(32).fill(7)]]) });
    const events = await bench.give([...device.papers(), device.card(1), ...device.papers()]);
    expect(ofKind(events, 'refused').map((e) => [e.refusal, e.what])).toEqual([['commitment-mismatch', 'epoch']]);
    expect(readingsOf(events)).toEqual([]);
  });

  it('takes no card but the one that the open names, and no value without it [GRANT-2]', async () => {
    const bench = await createBench(circle);
    const change: EpochOptions['change'] = (o) => ({
      ...o,
      cardHashes: new Map([...o.cardHashes, [1, new Uint8Array(32)]]),
    });
    const device = await openEpoch(circle, { change });
    const events = await bench.give([...device.papers(), device.card(1), device.vitals(new Map([[0, 40]]), 10)]);
    expect(bench.refusals['card-mismatch']).toBe(1);
    expect(readingsOf(events)).toEqual([]);
  });

  it('asks for papers that do not come, then refuses by the name of what is missing', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle);
    const [endorse, , beacon, opening, keys] = device.papers();
    await bench.give([endorse!, beacon!, opening!, keys!]);
    await bench.advance(2_500);
    expect(bench.outgoing()).toMatchObject([{ kind: 'ask', want: 4 }]);
    const events = await bench.advance(8_000);
    expect(ofKind(events, 'refused').map((e) => e.refusal)).toEqual(['manifest-unknown']);
    expect(bench.flow.barrier).toBeUndefined();
  });

  it('disputes both opens of one boot and epoch', async () => {
    const bench = await createBench(circle);
    const one = await openEpoch(circle);
    const other = await openEpoch(circle);
    await bench.give([...one.papers(), one.card(1), one.card(2), one.beat(10)]);
    const events = await bench.give(other.papers());
    expect(ofKind(events, 'refused').map((e) => e.refusal)).toEqual(['disputed']);
    expect(bench.refusals['counter-conflict']).toBe(1);
    const close = one.close(60_000);
    expect(ofKind(await bench.give([close.raw, close.leaves]), 'graded')).toEqual([]);
  });

  it('takes an old epoch once, and never again after a restart', async () => {
    const bench = await createBench(circle);
    const now = await openEpoch(circle, { epoch: 5 });
    await bench.give(now.papers());
    const old = await openEpoch(circle, { epoch: 4 });
    expect(ofKind(await bench.give([...old.papers(), old.card(1), old.card(2)]), 'epoch')[0]!.history).toBe(true);
    // Four later ones push it out of memory.
    for (const epoch of [0, 1, 2, 3]) await bench.give((await openEpoch(circle, { epoch })).papers());
    const again = await createBench(circle, { state: bench.state });
    await again.flow.resume();
    await again.give([...old.papers(), old.vitals(new Map([[0, 40]]), 10)]);
    expect(again.refusals['stale-counter']).toBe(1);
    expect(readingsOf(again.all)).toEqual([]);
  });

  it('takes an offline epoch as history, whatever its number', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle, { isOffline: true, epoch: 9 });
    const events = await bench.give([...device.papers(), device.card(1), device.vitals(new Map([[0, 20]]), 5)]);
    expect(readingsOf(events).map((r) => r.history)).toEqual([true]);
  });
});

import {
  type CareEvent,
  encodeGrant,
  encodeOpening,
  parseFrame,
  type Release,
  sealGrant,
  signBody,
} from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import { createCircle, type Epoch, manifestBody, openEpoch, STREAMS } from './support/device.ts';
import { type Bench, createBench, crypto, ofKind, readingsOf } from './support/processor.ts';

const circle = createCircle(crypto);
const consent = new Uint8Array(32).fill(0x33);
const hr = (value: number) => new Map([[0, value]]);

/** Before us: the manifest lists only the archive. */
const before = () => {
  const body = manifestBody(circle);
  return { ...body, recipients: body.recipients.slice(0, 1) };
};
/** Now: we are listed, with these scopes. */
const now = (scopes: readonly number[]) => {
  const body = manifestBody(circle, scopes);
  return { ...body, version: 2, recipients: body.recipients.map((r) => (r.role === 1 ? { ...r, consent } : r)) };
};

interface Past {
  readonly epoch: Epoch;
  readonly frames: readonly Uint8Array[];
  readonly closes: readonly { readonly raw: Uint8Array; readonly leaves: Uint8Array }[];
}

/** Two segments of an epoch that ended before we were listed. */
const past = async (number = 1): Promise<Past> => {
  const epoch = await openEpoch(circle, { epoch: number, manifest: before() });
  const ecg = Int16Array.from({ length: 25 }, (_, i) => i);
  const frames = [epoch.card(1), epoch.card(2), epoch.vitals(hr(60), 1000), epoch.ecg(ecg, 1500), epoch.beat(2000)];
  const first = epoch.close(2100);
  frames.push(epoch.vitals(hr(61), 3000), epoch.beat(4000));
  const second = epoch.close(4100, (close) => ({ ...close, last: 1 }));
  return { epoch, frames, closes: [first, second] };
};

const grantOf = async (
  { epoch }: Past,
  scope: number,
  change: Partial<Release> = {},
  signer = circle.owner,
  sealed: { rid?: Uint8Array; prekey?: Uint8Array } = {},
): Promise<Uint8Array> => {
  const es = epoch.secrets.get(scope)!;
  const release = signBody(
    'release',
    { oh: epoch.oh, scope, consent, secret: { kind: 'epoch', es }, ...change },
    signer,
  );
  const { rid = circle.rid, prekey = circle.prekey } = sealed;
  return encodeGrant(epoch.eh, await sealGrant(release, prekey, rid, 1, epoch.oh, crypto));
};

/** A gateway that has the epochs and answers what is asked, as far as the scopes go. */
const serve = async (bench: Bench, pasts: readonly Past[], scopes: readonly number[], seconds = 60) => {
  const events: CareEvent[] = [];
  for (let i = 0; i < seconds; i++) {
    for (const ask of bench.outgoing()) {
      if (ask.kind !== 'ask') continue;
      const found = pasts.find(({ epoch }) => Buffer.compare(epoch.eh, ask.eh) === 0);
      if (found === undefined) continue;
      events.push(...(await bench.give(answer(found, ask.want, ask.sg, ask.ranges, scopes))));
    }
    events.push(...(await bench.advance(1000)));
  }
  return events;
};

function answer(
  { epoch, frames, closes }: Past,
  want: number,
  sg: number | null,
  ranges: readonly { first: number; count: number }[],
  scopes: readonly number[],
): readonly Uint8Array[] {
  if (want === 4) return [epoch.endorse, epoch.manifest, epoch.beacon, encodeOpening(epoch.open)];
  const close = closes[sg ?? -1];
  if (want === 3) return close === undefined ? [] : [close.raw];
  if (want === 1) return close === undefined ? [] : [close.leaves];
  const isGranted = (st: number) => scopes.includes(STREAMS.find(({ id }) => id === st)!.scope);
  return frames.filter((raw) => {
    const { seq, st } = parseFrame(raw);
    return isGranted(st) && ranges.some(({ first, count }) => seq >= first && seq < first + count);
  });
}

const listed = async (scopes: readonly number[]) => {
  const bench = await createBench(circle);
  const live = await openEpoch(circle, { epoch: 9, manifest: now(scopes) });
  await bench.give(live.papers());
  return bench;
};

describe('granted history', () => {
  it('opens exactly the granted epochs, as history, sealed under the device’s own closes', async () => {
    const bench = await listed([0, 1, 2]);
    const [one, other] = [await past(1), await past(2)];
    for (const scope of [0, 1, 2]) await bench.give([await grantOf(one, scope)], 'g');
    const events = await serve(bench, [one, other], [0, 1, 2]);
    const readings = readingsOf(events);
    expect(readings).toMatchObject([
      { value: 60, history: true },
      { value: 61, history: true },
    ]);
    expect(ofKind(events, 'wave')).toMatchObject([{ block: { history: true } }]);
    expect(ofKind(events, 'graded')).toMatchObject([
      { sg: 0, count: 5, grade: 'sealed' },
      { sg: 1, count: 2, grade: 'sealed' },
    ]);
    expect(ofKind(events, 'heartbeat').every(({ history }) => history)).toBe(true);
    expect(ofKind(events, 'gap')).toEqual([]);
    expect(bench.refusals).toEqual({});
    // Nobody released the other epoch.
    const eh = Buffer.from(other.epoch.eh).toString('hex');
    expect(events.filter((event) => 'eh' in event && event.eh === eh)).toEqual([]);
    expect(await bench.state.list('grant.')).toEqual([]);
  });

  it('opens exactly the granted scopes', async () => {
    const bench = await listed([0, 1, 2]);
    const one = await past();
    for (const scope of [0, 1]) await bench.give([await grantOf(one, scope)], 'g');
    // Even a gateway that sends more than it should.
    const events = await serve(bench, [one], [0, 1, 2], 120);
    expect(readingsOf(events).map(({ value }) => value)).toEqual([60, 61]);
    expect(ofKind(events, 'wave')).toEqual([]);
    expect(ofKind(events, 'graded').map(({ sg }) => sg)).toEqual([0, 1]);
    expect(bench.refusals).toMatchObject({ 'scope-mismatch': expect.any(Number) });
  });

  it('goes on after a restart', async () => {
    const bench = await listed([0, 1, 2]);
    const one = await past();
    for (const scope of [0, 1, 2]) await bench.give([await grantOf(one, scope)], 'g');
    await serve(bench, [one], [0, 1, 2], 5);
    await bench.flow.checkpoint();
    const again = await createBench(circle, { state: bench.state, startMs: bench.clock.nowMs() });
    await again.flow.resume();
    const events = await serve(again, [one], [0, 1, 2]);
    expect([...readingsOf(bench.all), ...readingsOf(events)].map(({ value }) => value)).toEqual([60, 61]);
    expect(again.refusals).toEqual({});
  });

  it.each<[string, string, (one: Past) => Promise<Uint8Array>]>([
    ['signature-invalid', 'not signed by the owner', (one) => grantOf(one, 1, {}, circle.gateway)],
    ['not-listed', 'under another consent', (one) => grantOf(one, 1, { consent: new Uint8Array(32) })],
    ['scope-mismatch', 'of a scope that the consent does not name', (one) => grantOf(one, 2)],
    ['scope-mismatch', 'of a scope that the epoch does not have', (one) => grantOf(one, 1, { scope: 7 })],
    ['wrap-mismatch', 'of another epoch', (one) => grantOf(one, 1, { oh: new Uint8Array(32) })],
    ['wrap-mismatch', 'to somebody else', (one) => grantOf(one, 1, {}, circle.owner, { rid: new Uint8Array(8) })],
    [
      'wrap-failed',
      'under another prekey',
      (one) => grantOf(one, 1, {}, circle.owner, { prekey: circle.gatewayPrekey }),
    ],
    [
      'commitment-mismatch',
      'with a secret that the device did not commit to',
      (one) => grantOf(one, 1, { secret: { kind: 'epoch', es: new Uint8Array(32).fill(1) } }),
    ],
    ['card-mismatch', 'with another card', (one) => grantOf(one, 1, { card: one.epoch.cards.get(2)! })],
  ])('%s: a release %s opens nothing [GRANT-1] [GRANT-2]', async (name, _what, make) => {
    const bench = await listed([0, 1]);
    const one = await past();
    await bench.give([await grantOf(one, 0)], 'g');
    await bench.give([await make(one)], 'g');
    const events = await serve(bench, [one], [0, 1, 2], 20);
    expect(ofKind(events, 'refused')).toMatchObject([{ refusal: name, what: 'epoch' }]);
    expect(readingsOf(events)).toEqual([]);
  });

  it('not-listed: whom the owner’s newest manifest leaves out opens nothing', async () => {
    const bench = await listed([0, 1]);
    const gone = { ...before(), version: 3 };
    const one = await past();
    await bench.give([signBody('manifest', gone, circle.owner)]);
    await bench.give([await grantOf(one, 0)], 'g');
    const events = await serve(bench, [one], [0, 1], 20);
    expect(ofKind(events, 'refused')).toMatchObject([{ refusal: 'not-listed' }]);
  });

  it('rate: keeps no more wraps of one epoch than it can have scopes', async () => {
    const bench = await listed([0, 1]);
    const { epoch } = await past();
    const filler = (i: number) => encodeGrant(epoch.eh, new Uint8Array(1_300).fill(i));
    await bench.give(
      Array.from({ length: 40 }, (_, i) => filler(i)),
      'g',
    );
    expect(Object.entries(bench.refusals)).toEqual([['rate', 8]]);
  });

  it('keeps what belongs on other channels from this one', async () => {
    const bench = await listed([0, 1]);
    const one = await past();
    await bench.give([await grantOf(one, 0)], 'f');
    await bench.give([encodeOpening(one.epoch.open)], 'g');
    expect(bench.refusals).toEqual({ 'topic-denied': 2 });
  });

  it('gives up on an epoch that no gateway has', async () => {
    const bench = await listed([0, 1]);
    const one = await past();
    await bench.give([await grantOf(one, 0)], 'g');
    await serve(bench, [], [0], 720);
    expect(await bench.state.list('grant.')).toEqual([]);
  });
});

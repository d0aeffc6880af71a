import { disputeRecord, uintBytes } from '@pulseseal/ledger';
import {
  CTL,
  ehOf,
  encodeBulk,
  encodeBye,
  encodeKeys,
  encodeLost,
  encodeOpening,
  parseErr,
  parseSigned,
  type RefusalName,
  sealCtl,
  signBody,
} from '@pulseseal/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestClient, testIdentity } from './client.ts';
import { type RawCircle, type RawEpoch, rawCircle, rawEpoch } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

/** One rule broken a message, in the order of the checks: the earlier rule names the refusal. */
describe('refusals', () => {
  let world: World;
  let beacon: Uint8Array;
  beforeAll(async () => {
    // Many refusals on purpose: the connection must outlive them here.
    world = await createWorld({ settings: { refusalsPerWindow: 1_000, earlyFrameMs: 200 } });
    beacon = await world.beacon();
  });
  afterAll(() => world.end());

  const refusedAs = async (name: RefusalName, send: () => Promise<boolean>) => {
    const before = await world.refusals(name);
    expect(await send()).toBe(false);
    await until(async () => (await world.refusals(name)) > before);
  };

  describe('channel u', () => {
    let circle: RawCircle;
    let client: TestClient;
    let epoch: RawEpoch;
    beforeAll(async () => {
      circle = await world.circle();
      ({ client, epoch } = await world.live(circle, { beacon }));
    });
    const send = (bytes: Uint8Array) => client.publish(circle.device.topics.u, bytes, 1, 400);
    const broken = (change: (bytes: Uint8Array) => Uint8Array) => {
      const { raw } = epoch.frame({ seq: 900 });
      return change(raw.slice());
    };

    it.each<[RefusalName, () => Uint8Array]>([
      ['too-large', () => new Uint8Array(20_000)],
      ['wrong-type', () => broken((b) => b.fill(0x44, 0, 1))],
      ['truncated', () => broken((b) => b.subarray(0, b.length - 1))],
      ['trailing-bytes', () => broken((b) => new Uint8Array([...b, 0]))],
      ['not-canonical', () => broken((b) => new Uint8Array([0x88, 0x18, 0x01, ...b.subarray(2)]))],
      [
        'wrong-length',
        () => broken((b) => new Uint8Array([...b.subarray(0, b.length - 9), 0x47, ...b.subarray(b.length - 7)])),
      ],
      ['unknown-epoch', () => broken((b) => b.fill(0xee, 3, 11))],
      ['mac-fail', () => broken((b) => b.fill(0, b.length - 8))],
      ['mac-fail', () => broken((b) => b.fill(b[20]! ^ 1, 20, 21))],
      ['out-of-range', () => epoch.frame({ seq: 901, st: 7 }).raw],
      ['count-exceeded', () => epoch.frame({ seq: 300_000 }).raw],
    ])('%s', async (name, make) => {
      await refusedAs(name, () => send(make()));
    });

    it('a tagless frame of a live epoch is of wrong length before its tag is looked at', async () => {
      await refusedAs('wrong-length', () =>
        send(broken((b) => new Uint8Array([...b.subarray(0, b.length - 9), 0x40]))),
      );
    });

    it('seq-conflict: told with an authentic err 1 that names the number; a repeated frame is acknowledged again [FRAME-8]', async () => {
      const first = epoch.frame({ seq: 500, value: 80 });
      expect(await send(first.raw)).toBe(true);
      expect(await send(first.raw)).toBe(true);
      await refusedAs('seq-conflict', () => send(epoch.frame({ seq: 500, value: 99 }).raw));
      const isErr = (p: Uint8Array) => {
        const ctl = epoch.read(p);
        return ctl.mt === CTL.err && ctl.isAuthentic && parseErr(ctl.content).number === 500;
      };
      const err = epoch.read(await client.next((t, p) => t === circle.device.topics.d && isErr(p)));
      expect(parseErr(err.content)).toMatchObject({ code: 1, number: 500, text: 'seq-conflict' });
      expect((await world.gateway.store.frame(circle.device.name, hexOf(epoch), 500))?.frame).toEqual(first.raw);
    });

    it('tells a wrong tag with a hint only when nothing was authentic', async () => {
      await refusedAs('mac-fail', () => send(broken((b) => b.fill(1, b.length - 8))));
      const isErr = (p: Uint8Array) => parseErr(epoch.read(p).content).code === 8;
      const err = epoch.read(
        await client.next((t, p) => t === circle.device.topics.d && epoch.read(p).mt === 31 && isErr(p)),
      );
      expect(parseErr(err.content).code).toBe(8);
    });

    it('not-in-close: a frame other than the leaf that a repair gave', async () => {
      const held = await world.circle();
      const { client: other, epoch: e } = await world.live(held, { beacon });
      const kept = [e.frame(), e.frame(), e.frame()];
      await other.publish(held.device.topics.u, kept[0]!.raw);
      await other.publish(held.device.topics.u, kept[2]!.raw);
      await other.publish(held.device.topics.c, e.close().ctl);
      const { encodeRepair } = await import('@pulseseal/protocol');
      const repair = encodeRepair({ segment: 0, leaves: [{ seq: 2, leaf: kept[1]!.leaf }] });
      expect(await other.publish(held.device.topics.c, e.ctl(CTL.repair, repair))).toBe(true);
      await refusedAs('not-in-close', () =>
        other.publish(held.device.topics.u, e.frame({ seq: 2, sg: 0, value: 33 }).raw, 1, 400),
      );
      expect(await other.publish(held.device.topics.u, kept[1]!.raw)).toBe(true);
      const row = await world.gateway.store.frame(held.device.name, hexOf(e), 2);
      expect(row?.frame).toEqual(kept[1]!.raw);
    });
  });

  describe('channel o', () => {
    let circle: RawCircle;
    let client: TestClient;
    beforeEach(async () => {
      circle = await world.circle();
      client = await world.connect(circle.device);
      await client.subscribe(circle.device.topics.d);
    });
    const make = (over: Partial<Parameters<typeof rawEpoch>[1]> = {}) =>
      rawEpoch(circle, { beacon, ...over }, crypto, random);
    const send = (bytes: Uint8Array, waitMs = 500) => client.publish(circle.device.topics.o, bytes, 1, waitMs);

    it('unknown-kind: a frame has no business here', () =>
      refusedAs('unknown-kind', async () => send((await make()).frame().raw)));

    it('topic-mismatch: the open of another device [TOPIC-2]', async () => {
      const other = await world.circle();
      const foreign = await rawEpoch(other, { beacon }, crypto, random);
      await refusedAs('topic-mismatch', () => send(foreign.opening));
    });

    it('not-endorsed: nobody vouches for this key here', async () => {
      const stranger = rawCircle([world.address.thumbprint], crypto, random);
      const login = await world.connect(stranger.device);
      const e = await rawEpoch(stranger, { beacon }, crypto, random);
      await refusedAs('not-endorsed', () => login.publish(stranger.device.topics.o, e.opening, 1, 500));
    });

    it('stale-counter and counter-conflict; the identical open again is answered with accept [EPOCH-2]', async () => {
      const e = await make({ boot: 3, epoch: 7 });
      expect(await send(e.opening)).toBe(true);
      expect(await send(e.keys)).toBe(true);
      const isAccept = (p: Uint8Array) => e.read(p).mt === CTL.accept && e.read(p).isAuthentic;
      await client.next((_, p) => isAccept(p));
      expect(await send(e.opening)).toBe(true);
      await client.next((_, p) => isAccept(p));
      await refusedAs('stale-counter', async () => send((await make({ boot: 3, epoch: 6 })).opening));
      await refusedAs('stale-counter', async () => send((await make({ boot: 2, epoch: 9 })).opening));
      await refusedAs('counter-conflict', async () => send((await make({ boot: 3, epoch: 7 })).opening));
      expect(await world.metric('edge_alarms_total', 'counter-conflict')).toBeGreaterThan(0);
    });

    it('beacon-foreign, before any signature is looked at [EPOCH-3]', () =>
      refusedAs('beacon-foreign', async () => send((await make({ changes: { beaconHash: random() } })).opening)));

    it('use-bulk: an offline epoch has no place on o', () =>
      refusedAs('use-bulk', async () => send((await make({ isOffline: true })).opening)));

    it('suite-refused: a suite that the manifest does not allow [SUITE-3]', async () => {
      const strong = rawCircle([world.address.thumbprint], crypto, random, {}, 'ML-DSA-65');
      const agent = await world.connect(strong.owner);
      expect(await agent.publish(strong.device.topics.e, strong.endorse)).toBe(true);
      expect(await agent.publish(strong.device.topics.m, strong.manifest)).toBe(true);
      const device = await world.connect(strong.device);
      const e = await rawEpoch(strong, { beacon, changes: { suite: 2 } }, crypto, random);
      await refusedAs('suite-refused', () => device.publish(strong.device.topics.o, e.opening, 1, 500));
    });

    it('signature-invalid: one bit of the signature', async () => {
      const e = await make();
      const forged = e.open.slice();
      forged[forged.length - 1]! ^= 1;
      await refusedAs('signature-invalid', () => send(encodeOpening(forged)));
    });

    it('manifest-unknown: a manifest that was never published here', () =>
      refusedAs('manifest-unknown', async () => send((await make({ changes: { manifestHash: random() } })).opening)));

    it('gateway-not-listed: the patient left this gateway out', async () => {
      const elsewhere = rawCircle([random()], crypto, random);
      const agent = await world.connect(elsewhere.owner);
      expect(await agent.publish(elsewhere.device.topics.e, elsewhere.endorse)).toBe(true);
      expect(await agent.publish(elsewhere.device.topics.m, elsewhere.manifest)).toBe(true);
      const device = await world.connect(elsewhere.device);
      const e = await rawEpoch(elsewhere, { beacon }, crypto, random);
      await refusedAs('gateway-not-listed', () => device.publish(elsewhere.device.topics.o, e.opening, 1, 500));
    });

    it('wrap-failed: a key that is sealed to nobody here', async () => {
      const good = parseSigned((await make()).open, 'open').body;
      const wrap = good.gatewayWrap!.slice();
      wrap[wrap.length - 1]! ^= 1;
      const changed = await make({ changes: { gatewayWrap: wrap } });
      await refusedAs('wrap-failed', () => send(changed.opening));
    });

    it('wrap-mismatch: keys that the open does not name', async () => {
      const e = await make();
      expect(await send(e.opening)).toBe(true);
      await refusedAs('wrap-mismatch', () => send(encodeKeys(ehOf(e.oh), [new Uint8Array(1_300).fill(0x80)])));
    });

    it('rate: a device that opens without end [TOPIC-5]', async () => {
      const e = await make();
      for (let i = 0; i < 8; i++) await send(e.opening);
      await refusedAs('rate', () => send(e.opening));
    });

    it('answers lost with a signed resync, once a minute', async () => {
      const nonce = random().slice(0, 16);
      expect(await send(encodeLost(nonce))).toBe(true);
      const resync = parseSigned(await client.next((_, p) => p[0] === 0xd2), 'resync');
      expect(resync.body).toMatchObject({ device: circle.device.signer.thumbprint, boot: 0, epoch: 0, nonce });
      expect(await send(encodeLost(nonce))).toBe(true);
      expect(client.messages.length).toBe(0);
    });

    it('goes on with the ledger away: accepted, marked unconfirmed [EPOCH-5]', async () => {
      const quiet = await createWorld();
      try {
        const c = await quiet.circle();
        quiet.ledger.isAway = true;
        const { epoch: e, client: device } = await quiet.live(c);
        expect(await device.publish(c.device.topics.u, e.frame().raw)).toBe(true);
      } finally {
        await quiet.end();
      }
    });

    it('manifest-stale: the ledger has a newer version [EPOCH-5]', async () => {
      const { ledgerCalls, submitCall } = await import('@pulseseal/ledger');
      const { body } = parseSigned(circle.manifest, 'manifest');
      const newer = signBody(
        'manifest',
        { ...body, version: 2, previous: crypto.sha256(circle.manifest), policy: { ...body.policy, rekeyGraceS: 60 } },
        circle.owner.signer,
      );
      const graceless = signBody(
        'manifest',
        { ...body, version: 3, previous: crypto.sha256(newer) },
        circle.owner.signer,
      );
      await submitCall(world.ledger, ledgerCalls.putManifest(newer, circle.owner.signer.key));
      await submitCall(world.ledger, ledgerCalls.putManifest(graceless, circle.owner.signer.key));
      await refusedAs('manifest-stale', async () => send((await make()).opening));
    });
  });

  describe('channel c', () => {
    let circle: RawCircle;
    let client: TestClient;
    let epoch: RawEpoch;
    beforeEach(async () => {
      circle = await world.circle();
      ({ client, epoch } = await world.live(circle, { beacon }));
      for (let i = 0; i < 3; i++) await client.publish(circle.device.topics.u, epoch.frame().raw);
    });
    const send = (bytes: Uint8Array) => client.publish(circle.device.topics.c, bytes, 1, 500);

    it('unknown-kind: what only a gateway says', () =>
      refusedAs('unknown-kind', () =>
        send(sealCtl(CTL.rekey, epoch.oh, 1, new Uint8Array([0xa1, 1, 0]), epoch.link.up)),
      ));

    it('mac-fail before the signature is looked at', async () => {
      const { ctl } = epoch.close();
      ctl[ctl.length - 1]! ^= 1;
      await refusedAs('mac-fail', () => send(ctl));
    });

    it('a control message that came down is not taken back up', () =>
      refusedAs('mac-fail', () => send(sealCtl(CTL.bye, epoch.oh, 1, encodeBye({ reason: 0 }), epoch.link.down))));

    it('signature-invalid under a right tag', async () => {
      const { bare } = epoch.close();
      const forged = bare.slice();
      forged[forged.length - 1]! ^= 1;
      await refusedAs('signature-invalid', () => send(epoch.ctl(CTL.close, forged)));
    });

    it.each<[string, Parameters<RawEpoch['close']>[0]]>([
      ['another first number', { firstSeq: 2 }],
      ['another predecessor', { previous: new Uint8Array(32) }],
    ])('close-chain: %s', async (_, over) => {
      await refusedAs('close-chain', () => send(epoch.close(over).ctl));
    });

    it('scope-mismatch: a close without the key check value of a scope', () =>
      refusedAs('scope-mismatch', () => send(epoch.close({ kcv: new Map([[0, random()]]) }).ctl)));

    it('root-mismatch, then disputed when the leaves do not settle it', async () => {
      const before = await world.refusals('root-mismatch');
      expect(await send(epoch.close({ root: random() }).ctl)).toBe(true);
      await until(async () => (await world.refusals('root-mismatch')) > before);
      const { encodeRepair, parseNack } = await import('@pulseseal/protocol');
      const nack = await client.next((_, p) => epoch.read(p).mt === CTL.nack);
      expect(parseNack(epoch.read(nack).content)).toMatchObject({ want: 1, segment: 0 });
      const leaves = epoch.leaves.map((leaf, i) => ({ seq: i + 1, leaf }));
      expect(await send(epoch.ctl(CTL.repair, encodeRepair({ segment: 0, leaves })))).toBe(true);
      await until(async () => (await world.metric('edge_segments_total', 'disputed')) > 0);
      expect(await world.metric('edge_alarms_total', 'disputed')).toBeGreaterThan(0);
    });

    it('two closes of one segment: both kept, disputed, and on the ledger with the evidence [SEG-6]', async () => {
      const first = epoch.close();
      expect(await send(first.ctl)).toBe(true);
      const { signBody: sign } = await import('@pulseseal/protocol');
      const second = sign('close', { ...first.body, dt: first.body.dt + 1 }, circle.device.signer);
      const before = await world.refusals('disputed');
      expect(await send(epoch.ctl(CTL.close, second))).toBe(true);
      await until(async () => (await world.refusals('disputed')) > before);
      const asked = [first.body.oh, uintBytes(first.body.segment), Uint8Array.of(1)];
      await until(async () => (await world.ledger.read('GetDispute', asked)) !== undefined);
      const record = disputeRecord.parse((await world.ledger.read('GetDispute', asked))!);
      expect(record.evidence).toEqual([crypto.sha256(first.bare), crypto.sha256(second)]);
      expect(record.reporter).toEqual(world.address.thumbprint);
    });

    it('too-large: a frame over the limit of the beacon, in bulk as on u; those behind it are taken', async () => {
      const payload = new Uint8Array([0x83, 25, 1, 0x59, 0x40, 0x00, ...new Uint8Array(16_384)]);
      const large = epoch.frame({ payload });
      expect(large.raw.length).toBeGreaterThan(16_384);
      await refusedAs('too-large', () => client.publish(circle.device.topics.u, large.raw, 1, 300));
      const next = epoch.frame();
      await refusedAs('too-large', () => send(epoch.ctl(CTL.bulk, encodeBulk([large.raw, next.raw]))));
      expect(await world.gateway.store.frame(circle.device.name, hexOf(epoch), large.seq)).toBeUndefined();
      await until(
        async () => (await world.gateway.store.frame(circle.device.name, hexOf(epoch), next.seq)) !== undefined,
      );
    });

    it('bulk-content: what does not belong in bulk, or in another order [EPOCH-9]', async () => {
      const { raw } = epoch.frame();
      const { bare } = epoch.close();
      await refusedAs('bulk-content', () => send(epoch.ctl(CTL.bulk, encodeBulk([encodeLost(random().slice(0, 16))]))));
      await refusedAs('bulk-content', () => send(epoch.ctl(CTL.bulk, encodeBulk([raw, bare]))));
    });
  });

  describe('channels e and m', () => {
    it('owner-mismatch, topic-denied, signature-invalid, manifest-stale, unknown-device [ENROL-4] [EPOCH-1]', async () => {
      const circle = await world.circle();
      const { topics } = circle.device;
      const thief = testIdentity('ML-DSA-65', crypto, random);
      const login = await world.connect(thief);
      const { issueCwt } = await import('@pulseseal/protocol');
      const times = { issuedMs: Date.now(), expiresMs: Date.now() + 1e9 };
      const stolen = issueCwt('endorse', thief.signer, circle.device.signer.key, times, crypto);
      await refusedAs('owner-mismatch', () => login.publish(topics.e, stolen, 1, 500));
      await refusedAs('topic-denied', () => login.publish(topics.e, circle.endorse, 1, 500));
      await refusedAs('topic-denied', () => login.publish(topics.m, circle.manifest, 1, 500));
      const agent = await world.connect(circle.owner);
      const { body } = parseSigned(circle.manifest, 'manifest');
      const older = signBody('manifest', { ...body, consentRoot: random() }, circle.owner.signer);
      await refusedAs('manifest-stale', () => agent.publish(topics.m, older, 1, 500));
      const forged = signBody('manifest', { ...body, version: 5 }, thief.signer);
      await refusedAs('signature-invalid', () => agent.publish(topics.m, forged, 1, 500));
      const nobody = rawCircle([world.address.thumbprint], crypto, random);
      await refusedAs('unknown-device', () => agent.publish(nobody.device.topics.m, nobody.manifest, 1, 500));
    });
  });
});

const hexOf = (epoch: RawEpoch) => Buffer.from(ehOf(epoch.oh)).toString('hex');

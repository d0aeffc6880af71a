import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  attempt,
  BEAT_FLAG,
  CTL,
  type Ctl,
  chainFrom,
  checkCwt,
  checkFrameLeaf,
  checkFrameTag,
  checkLogin,
  claimMac,
  commitment,
  decimalText,
  deviceText,
  encodeTransparent,
  type Frame,
  hedged,
  isHint,
  linkKeys,
  nonceOf,
  openCtl,
  openFrame,
  openGrant,
  parseBeat,
  parseBulk,
  parseCtl,
  parseData,
  parseFrame,
  parseMessage,
  parsePlain,
  parseReadingId,
  parseSigned,
  parseTopic,
  parseTransparent,
  parseWrap,
  physicalValue,
  REFUSALS,
  Refusal,
  readingId,
  type Signed,
  scopeChain,
  sealFrame,
  segmentKey,
  shardOf,
  signBody,
  thumbprint,
  topic,
  tp8,
  VerifiedCtl,
  VerifiedFrame,
} from '../src/mod.ts';
import { BOOT, EPOCH } from '../tools/world.ts';
import { message, native, portable, samples, world } from './fixture.ts';

const { oh, link } = samples;
const hex = (b: Uint8Array) => Buffer.from(b).toString('hex');

describe('what was checked cannot be claimed', () => {
  it('a VerifiedFrame and a VerifiedCtl come from their checks alone [FRAME-4] [CTL-1]', () => {
    const frame = parseFrame(message('frame, data'));
    const made = checkFrameTag(frame, oh, link.up, native);
    expect(made.by).toBe('tag');
    expect(checkFrameLeaf(frame, oh, samples.leaves, 1, native).by).toBe('leaf');
    expect(VerifiedFrame.holds(made)).toBe(true);
    const forge = VerifiedFrame as unknown as new (...a: unknown[]) => VerifiedFrame;
    for (const proof of [undefined, null, Symbol('checked by open.ts'), Symbol.for('checked by open.ts')])
      expect(() => new forge(proof, frame, oh, made.leaf, 'tag')).toThrow(TypeError);
    expect(VerifiedFrame.holds(Object.create(VerifiedFrame.prototype))).toBe(false);
    expect(VerifiedFrame.holds({ frame, oh, leaf: made.leaf, by: 'tag' })).toBe(false);
    const ctl = parseCtl(message('ctl progress'));
    expect(VerifiedCtl.holds(openCtl(ctl, oh, link.down))).toBe(true);
    expect(VerifiedCtl.holds(Object.create(VerifiedCtl.prototype))).toBe(false);
    expect(() => new (VerifiedCtl as unknown as new (...a: unknown[]) => VerifiedCtl)(undefined, ctl, oh)).toThrow(
      TypeError,
    );
    // The types refuse literals too.
    expectTypeOf<{ frame: Frame; oh: Uint8Array; leaf: Uint8Array; by: 'tag' }>().not.toExtend<VerifiedFrame>();
    expectTypeOf<{ ctl: Ctl; oh: Uint8Array }>().not.toExtend<VerifiedCtl>();
  });

  it('a refusal names its clause and never carries bytes [ENC-3]', () => {
    const refusal = new Refusal('mac-fail');
    expect(refusal).toMatchObject({ refusal: 'mac-fail', clause: 'FRAME-4' });
    for (const [name, [clause, text]] of Object.entries(REFUSALS)) {
      expect(clause, name).toMatch(/^[A-Z]+-\d+$/);
      expect(text.length, name).toBeGreaterThan(20);
    }
    expect(() => attempt(() => JSON.parse('{'))).toThrow(SyntaxError);
  });

  it('a hint is told from an order [CTL-4]', () => {
    const hint = parseCtl(message('ctl err, hint'));
    expect(isHint(hint)).toBe(true);
    expect(isHint(parseCtl(message('ctl err')))).toBe(false);
    expect(isHint({ ...hint, mt: CTL.rekey })).toBe(false);
    expect(isHint({ ...hint, n: 1 })).toBe(false);
  });
});

describe('keys', () => {
  it('no nonce twice under one key, over any frames of an epoch [KEY-4] [KEY-6]', () => {
    const used = new Set<string>();
    const chains = [0, 1, 2].map((scope) => scopeChain(samples.es.get(scope)!, oh, native));
    for (let segment = 0; segment < 6; segment++) {
      const keys = chains.map((chain) => chain.take(segment));
      for (let seq = 1 + segment * 60; seq <= (segment + 1) * 60; seq++) {
        const stream = seq % 4;
        const { key, iv } = keys[seq % 3]!.streamKey(stream);
        used.add(`${hex(key)} ${hex(nonceOf(iv, seq))}`);
      }
    }
    expect(used.size).toBe(360);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 12 }), fc.nat(2 ** 24), fc.nat(2 ** 24), (iv, a, b) => {
        expect(hex(nonceOf(iv, a)) === hex(nonceOf(iv, b))).toBe(a === b);
      }),
    );
  });

  it('a fresh epoch, scope, segment or stream has another key [KEY-4] [KEY-5]', () => {
    const keys = new Set<string>();
    for (const es of samples.es.values())
      for (const epoch of [oh, world.seed('next oh')]) {
        const chain = scopeChain(es, epoch, native);
        for (const j of [0, 1, 63]) {
          const segment = chain.take(j);
          for (const stream of [0, 1, 1023]) keys.add(hex(segment.streamKey(stream).key));
        }
      }
    expect(keys.size).toBe(3 * 2 * 3 * 3);
  });

  it('erased keys seal and open nothing [KEY-5]', () => {
    const chain = scopeChain(samples.es.get(1)!, oh, native);
    const segment = chain.take(0);
    const f = { ...samples.frames[2]!, oh, sg: 0 };
    sealFrame(f, segment, link.up, native);
    segment.erase();
    expect(() => sealFrame(f, segment, link.up, native)).toThrow(RangeError);
    expect(hex(segment.secret)).toBe('00'.repeat(32));
    chain.erase();
    expect(() => chain.take(1)).toThrow(RangeError);
    expect(() => chain.export()).toThrow(RangeError);
    const keys = linkKeys(oh, samples.gwk, native);
    keys.erase();
    expect(() => keys.up(new Uint8Array(1))).toThrow();
  });

  it('a partial grant opens from its segment on and no earlier one [KEY-5] [GRANT-1]', () => {
    const chain = scopeChain(samples.es.get(1)!, oh, native);
    chain.take(2);
    const { segment, ck } = chain.export();
    expect(segment).toBe(3);
    const granted = chainFrom(segment, ck, native);
    expect(() => granted.take(2)).toThrow(RangeError);
    expect(hex(granted.take(5).kcv)).toBe(hex(chain.take(5).kcv));
  });

  it('invisible salamander: one ciphertext under two keys never has one commitment or check value [KEY-2] [SEG-2]', () => {
    const a = world.seed('key a');
    const b = world.seed('key b');
    expect(commitment(a, world.device.thumbprint, BOOT, EPOCH, 1, native)).not.toEqual(
      commitment(b, world.device.thumbprint, BOOT, EPOCH, 1, native),
    );
    expect(segmentKey(a, native).kcv).not.toEqual(segmentKey(b, native).kcv);
    // Short keys cannot be padded into each other.
    expect(() => commitment(a.subarray(1), world.device.thumbprint, BOOT, EPOCH, 1, native)).toThrow(RangeError);
    const seen = new Set([
      hex(commitment(a, world.device.thumbprint, BOOT, EPOCH, 1, native)),
      hex(commitment(a, world.device2.thumbprint, BOOT, EPOCH, 1, native)),
      hex(commitment(a, world.device.thumbprint, BOOT + 1, EPOCH, 1, native)),
      hex(commitment(a, world.device.thumbprint, BOOT, EPOCH + 1, 1, native)),
      hex(commitment(a, world.device.thumbprint, BOOT, EPOCH, 2, native)),
    ]);
    expect(seen.size).toBe(5);
  });

  it('secrets stay apart when the generator is stuck [KEY-1]', () => {
    const stuck = new Uint8Array(32);
    const one = (secret: string, boot: number, epoch: number, label: number | string) =>
      hex(hedged(stuck, world.seed(secret), boot, epoch, label, 32, native));
    expect(
      new Set([
        one('a', 1, 1, 0),
        one('a', 1, 1, 1),
        one('a', 1, 2, 0),
        one('a', 2, 1, 0),
        one('b', 1, 1, 0),
        one('a', 1, 1, 'gw'),
      ]).size,
    ).toBe(6);
    expect(hedged(stuck, world.seed('a'), 1, 1, ['kem', 'gw'], 64, native).length).toBe(64);
  });

  it('a frame fits one place: spliced ones open nowhere [KEY-7] [KEY-8]', () => {
    const frame = parseFrame(message('frame, data'));
    const other = world.seed('other epoch');
    const moved = { ...frame, eh: other.subarray(0, 8) };
    expect(attempt(() => openFrame(frame, other, samples.segmentKeys.get(1)!, 24, native))).toEqual({
      ok: false,
      refusal: 'unknown-epoch',
    });
    expect(attempt(() => openFrame(moved, other, samples.segmentKeys.get(1)!, 24, native))).toEqual({
      ok: false,
      refusal: 'aead-fail',
    });
    expect(attempt(() => checkFrameTag(moved, other, link.up, native))).toEqual({ ok: false, refusal: 'mac-fail' });
    expect(attempt(() => checkFrameLeaf(moved, other, samples.leaves, 1, native))).toEqual({
      ok: false,
      refusal: 'not-in-close',
    });
  });

  it('an offline frame has no tag and passes by its leaf alone [FRAME-2] [SEG-5]', () => {
    const offline = parseFrame(message('frame, offline'));
    expect(offline.gt.length).toBe(0);
    expect(attempt(() => checkFrameTag(offline, oh, link.up, native))).toEqual({ ok: false, refusal: 'mac-fail' });
    expect(checkFrameLeaf(offline, oh, samples.leaves, 1, native).by).toBe('leaf');
    expect(attempt(() => checkFrameLeaf(offline, oh, samples.leaves, 2, native)).ok).toBe(false);
  });

  it('the claim needs the secret of the box [ENROL-2]', () => {
    const args = [
      world.attestation.thumbprint,
      world.bytes('claim secret', 16),
      world.owner.thumbprint,
      world.bytes('pseudonym', 16),
      world.bytes('lost', 16),
    ] as const;
    const mac = hex(claimMac(...args, native));
    expect(hex(claimMac(...args, portable))).toBe(mac);
    expect(hex(parseSigned(message('claimreq'), 'claimreq').body.mac)).toBe(mac);
    expect(hex(claimMac(args[0], world.bytes('guess', 16), args[2], args[3], args[4], native))).not.toBe(mac);
  });

  it('a grant opens for its receiver alone [GRANT-1]', async () => {
    const grant = parsePlain(message('grant'), 'grant');
    const rid = world.bytes('rid 1', 8);
    const release = await openGrant(grant.wrap, world.prekeys[1]!.secretSeed, rid, 100_001, oh, native);
    expect(release).toEqual(message('release, epoch'));
    await expect(
      openGrant(grant.wrap, world.prekeys[1]!.secretSeed, rid, 100_001, world.seed('x'), native),
    ).rejects.toThrow(/wrap-failed/);
    await expect(openGrant(grant.wrap, world.prekeys[2]!.secretSeed, rid, 100_001, oh, native)).rejects.toThrow(
      /wrap-failed/,
    );
    expect(parseWrap(grant.wrap).kid.length).toBe(12);
  });
});

describe('names', () => {
  it('keys, devices and shards [ID-1] [ID-2] [ID-3]', () => {
    const dev = new Uint8Array(32).fill(0x44);
    expect(deviceText(dev)).toBe('RERERERERERERERERERERA');
    expect(shardOf(dev, native)).toBe('3b');
    expect(hex(tp8(dev))).toBe('44'.repeat(8));
    expect(thumbprint(world.owner.key, native)).toEqual(world.owner.thumbprint);
    expect(parseSigned(message('manifest'), 'manifest').kid).toEqual(tp8(world.owner.thumbprint));
  });

  it('reading ids have one spelling [ID-4]', () => {
    const id = readingId('RERERERERERERERERERERA', oh.subarray(0, 8), 5810, 3);
    expect(parseReadingId(id)).toEqual({
      device: 'RERERERERERERERERERERA',
      eh: oh.subarray(0, 8),
      seq: 5810,
      index: 3,
    });
    for (const bad of [
      ` ${id}`,
      `${id} `,
      `${id}\n`,
      id.replace('5810', '05810'),
      id.replace('.3', '.-3'),
      id.replace('.3', '.3e0'),
      id.slice(1),
    ])
      expect(attempt(() => parseReadingId(bad)).ok, bad).toBe(false);
  });

  it('topics are the named ones and nothing else [TOPIC-1]', () => {
    const dev = 'RERERERERERERERERERERA';
    for (const text of [
      topic.beacon('00112233445566ff'),
      topic.device('3b', dev, 'u'),
      topic.recipient('00112233445566ff', 'a'),
    ]) {
      const parsed = parseTopic(text);
      expect(parsed).toBeDefined();
      for (const bad of [
        `${text}/`,
        `/${text}`,
        `${text}\n`,
        text.toUpperCase(),
        text.replace('ps1', 'ps2'),
        text.replace(/.$/, '#'),
        text.replace(/.$/, '+'),
        text.replace(/.$/, 'z'),
      ])
        expect(parseTopic(bad), bad).toBeUndefined();
    }
    for (const bad of [
      '',
      '#',
      '$SYS/x',
      `ps1/40/${dev}/u`,
      `ps1/3B/${dev}/u`,
      `ps1/+/${dev}/u`,
      'ps1/r/+/f',
      `$share/g/ps1/3b/${dev}/u`,
      `ps1/3b/${dev}\u0000/u`,
    ])
      expect(parseTopic(bad), bad).toBeUndefined();
  });
});

describe('payload', () => {
  it('decimals are exact [PAY-4]', () => {
    expect(decimalText(391, [1, -1, 0])).toBe('39.1');
    expect(decimalText(-5, [1, -3, 0])).toBe('-0.005');
    expect(decimalText(0, [7, -2, 0])).toBe('0');
    expect(decimalText(12, [5, 2, -2])).toBe('5000');
    expect(decimalText(Number.MAX_SAFE_INTEGER, [Number.MAX_SAFE_INTEGER, -18, 0])).toBe(
      '81129638414606.663681390495662081',
    );
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: -6, max: 6 }), (n, e) => {
        expect(physicalValue(n, [1, e, 0])).toBe(Number(`${n}e${e}`));
        expect(decimalText(n, [1, e, 0])).not.toMatch(/\.\d*0$|^-0$|e/);
      }),
    );
  });

  it('a missing sample is -32768 and survives [PAY-1]', () => {
    const frame = parseFrame(message('frame, waveform'));
    const { payload } = openFrame(frame, oh, samples.segmentKeys.get(2)!, 0, native);
    const data = parseData(payload, 2);
    expect(data.kind === 'block' && data.samples[60]).toBe(-32_768);
  });

  it('a heartbeat counts every stream but 0 [PAY-3]', () => {
    const frame = parseFrame(message('frame, heartbeat'));
    const { payload } = openFrame(frame, oh, samples.segmentKeys.get(0)!, 16, native);
    const beat = parseBeat(payload);
    expect(beat.streams.map((s) => s.st)).toEqual(samples.open.streams.slice(1).map((s) => s.id));
    expect(beat.streams[0]!.flags).toBe(BEAT_FLAG.contact);
  });

  it('bulk holds whole messages that parse by themselves [MSG-5]', () => {
    const ctl = parseCtl(message('ctl bulk'));
    expect(parseBulk(ctl.content).map((b) => parseMessage(b).kind)).toEqual(['opening', 'keys', 'signed', 'frame']);
  });
});

describe('open and close', () => {
  it('the open lists stream 0 first and commits to each scope [MSG-3] [EPOCH-8]', () => {
    const { body } = parseSigned(message('open'), 'open');
    expect(body.streams[0]).toEqual({ id: 0, scope: 0, streamClass: 0, pad: 16 });
    expect([...body.commitments.keys()]).toEqual([0, 1, 2]);
    expect([...body.cardHashes.keys()]).toEqual([1, 2]);
    const offline = parseSigned(message('open, offline'), 'open').body;
    expect(offline.beaconHash).toBeUndefined();
    expect(offline.wrapHashes[3]).toBeNull();
  });

  it('the close holds root, chain and check values [MSG-4] [SEG-1] [SEG-2] [SEG-3]', () => {
    const { body } = parseSigned(message('close'), 'close');
    expect(body).toMatchObject({ segment: 0, firstSeq: 1, count: 7, previous: oh });
    for (const [scope, kcv] of body.kcv) expect(kcv).toEqual(samples.segmentKeys.get(scope)!.kcv);
  });

  it('the manifest names each reader and gateway once [MSG-2]', () => {
    const { body } = parseSigned(message('manifest'), 'manifest');
    expect(new Set(body.recipients.map((r) => hex(r.rid))).size).toBe(4);
    expect(body.recipients[0]!.scopes).toEqual([0, 1, 2]);
  });

  it('a beacon lasts 1 ms to 24 h [MSG-2]', () => {
    const { body } = parseSigned(message('beacon'), 'beacon');
    const lasting = (lifeMs: number) => {
      const beacon = { ...body, validUntilMs: body.validFromMs + lifeMs };
      return attempt(() => parseSigned(signBody('beacon', beacon, world.gateway), 'beacon').body.validUntilMs);
    };
    for (const lifeMs of [1, 86_400_000])
      expect(lasting(lifeMs)).toEqual({ ok: true, value: body.validFromMs + lifeMs });
    for (const lifeMs of [86_400_001, 100 * 365 * 86_400_000, 0, -1])
      expect(lasting(lifeMs), String(lifeMs)).toEqual({ ok: false, refusal: 'out-of-range' });
  });

  it('an open is signed with the algorithm of its suite [SUITE-1] [SUITE-2]', () => {
    expect(parseSigned(message('open'), 'open').algorithm).toBe('ML-DSA-44');
    expect(parseSigned(message('open, suite 2'), 'open').algorithm).toBe('ML-DSA-65');
  });

  it('a statement for export carries its receipts and gives the message back as it was signed [ENC-8] [LOG-4]', () => {
    const { message: back, receipts } = parseTransparent(
      encodeTransparent(message('close'), [message('cose receipt')]),
    );
    expect(back).toEqual(message('close'));
    expect(receipts).toEqual([message('cose receipt')]);
    const parsed: Signed<'close'> = parseSigned(back, 'close');
    expect(parsed.body.count).toBe(7);
  });
});

describe('certificates and login', () => {
  const nowMs = samples.open.clock.t0Ms;
  it('an endorse vouches for its subject until it expires [ENROL-3]', async () => {
    expect((await checkCwt(message('endorse'), 'endorse', world.owner.key, nowMs, native)).subject).toEqual(
      world.device.thumbprint,
    );
    await expect(checkCwt(message('endorse'), 'endorse', world.attacker.key, nowMs, native)).rejects.toThrow(
      /key-mismatch/,
    );
    await expect(checkCwt(message('session'), 'endorse', undefined, nowMs, native)).rejects.toThrow(/wrong-typ/);
    expect((await checkCwt(message('devcert'), 'devcert', world.manufacturer.key, nowMs, native)).subject).toEqual(
      world.attestation.thumbprint,
    );
  });

  it('a login proves its identity on its own connection alone [TOPIC-4]', async () => {
    const context = { gateway: world.gateway.thumbprint, nowMs, exporter: world.seed('exporter') };
    expect((await checkLogin(message('login password'), context, native)).identity).toEqual(world.device.thumbprint);
    await expect(checkLogin(message('login password'), { ...context, exporter: undefined }, native)).rejects.toThrow(
      /login-refused/,
    );
    // A programming error is no refused login.
    const broken = {
      ...native,
      prepareVerifier: () => {
        throw new TypeError('broken');
      },
    };
    await expect(checkLogin(message('login password'), context, broken)).rejects.toThrow(TypeError);
  });
});

import { decode, encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reader, Writer } from '../src/cbor.ts';
import { bodyCodecs, parseBody } from '../src/messages/bodies-codec.ts';
import * as p from '../src/mod.ts';
import { descend, misspellings, print, treeOfBytes } from '../tools/cbor-tree.ts';
import { OPERATIONS } from '../tools/operations.ts';
import { SPELLING_REFUSALS } from '../tools/refused.ts';
import { message, native, samples, world } from './fixture.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const h32 = bytes(32);
const eh = bytes(8);
const uint = fc.oneof(fc.nat(23), fc.nat(70_000), fc.maxSafeNat());
const time = fc.nat(p.LIMITS.timeMs);
const seq = fc.integer({ min: 1, max: p.LIMITS.seq });
const segment = fc.nat(p.LIMITS.segment);
const maybe = <T>(key: string, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((v) => (v === undefined ? {} : { [key]: v }));
const h32OrNull = fc.option(h32, { nil: null });
const ranges = fc
  .array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 20 })
  .map((steps) => {
    let at = 0;
    return steps.map(([gap, count]) => {
      const first = at + gap;
      at = first + count;
      return { first, count };
    });
  });
const key = fc
  .constantFrom('ML-DSA-44' as const, 'ML-DSA-65' as const)
  .chain((algorithm) => bytes(p.PUBLIC_KEY_BYTES[algorithm]).map((publicKey) => ({ algorithm, publicKey })));
const limits = fc.record({
  maxFrameBytes: fc.nat(p.LIMITS.messageBytes),
  maxCount: fc.nat(4096),
  maxSegmentMs: uint,
  skewMs: uint,
  maxRecipients: fc.nat(16),
});
const ascending = (max: number, from: number, maxLength: number) =>
  fc.uniqueArray(fc.integer({ min: from, max }), { minLength: 1, maxLength }).map((l) => l.sort((a, b) => a - b));
const mapOf = <T>(keys: readonly number[], value: fc.Arbitrary<T>) =>
  fc.tuple(...keys.map(() => value)).map((values) => new Map(keys.map((k, i) => [k, values[i] as T])));
const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const join = (...parts: fc.Arbitrary<object>[]) => fc.tuple(...parts).map((list) => Object.assign({}, ...list));

const cwt = (kind: 'devcert' | 'endorse' | 'session') =>
  join(
    fc.record({ issuer: h32, subject: h32, expiresS: fc.nat(2 ** 31), issuedS: fc.nat(2 ** 31), key }),
    ...(kind === 'devcert'
      ? [maybe('ueid', bytes(17)), maybe('hardwareModel', bytes(4)), maybe('softwareName', text)]
      : [fc.record({ issuerKey: key })]),
  );

const open = ascending(1023, 1, 6).chain((ids) =>
  fc.tuple(...ids.map(() => fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 3 }), fc.nat(64)))).chain((rest) => {
    const streams = [
      { id: 0, scope: 0, streamClass: 0, pad: 16 },
      ...ids.map((id, i) => ({ id, scope: rest[i]![0], streamClass: rest[i]![1], pad: rest[i]![2] })),
    ];
    const scopes = [...new Set(streams.map((s) => s.scope))].sort((a, b) => a - b);
    return join(
      fc.record({
        device: h32,
        boot: uint,
        epoch: uint,
        manifestVersion: uint,
        manifestHash: h32,
        streams: fc.constant(streams),
        clock: fc.record({ t0Ms: time, uncertaintyMs: uint, source: fc.nat(4) }),
        maxFrames: fc.integer({ min: 1, max: 4096 }),
        segmentMs: fc.integer({ min: 1, max: 10 ** 6 }),
        heartbeatMs: fc.integer({ min: 1, max: 10 ** 6 }),
        ackTimeoutMs: uint,
        previousClose: h32OrNull,
        commitments: mapOf(scopes, h32),
        wrapHashes: fc.array(h32OrNull, { minLength: 1, maxLength: 16 }),
        reason: fc.nat(6),
        cardHashes: mapOf(scopes.slice(1), h32),
        suite: fc.constantFrom(1, 2),
      }),
      fc.oneof(fc.constant({}), fc.record({ beaconHash: h32, gatewayWrap: bytes(1198) })),
      maybe('attestationHash', h32),
    );
  }),
);

const close = fc.integer({ min: 1, max: 20 }).chain((count) =>
  join(
    fc.record({
      oh: h32,
      segment,
      firstSeq: fc.integer({ min: 1, max: p.LIMITS.seq - 20 }),
      count: fc.constant(count),
      root: h32,
      previous: h32,
      dt: uint,
      sealed: uint,
      dropped: uint,
      unacknowledged: uint,
      kcv: ascending(1023, 0, 4).chain((scopes) => mapOf(scopes, h32)),
    }),
    maybe('leaves', bytes(32 * count)),
    maybe('last', fc.nat(6)),
  ),
);

const recipient = fc.record({
  rid: eh,
  prekeyId: fc.nat(p.LIMITS.serial),
  prekey: bytes(1216),
  scopes: ascending(1023, 1, 5).map((l) => [0, ...l]),
  expiresMs: time,
  consent: h32,
  role: fc.nat(2),
});
const suites = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
const hexOf = (b: Uint8Array) => Buffer.from(b).toString('hex');

/** A body of each typ, over its whole range. */
const bodies: { readonly [T in p.Typ]: fc.Arbitrary<unknown> } = {
  beacon: join(
    fc
      .tuple(fc.nat(p.LIMITS.timeMs - p.LIMITS.beaconLifeMs), fc.integer({ min: 1, max: p.LIMITS.beaconLifeMs }))
      .map(([validFromMs, lifeMs]) => ({ validFromMs, validUntilMs: validFromMs + lifeMs })),
    fc.record({
      gateway: h32,
      serial: fc.nat(p.LIMITS.serial),
      prekey: bytes(1216),
      suites,
      limits,
      credentialHash: h32OrNull,
      key,
      tlsSpkiHash: h32OrNull,
    }),
  ),
  manifest: fc.record({
    pseudonym: bytes(16),
    device: h32,
    version: uint,
    validFromMs: time,
    validUntilMs: time,
    recipients: fc.uniqueArray(recipient, { minLength: 1, maxLength: 3, selector: (r) => hexOf(r.rid) }),
    suites,
    previous: h32OrNull,
    consentRoot: h32,
    policy: fc.record({ maxEpochS: uint, rekeyGraceS: uint, maxStaleS: uint }),
    gateways: fc.uniqueArray(h32, { minLength: 1, maxLength: 8, selector: hexOf }),
  }),
  open,
  close,
  sth: fc.record({
    gateway: h32,
    logId: h32,
    size: uint,
    root: h32,
    batch: uint,
    previous: h32OrNull,
    firstArrivalMs: time,
    lastArrivalMs: time,
  }),
  devcert: cwt('devcert'),
  endorse: cwt('endorse'),
  session: cwt('session'),
  claimreq: fc.record({
    attestationKey: h32,
    owner: h32,
    ownerKey: key,
    pseudonym: bytes(16),
    nonce: bytes(16),
    mac: h32,
  }),
  claimack: join(
    fc.record({ attestationKey: h32, claimHash: h32, key, boot: uint }),
    maybe('evidence', fc.uint8Array({ maxLength: 300 })),
  ),
  release: join(
    fc.record({
      oh: h32,
      scope: fc.nat(1023),
      consent: h32,
      secret: fc.oneof(
        fc.record({ kind: fc.constant('epoch'), es: h32 }),
        fc.record({ kind: fc.constant('from'), segment, ck: h32 }),
        fc.record({
          kind: fc.constant('segments'),
          sk: ascending(p.LIMITS.segment, 0, 30).chain((l) => mapOf(l, h32)),
        }),
      ),
    }),
    maybe('card', fc.uint8Array({ maxLength: 300 })),
  ),
  resync: fc.record({ device: h32, boot: uint, epoch: uint, nonce: bytes(16), timeMs: time }),
  token: fc.record({ identity: h32, gateway: h32, expiresMs: time, exporter: h32OrNull }),
  act: fc.record({
    fn: text,
    args: fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), text, uint), { maxLength: 16 }),
    counter: uint,
    timeMs: time,
  }),
  block: fc.record({
    ledger: h32,
    height: uint,
    previous: h32,
    timeMs: time,
    root: h32,
    transactions: uint,
  }),
};

/** Encodings of content and plain messages: what prints, what parses, and what to give them. */
const twoWay: {
  readonly [name: string]: readonly [fc.Arbitrary<unknown>, (v: never) => Uint8Array, (b: Uint8Array) => unknown];
} = {
  repair: [
    join(
      fc.record({
        segment,
        leaves: ascending(p.LIMITS.seq, 1, 8).chain((l) => h32.map((leaf) => l.map((s) => ({ seq: s, leaf })))),
      }),
      maybe('eh', eh),
    ),
    p.encodeRepair,
    p.parseRepair,
  ],
  bye: [join(fc.record({ reason: fc.nat(2) }), maybe('backInMs', uint)), p.encodeBye, p.parseBye],
  bulk: [
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 9 }),
    p.encodeBulk,
    p.parseBulk,
  ],
  accept: [
    join(
      fc.record({ oh: h32, timeMs: time, flags: fc.nat(3) }),
      maybe('durable', fc.record({ seqBelow: uint, segmentBelow: uint })),
      maybe('limits', limits),
    ),
    p.encodeAccept,
    p.parseAccept,
  ],
  nack: [
    join(fc.record({ segment, want: fc.integer({ min: 1, max: 4 }) }), maybe('ranges', ranges), maybe('eh', eh)),
    p.encodeNack,
    p.parseNack,
  ],
  rekey: [fc.record({ reason: fc.nat(2) }), p.encodeRekey, p.parseRekey],
  progress: [
    join(fc.record({ seqBelow: uint }), maybe('ranges', ranges), maybe('segmentBelow', uint), maybe('eh', eh)),
    p.encodeProgress,
    p.parseProgress,
  ],
  err: [
    join(
      fc.record({ code: fc.integer({ min: 1, max: 13 }) }),
      maybe('about', h32),
      maybe('number', uint),
      maybe('text', fc.string({ maxLength: 64 })),
      maybe('eh', eh),
    ),
    p.encodeErr,
    p.parseErr,
  ],
  card: [
    fc.record({
      salt: bytes(16),
      streams: ascending(1023, 0, 4).chain((l) =>
        mapOf(
          l,
          fc.array(
            fc.record({
              code: uint,
              unit: uint,
              scale: fc.tuple(fc.integer(), fc.integer({ min: -18, max: 18 }), fc.integer()),
              rateMilliHz: uint,
              block: fc.nat(1000),
              codec: fc.constant(0),
              site: uint,
            }),
            { minLength: 1, maxLength: 3 },
          ),
        ),
      ),
    }),
    p.encodeCard,
    p.parseCard,
  ],
  beat: [
    fc.record({
      streams: ascending(1023, 1, 8).map((l) => l.map((st) => ({ st, last: st * 3, count: st % 7, flags: st % 8 }))),
      batteryPercent: fc.option(fc.nat(100), { nil: null }),
      state: fc.nat(3),
    }),
    p.encodeBeat,
    p.parseBeat,
  ],
  values: [
    ascending(255, 0, 9).chain((l) => mapOf(l, fc.maxSafeInteger()).map((values) => ({ kind: 'values', values }))),
    (v: { values: Map<number, number> }) => p.encodeValues(v.values),
    (b) => p.parseData(b, 1),
  ],
  block: [
    fc.record({
      kind: fc.constant('block'),
      quality: fc.nat(100),
      samples: fc.int16Array({ minLength: 1, maxLength: 90 }),
    }),
    (v: { quality: number; samples: Int16Array }) => p.encodeBlock(v.quality, v.samples),
    (b) => p.parseData(b, 2),
  ],
  opening: [
    join(
      fc.record({ kind: fc.constant('opening'), open: fc.uint8Array({ minLength: 1, maxLength: 99 }) }),
      maybe('pre', eh),
    ),
    (m: p.Opening) => p.encodeOpening(m.open, m.pre),
    (b) => p.parsePlain(b, 'opening'),
  ],
  keys: [
    fc.record({
      kind: fc.constant('keys'),
      eh,
      wraps: fc.array(fc.uint8Array({ minLength: 1, maxLength: 99 }), { minLength: 1, maxLength: 16 }),
    }),
    (m: p.Keys) => p.encodeKeys(m.eh, m.wraps),
    (b) => p.parsePlain(b, 'keys'),
  ],
  lost: [
    fc.record({ kind: fc.constant('lost'), nonce: bytes(16) }),
    (m: p.Lost) => p.encodeLost(m.nonce),
    (b) => p.parsePlain(b, 'lost'),
  ],
  leaves: [
    fc.record({
      kind: fc.constant('leaves'),
      eh,
      sg: segment,
      first: seq,
      leaves: fc.array(h32, { minLength: 1, maxLength: 9 }),
    }),
    (m: p.Leaves) => p.encodeLeaves(m.eh, m.sg, m.first, m.leaves),
    (b) => p.parsePlain(b, 'leaves'),
  ],
  grant: [
    fc.record({ kind: fc.constant('grant'), eh, wrap: fc.uint8Array({ minLength: 1, maxLength: 400 }) }),
    (m: p.Grant) => p.encodeGrant(m.eh, m.wrap),
    (b) => p.parsePlain(b, 'grant'),
  ],
  receipt: [
    fc.record({
      kind: fc.constant('receipt'),
      eh,
      sg: fc.option(segment, { nil: null }),
      receipt: fc.uint8Array({ minLength: 1, maxLength: 99 }),
    }),
    (m: p.ReceiptMessage) => p.encodeReceiptMessage(m.eh, m.sg, m.receipt),
    (b) => p.parsePlain(b, 'receipt'),
  ],
  gaps: [
    fc.record({ kind: fc.constant('gaps'), eh, sg: segment, state: fc.nat(2), ranges }),
    (m: p.Gaps) => p.encodeGaps(m.eh, m.sg, m.state, m.ranges),
    (b) => p.parsePlain(b, 'gaps'),
  ],
  edge: [
    fc.record({
      kind: fc.constant('edge'),
      timeMs: time,
      epochs: fc.array(fc.record({ eh, lastMs: time, state: fc.nat(2) }), { maxLength: 9 }),
    }),
    (m: p.Edge) => p.encodeEdge(m.timeMs, m.epochs),
    (b) => p.parsePlain(b, 'edge'),
  ],
  ask: [
    fc.record({
      kind: fc.constant('ask'),
      eh,
      want: fc.integer({ min: 1, max: 4 }),
      sg: fc.option(segment, { nil: null }),
      ranges,
    }),
    (m: p.Ask) => p.encodeAsk(m.eh, m.want, m.sg, m.ranges),
    (b) => p.parsePlain(b, 'ask'),
  ],
};

/** Another implementation reads our bytes and prints the same ones. */
function expectCborg(b: Uint8Array): void {
  const options = { useMaps: true, strict: true, tags: [] as never[] };
  const tagged = b[0] === 0xd2 ? b.subarray(1) : b;
  expect(new Uint8Array(encode(decode(tagged, options)))).toEqual(new Uint8Array(tagged));
}

describe('what is printed parses to the same value and prints the same bytes', () => {
  it.each(Object.keys(bodies) as p.Typ[])('body of %s [ENC-2] [MSG-1]', (typ) => {
    fc.assert(
      fc.property(bodies[typ], (body) => {
        const printed = p.encodeBody(typ, body as never);
        const r = new Reader(printed);
        const parsed = parseBody(typ, r);
        r.done();
        expect(parsed).toEqual(body);
        expect(p.encodeBody(typ, parsed)).toEqual(printed);
        expectCborg(printed);
      }),
      { numRuns: 40 },
    );
  });

  it.each(Object.keys(twoWay))('%s [ENC-2] [MSG-5] [MSG-6] [ENC-9] [PAY-1] [PAY-2] [PAY-3]', (name) => {
    const [arbitrary, printOne, parseOne] = twoWay[name]!;
    fc.assert(
      fc.property(arbitrary, (value) => {
        const printed = printOne(value as never);
        expect(parseOne(printed)).toEqual(value);
        expect(printOne(parseOne(printed) as never)).toEqual(printed);
        expectCborg(printed);
      }),
      { numRuns: 60 },
    );
  });

  it('frames [FRAME-1] [FRAME-5] [FRAME-6]: sealed, opened, and printed from the parsed fields', () => {
    const { oh, link, segmentKeys } = samples;
    const segmentKey = segmentKeys.get(1)!;
    fc.assert(
      fc.property(
        fc.nat(3),
        fc.nat(1023),
        seq,
        uint,
        fc.nat(64),
        mapOf([0, 3, 7], fc.maxSafeInteger()),
        fc.boolean(),
        (ft, st, n, dt, pad, values, live) => {
          const f = { ft: ft as 0, st, seq: n, dt, prev: n - 1, payload: p.encodeValues(values), pad, oh, sg: 0 };
          const sealed = p.sealFrame(f, segmentKey, live ? link.up : undefined, native);
          const frame = p.parseFrame(sealed.raw);
          const head = p.encodeFrameHeader(frame.ft, frame.eh, frame.sg, frame.st, frame.seq, frame.dt);
          expect(new Writer().raw(head).bytes(frame.ct).bytes(frame.gt).finish()).toEqual(sealed.raw);
          expect(p.openFrame(frame, oh, segmentKey, pad, native)).toEqual({ prev: n - 1, payload: f.payload });
          expectCborg(sealed.raw);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('signed messages, proof and keys of the samples [ENC-4] [KEY-9]', () => {
    for (const [name, b] of samples.messages) {
      expect(print(treeOfBytes(b)), name).toEqual(b);
      expectCborg(b);
      if (b[0] !== 0xd2 || name === 'cose receipt') continue;
      const signed = p.parseAnySigned(b);
      expect(p.encodeBody(signed.typ, signed.body as never), name).toEqual(signed.payload);
      expect(p.encodeProtected(signed.algorithm, signed.kid, `ps1.${signed.typ}`), name).toEqual(signed.protectedBytes);
      expect(signed.raw).toBe(b);
    }
    for (const signer of [world.owner, world.device]) {
      const printed = p.encodeCoseKey(signer.key);
      expect(p.encodeCoseKey(p.parseCoseKey(printed))).toEqual(printed);
    }
  });

  it('every typ has a codec and nothing else has one [ENC-7]', () => {
    expect(Object.keys(bodyCodecs).sort()).toEqual(Object.keys(bodies).sort());
  });

  it('a printer refuses what no reader takes [ENC-6]', () => {
    for (const bad of [Number.NaN, 1.5, -(2 ** 53), 2 ** 53, Number.POSITIVE_INFINITY])
      expect(() => new Writer().int(bad)).toThrow(RangeError);
    expect(() => new Writer().uint(-1)).toThrow(RangeError);
    expect(() => new Writer().text('\ud800')).toThrow(RangeError);
    expect(new Writer(0).uint(1).finish()).toEqual(new Uint8Array([1]));
    expect(() => p.encodeBody('open', { ...samples.open, gatewayWrap: undefined } as never)).toThrow(RangeError);
  });
});

describe('wrong spellings', () => {
  const kindOf = (name: string, b: Uint8Array) =>
    name.startsWith('ctl') && name !== 'ctl close' && name !== 'ctl bulk'
      ? ('ctl' as const)
      : name === 'cose receipt'
        ? ('receipt' as const)
        : name.startsWith('wrap')
          ? ('wrap' as const)
          : b[0] === 0xd2
            ? ('signed' as const)
            : ('other' as const);
  it('each single one, in every message at every depth, is refused with its reason [ENC-2] [ENC-3] [ENC-8]', () => {
    let count = 0;
    for (const [name, b] of samples.messages) {
      if (name === 'login password' || name.startsWith('manifest, 8')) continue;
      const kind = kindOf(name, b);
      const op = kind === 'wrap' ? 'wrap' : kind === 'receipt' ? 'receipt' : 'message';
      const root = descend(treeOfBytes(b), kind);
      expect(print(root), name).toEqual(b);
      for (const m of misspellings(root)) {
        const result = p.attempt(() => OPERATIONS[op]!(m.bytes, {}, native));
        if (result.ok) throw new Error(`${name}: ${m.spelling} accepted`);
        const allowed: readonly string[] = [
          ...SPELLING_REFUSALS[m.spelling],
          'wrong-type',
          'wrong-length',
          'trailing-bytes',
          'truncated',
        ];
        expect(allowed, `${name}: ${m.spelling} gave ${result.refusal}`).toContain(result.refusal);
        count++;
      }
    }
    console.log(`protocol: ${count} wrong spellings refused`);
    expect(count).toBeGreaterThan(5000);
  });

  it('every truncation and every byte behind is refused [ENC-3]', () => {
    for (const name of [
      'frame, data',
      'ask',
      'ctl accept',
      'rack',
      'resync',
      'open',
      'keys',
      'leaves',
      'edge',
      'receipt',
    ]) {
      const b = message(name);
      for (let length = 0; length < b.length; length++)
        expect(p.attempt(() => p.parseMessage(b.subarray(0, length))).ok).toBe(false);
      expect(p.attempt(() => p.parseMessage(new Uint8Array([...b, 0])))).toEqual({
        ok: false,
        refusal: 'trailing-bytes',
      });
    }
  });

  it('random bytes and random damage never make anything but a refusal [ENC-3]', () => {
    const all = [...samples.messages.values()];
    fc.assert(
      fc.property(
        fc.nat(all.length - 1),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        (i, edits, cut) => {
          const b = all[i]!.slice(0, 1 + (cut % all[i]!.length));
          for (const [at, byte] of edits) b[at % b.length] = byte;
          p.attempt(() => p.parseMessage(b));
        },
      ),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (b) => void p.attempt(() => p.parseMessage(b))),
      { numRuns: 3000 },
    );
  });
});

describe('a receipt message in two parts', () => {
  it('is the whole message when the signature is put behind its head', () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.option(fc.nat(5_000), { nil: null }),
        hash,
        fc.record({ size: fc.nat(2 ** 40), index: fc.nat(2 ** 40), path: fc.array(hash, { maxLength: 40 }) }),
        (eh, segment, gateway, inclusion) => {
          const signature = new Uint8Array(3_309).fill(9);
          const whole = p.encodeReceiptMessage(eh, segment, p.encodeReceipt(gateway, inclusion, signature));
          const head = p.receiptMessageHead(eh, segment, gateway, inclusion, signature.length);
          expect(Buffer.concat([head, signature]).equals(whole)).toBe(true);
        },
      ),
    );
  });
});

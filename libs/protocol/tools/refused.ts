import { concat, toHex } from '@pulseseal/crypto';
import {
  encodeBody,
  encodeBulk,
  encodeCoseKey,
  encodeItem,
  encodeLogin,
  encodeTransparent,
  encodeUntaggedCtl,
  logLeaf,
  type Proof,
  parseAnySigned,
  parseSigned,
  readingId,
  sealCtl,
  sealFrame,
  sealGatewayWrap,
  sealRecipientWrap,
  signBody,
  toBeSigned,
  Writer,
} from '../src/mod.ts';
import { buildBundle, buildProof } from './bundle.ts';
import { descend, misspellings, type Spelling, treeOfBytes } from './cbor-tree.ts';
import type { Arguments, RefusalOf } from './operations.ts';
import { type Samples, SERIAL } from './samples.ts';
import { BOOT, EPOCH, manifestOf, T0_MS, type World } from './world.ts';

/** Bytes with the one reason for which they must be refused. */
export interface RefusedCase {
  readonly name: string;
  readonly op: string;
  readonly bytes: Uint8Array;
  readonly args?: Arguments;
  readonly refusal: RefusalOf;
}

const h = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** Replaces the first occurrence of `from`. */
function swap(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const at = Buffer.from(bytes).indexOf(from);
  if (at < 0) throw new RangeError('pattern not found');
  return concat(bytes.subarray(0, at), to, bytes.subarray(at + from.length));
}

function flip(bytes: Uint8Array, at: number, mask = 1): Uint8Array {
  const out = bytes.slice();
  out[at < 0 ? out.length + at : at]! ^= mask;
  return out;
}

/** The three bytes of a map's head and one field of a body, replaced. */
const field = (body: Uint8Array, from: string, to: string) => swap(body, h(from), h(to));

const EXPECTED: { readonly [S in Spelling]: readonly RefusalOf[] } = {
  wide: ['not-canonical', 'unknown-kind', 'wrong-length', 'unprotected-not-empty'],
  indefinite: ['not-canonical', 'unknown-kind', 'unprotected-not-empty'],
  swapped: ['not-canonical', 'missing-field', 'unknown-field'],
  duplicate: ['duplicate-key', 'unknown-field', 'out-of-range', 'unprotected-not-empty'],
  'unknown-field': [
    'unknown-field',
    'out-of-range',
    'wrong-type',
    'not-canonical',
    'unprotected-not-empty',
    'missing-field',
    'duplicate-key',
    'scope-mismatch',
  ],
  float: ['wrong-type', 'unknown-kind', 'truncated'],
  true: ['wrong-type', 'unknown-kind', 'truncated'],
  undefined: ['wrong-type', 'unknown-kind', 'truncated'],
  tagged: ['wrong-type', 'unknown-kind'],
  bignum: ['wrong-type', 'unknown-kind'],
};

export { EXPECTED as SPELLING_REFUSALS };

/** Every wrong spelling of a few small messages of each family, with the refusal the parser gives. */
export function* misspelled(s: Samples, refusalOf: (op: string, bytes: Uint8Array) => RefusalOf | undefined) {
  const small = [
    ['frame, urgent', 'other'],
    ['ask', 'other'],
    ['gaps', 'other'],
    ['ctl nack', 'ctl'],
    ['ctl progress, full', 'ctl'],
    ['ctl accept', 'ctl'],
    ['rack', 'other'],
  ] as const;
  for (const [title, kind] of small) {
    const counts = new Map<Spelling, number>();
    for (const m of misspellings(descend(treeOfBytes(s.messages.get(title)!), kind))) {
      const count = (counts.get(m.spelling) ?? 0) + 1;
      counts.set(m.spelling, count);
      const refusal = refusalOf('message', m.bytes);
      if (refusal === undefined || !EXPECTED[m.spelling].includes(refusal))
        throw new RangeError(`${title}, ${m.spelling} ${count}: ${refusal ?? 'accepted'}`);
      yield { name: `${title}: ${m.spelling} ${count}`, op: 'message', bytes: m.bytes, refusal };
    }
  }
}

/** The hand-made list: each refusal that the library itself can give, and each rule of SPEC section 2. */
export async function refusedCases(w: World, s: Samples): Promise<RefusedCase[]> {
  const out: RefusedCase[] = [];
  const { crypto } = w;
  const m = (name: string) => s.messages.get(name)!;
  const add = (name: string, refusal: RefusalOf, bytes: Uint8Array, op = 'message', args?: Arguments) => {
    out.push({ name, op, bytes, refusal, ...(args === undefined ? {} : { args }) });
  };
  const oh = toHex(s.oh);
  const link = { oh, gwk: toHex(s.gwk) };
  const key = (signer: { key: Parameters<typeof encodeCoseKey>[0] }) => toHex(encodeCoseKey(signer.key));

  // Shape.
  add('nothing at all', 'truncated', new Uint8Array(0));
  add('one byte', 'truncated', h('88'));
  add('a message over 192 kB', 'too-large', concat(h('d2'), new Uint8Array(196_608)));
  add('gone and one byte more', 'trailing-bytes', concat(m('gone'), h('00')));
  add('a frame and one byte more', 'trailing-bytes', concat(m('frame, data'), h('00')));
  add('a signed message and one byte more', 'trailing-bytes', concat(m('resync'), h('00')));
  for (const number of [4, 9, 15, 19, 21, 30, 36, 39, 47, 99])
    add(`number ${number} names no message`, 'unknown-kind', concat(h('85'), encodeItem(number), m('gone')));
  add('tag 17 (COSE_Mac0)', 'unknown-kind', flip(m('resync'), 0, 3));
  add('a map', 'unknown-kind', h('a0a0'));
  add('a text', 'unknown-kind', h('6161'));
  add('seven items of a frame', 'wrong-length', flip(m('frame, data'), 0, 0x0f));
  add('a frame number as text', 'wrong-type', swap(m('frame, data'), h('48'), h('68')));
  add('an integer of 2^53', 'out-of-range', h('8518 2e 48 0000000000000000 01 1b0020000000000000 80'));
  add('an integer of 2^64 - 1', 'out-of-range', h('8518 2e 48 0000000000000000 01 1bffffffffffffffff 80'));
  add('seq 0', 'out-of-range', h('88 01 48 0000000000000000 00 01 00 00 52 000000000000000000000000000000000000 40'));
  add(
    'a stream id of 1,024',
    'out-of-range',
    h('88 01 48 0000000000000000 00 190400 01 00 52 000000000000000000000000000000000000 40'),
  );
  add(
    'a ciphertext shorter than its tag',
    'wrong-length',
    h('88 01 48 0000000000000000 00 01 01 00 50 00000000000000000000000000000000 40'),
  );
  for (const length of [1, 4, 7, 9, 16])
    add(
      `a gateway tag of ${length} bytes`,
      'wrong-length',
      swap(m('frame, data'), m('frame, data').subarray(-9), concat(encodeItem(new Uint8Array(length)))),
    );
  for (const length of [0, 4, 7, 9, 16, 32]) {
    const short = encodeItem(new Uint8Array(length));
    add(`a ctl tag of ${length} bytes`, 'wrong-length', concat(m('ctl rekey').subarray(0, -9), short));
    add(`a rack tag of ${length} bytes`, 'wrong-length', concat(m('rack').subarray(0, -9), short));
    add(`a pre of ${length} bytes`, 'wrong-length', concat(m('opening').subarray(0, -9), short));
  }
  add('a range of no number', 'out-of-range', h('85182e48000000000000000002 00 81 82 07 00'));
  add('ranges that overlap', 'not-canonical', h('85182e48000000000000000002 00 82 820702 820801'));
  add('ranges of 4,097 numbers', 'out-of-range', h('85182e48000000000000000002 00 82 8201191000 8219100101'));
  add('a want of 5', 'out-of-range', h('85182e48000000000000000005 00 80'));
  add(
    'bulk over 64 kB',
    'wrong-length',
    encodeUntaggedCtlPlus(8, s.oh, encodeBulk([new Uint8Array(65_000), new Uint8Array(600)])),
  );
  add(
    'an err text of 65 bytes',
    'wrong-length',
    encodeUntaggedCtlPlus(31, s.oh, concat(h('a2 01 01 04 7841'), new Uint8Array(65).fill(97))),
  );
  add('an err text that is no UTF-8', 'not-canonical', encodeUntaggedCtlPlus(31, s.oh, h('a2 01 01 04 62 c328')));
  add(
    'a key `__proto__`',
    'wrong-type',
    encodeUntaggedCtlPlus(18, s.oh, concat(h('a1 69'), new TextEncoder().encode('__proto__'), h('00'))),
  );
  add('progress with a strange field', 'unknown-field', encodeUntaggedCtlPlus(20, s.oh, h('a2 01 08 05 00')));
  add('progress without its first field', 'missing-field', encodeUntaggedCtlPlus(20, s.oh, h('a1 03 01')));
  add('progress with a field twice', 'duplicate-key', encodeUntaggedCtlPlus(20, s.oh, h('a2 01 08 01 08')));
  add(
    'progress with fields in falling order',
    'not-canonical',
    encodeUntaggedCtlPlus(20, s.oh, h('a3 01 08 04 48 0000000000000000 03 01')),
  );
  add('a time after the year 9999', 'out-of-range', h('83182d 1b0000e677d21fdc00 80'));
  add('the wrong kind of array', 'unknown-kind', m('ask'), 'plain', { kind: 'rack' });

  // Signed messages.
  const protect = (typ: string, alg = -49) =>
    new Writer().map(3).uint(1).int(alg).uint(4).bytes(new Uint8Array(8)).uint(16).text(typ).finish();
  const assemble = (prot: Uint8Array, unprotected: Uint8Array, payload: Uint8Array, signatureBytes = 3309) =>
    new Writer(8192)
      .tag(18)
      .array(4)
      .bytes(prot)
      .raw(unprotected)
      .bytes(payload)
      .bytes(new Uint8Array(signatureBytes))
      .finish();
  const resync = parseSigned(m('resync'), 'resync');
  const empty = h('a0');
  add('an unprotected key id', 'unprotected-not-empty', assemble(protect('ps1.resync'), h('a10441aa'), resync.payload));
  add(
    'an unprotected map of 30 fields',
    'unprotected-not-empty',
    assemble(protect('ps1.resync'), h('b81e'), resync.payload),
  );
  add('a typ that no version has', 'wrong-typ', assemble(protect('ps1.resynch'), empty, resync.payload));
  add('a typ of another protocol', 'wrong-typ', assemble(protect('ps2.resync'), empty, resync.payload));
  add('the typ `ps1.constructor`', 'wrong-typ', assemble(protect('ps1.constructor'), empty, resync.payload));
  add(
    'a type letter of another typ',
    'wrong-typ',
    assemble(protect('ps1.token', -48), empty, parseAnySigned(m('act')).payload, 2420),
  );
  add('ML-DSA-87', 'algorithm-mismatch', assemble(protect('ps1.resync', -50), empty, resync.payload));
  add('ES256', 'algorithm-mismatch', assemble(protect('ps1.resync', -7), empty, resync.payload));
  add(
    'a manifest under ML-DSA-44',
    'algorithm-mismatch',
    assemble(protect('ps1.manifest', -48), empty, parseAnySigned(m('manifest')).payload, 2420),
  );
  add('no typ', 'missing-field', assemble(h('a2 01 3830 04 48 0000000000000000'), empty, resync.payload));
  add(
    'a content type beside the typ',
    'unknown-field',
    assemble(concat(h('a4 01 3830 03 00'), protect('ps1.resync').subarray(4)), empty, resync.payload),
  );
  add('a signature of the other length', 'wrong-length', assemble(protect('ps1.resync'), empty, resync.payload, 2420));
  add(
    'a detached payload',
    'wrong-type',
    concat(m('resync').subarray(0, 3 + 32), h('f6'), m('resync').subarray(-3312)),
  );
  add('a resync presented as an act', 'wrong-typ', m('resync'), 'signed', { typ: 'act' });
  add(
    'an open of suite 2 under ML-DSA-44',
    'algorithm-mismatch',
    assemble(protect('ps1.open', -48), empty, parseAnySigned(m('open, suite 2')).payload, 2420),
  );
  add(
    'an open of suite 1 under ML-DSA-65',
    'algorithm-mismatch',
    assemble(protect('ps1.open'), empty, parseAnySigned(m('open')).payload),
  );
  add('a signature with one bit flipped', 'signature-invalid', flip(m('resync'), -1), 'verify', {
    key: key(w.gateway),
  });
  add('a body with one bit flipped', 'signature-invalid', flip(m('resync'), 80), 'verify', { key: key(w.gateway) });
  add('another key of the same kind', 'signature-invalid', m('resync'), 'verify', { key: key(w.owner) });
  {
    // The signature itself is right, over the payload under another typ: swapped roles.
    const asAct = w.gateway.sign(toBeSigned(protect('ps1.act'), resync.payload));
    add(
      'a signature made for another typ',
      'signature-invalid',
      concat(m('resync').subarray(0, -3309), asAct),
      'verify',
      { key: key(w.gateway) },
    );
  }

  // Bodies.
  const body = (name: string) => parseAnySigned(m(name)).payload;
  const openBody = body('open');
  const suiteAt = (suite: string) => concat(openBody.subarray(0, -1), h(suite));
  for (const suite of ['00', '03', '04', '05', '1818'])
    add(`suite ${suite}`, 'suite-refused', suiteAt(suite), 'body', { typ: 'open' });
  add('protocol version 2', 'out-of-range', field(openBody, '61 6f 02 01', '61 6f 02 02'), 'body', { typ: 'open' });
  add('stream 0 in scope 1', 'scope-mismatch', field(openBody, '84 84 00 00 00 10', '84 84 00 01 00 10'), 'body', {
    typ: 'open',
  });
  add('stream 0 not the first', 'scope-mismatch', field(openBody, '84 84 00 00 00 10', '84 84 01 00 00 10'), 'body', {
    typ: 'open',
  });
  add('a second stream of class 0', 'out-of-range', field(openBody, '84 01 01 01 1818', '84 01 01 00 1818'), 'body', {
    typ: 'open',
  });
  add('streams in falling order', 'not-canonical', field(openBody, '84 02 02 02 00', '84 01 02 02 00'), 'body', {
    typ: 'open',
  });
  add('a scope without a commitment', 'scope-mismatch', field(openBody, '84 03 01 03 08', '84 03 04 03 08'), 'body', {
    typ: 'open',
  });
  add(
    'a beacon hash without a wrap',
    'missing-field',
    encodeOpenWithoutWrap(openBody, m('wrap for the gateway')),
    'body',
    { typ: 'open' },
  );
  add('reason 7', 'out-of-range', field(openBody, '0f 00 11 a2', '0f 07 11 a2'), 'body', { typ: 'open' });
  const closeBody = body('close');
  add(
    'a segment of 4,097 frames',
    'out-of-range',
    swapHead(closeBody, h('0401 0507 06'), h('0401 05 191001 06'), 10),
    'body',
    { typ: 'close' },
  );
  add('a segment of no frame', 'out-of-range', swapHead(closeBody, h('0401 0507 06'), h('0401 05 00 06'), 10), 'body', {
    typ: 'close',
  });
  add(
    'a segment beyond 2^24',
    'out-of-range',
    swapHead(closeBody, h('0401 0507 06'), h('04 1a01000000 0507 06'), 10),
    'body',
    { typ: 'close' },
  );
  {
    const inline = body('close, inline leaves and last');
    add(
      'inline leaves for another count',
      'wrong-length',
      swapHead(inline, h('0401 0507 06'), h('0401 0508 06'), 12),
      'body',
      { typ: 'close' },
    );
    add('a last of 7', 'out-of-range', concat(inline.subarray(0, -1), h('07')), 'body', { typ: 'close' });
  }
  const twice = manifestOf(w, 2);
  const [first] = twice.recipients;
  const refusedManifest = (name: string, refusal: RefusalOf, change: Partial<typeof twice>) =>
    add(name, refusal, encodeBody('manifest', { ...twice, ...change }), 'body', { typ: 'manifest' });
  refusedManifest('a recipient listed twice', 'duplicate-key', { recipients: [first!, first!] });
  refusedManifest('a gateway listed twice', 'duplicate-key', {
    gateways: [w.gateway.thumbprint, w.gateway.thumbprint],
  });
  refusedManifest('a suite listed twice', 'duplicate-key', { suites: [1, 1] });
  refusedManifest('no gateway', 'out-of-range', { gateways: [] });
  refusedManifest('no recipient', 'out-of-range', { recipients: [] });
  refusedManifest('seventeen recipients', 'out-of-range', { recipients: manifestOf(w, 17).recipients });
  refusedManifest('scopes without 0', 'scope-mismatch', { recipients: [{ ...first!, scopes: [1] }] });
  refusedManifest('scopes in falling order', 'not-canonical', { recipients: [{ ...first!, scopes: [0, 2, 1] }] });
  const beaconOf = parseSigned(m('beacon'), 'beacon').body;
  const refusedBeacon = (name: string, lifeMs: number) => {
    const validUntilMs = beaconOf.validFromMs + lifeMs;
    add(name, 'out-of-range', encodeBody('beacon', { ...beaconOf, validUntilMs }), 'body', { typ: 'beacon' });
  };
  refusedBeacon('a beacon of 24 h and 1 ms', 86_400_001);
  refusedBeacon('a beacon of a hundred years', 36_525 * 86_400_000);
  refusedBeacon('a beacon that ends as it begins', 0);
  refusedBeacon('a beacon that ends before it begins', -1);
  const endorseBody = body('endorse');
  add('an endorse whose text has unused bits', 'not-canonical', flip(endorseBody, 4 + 42, 1), 'body', {
    typ: 'endorse',
  });
  add('a devcert as an endorse', 'unknown-field', body('devcert').slice(), 'body', {
    typ: 'endorse',
  });
  add('a CWT as a body with a type letter', 'wrong-length', endorseBody, 'body', { typ: 'claimreq' });
  add('a key of the other length', 'wrong-length', swap(encodeCoseKey(w.owner.key), h('3830'), h('382f')), 'key');
  add('a key of type OKP', 'algorithm-mismatch', swap(encodeCoseKey(w.owner.key), h('0107'), h('0101')), 'key');
  add(
    'a release of an unknown kind',
    'out-of-range',
    swap(body('release, epoch'), h('05 82 00'), h('05 82 03')),
    'body',
    { typ: 'release' },
  );
  add(
    'a release from a segment without it',
    'wrong-length',
    swap(body('release, epoch'), h('05 82 00'), h('05 82 01')),
    'body',
    { typ: 'release' },
  );

  // Wraps.
  const name = { device: toHex(w.device.thumbprint), boot: BOOT, epoch: EPOCH };
  const gw = {
    ...name,
    prekeySeed: toHex(w.gatewayPrekey.secretSeed),
    beaconHash: toHex(s.beaconHash),
    gatewayTp8: toHex(w.gateway.thumbprint.subarray(0, 8)),
    serial: SERIAL,
  };
  const rcp = {
    ...name,
    prekeySeed: toHex(w.prekeys[0]!.secretSeed),
    rid: toHex(w.bytes('rid 0', 8)),
    prekeyId: 100_000,
    manifestHash: toHex(s.manifestHash),
  };
  const gwWrap = m('wrap for the gateway');
  const rcpWrap = m('wrap for a recipient');
  add('a gateway wrap of another epoch', 'wrap-failed', gwWrap, 'gateway-wrap', { ...gw, epoch: EPOCH + 1 });
  add('a gateway wrap under another beacon', 'wrap-failed', gwWrap, 'gateway-wrap', { ...gw, beaconHash: oh });
  add('a gateway wrap with another prekey', 'wrap-failed', gwWrap, 'gateway-wrap', {
    ...gw,
    prekeySeed: rcp.prekeySeed,
  });
  add('a gateway wrap of another serial', 'wrap-mismatch', gwWrap, 'gateway-wrap', { ...gw, serial: SERIAL + 1 });
  add('a wrap copied to another device', 'wrap-failed', rcpWrap, 'recipient-wrap', {
    ...rcp,
    device: toHex(w.device2.thumbprint),
  });
  add('a wrap copied to another boot', 'wrap-failed', rcpWrap, 'recipient-wrap', { ...rcp, boot: BOOT + 1 });
  add('a wrap copied to another manifest', 'wrap-failed', rcpWrap, 'recipient-wrap', { ...rcp, manifestHash: oh });
  add('a wrap of another recipient', 'wrap-mismatch', rcpWrap, 'recipient-wrap', {
    ...rcp,
    rid: toHex(w.bytes('rid 1', 8)),
  });
  add('a wrap with its ciphertext flipped', 'wrap-failed', flip(rcpWrap, -1), 'recipient-wrap', rcp);
  add('a wrap with its encapsulation flipped', 'wrap-failed', flip(rcpWrap, 60), 'recipient-wrap', rcp);
  add(
    'a wrap with a second unprotected field',
    'unprotected-not-empty',
    swap(rcpWrap, h('a123590460'), h('a223590460')),
    'wrap',
  );
  add(
    'a wrap with another unprotected label',
    'unprotected-not-empty',
    swap(rcpWrap, h('a123590460'), h('a124590460')),
    'wrap',
  );
  add(
    'a wrap under the id of another HPKE',
    'algorithm-mismatch',
    swap(rcpWrap, h('3a00011179'), h('3a0001117a')),
    'wrap',
  );
  add('a wrap with a short encapsulation', 'wrong-length', swap(rcpWrap, h('a123590460'), h('a12359045f')), 'wrap');
  add(
    'a gateway wrap of 31 bytes',
    'wrap-failed',
    await sealGatewayWrap(
      s.gwk.subarray(1),
      w.gatewayPrekey.publicKey,
      {
        device: w.device.thumbprint,
        boot: BOOT,
        epoch: EPOCH,
        beaconHash: s.beaconHash,
        gatewayTp8: w.gateway.thumbprint.subarray(0, 8),
        serial: SERIAL,
      },
      crypto,
      w.bytes('coins short', 64),
    ),
    'gateway-wrap',
    gw,
  );
  add(
    'a recipient wrap with an es of 31 bytes',
    'wrong-length',
    await sealRecipientWrap(
      { scopes: new Map([[0, s.gwk.subarray(1)]]), ack: s.ackSecret },
      w.prekeys[0]!.publicKey,
      {
        device: w.device.thumbprint,
        boot: BOOT,
        epoch: EPOCH,
        rid: w.bytes('rid 0', 8),
        prekeyId: 100_000,
        manifestHash: s.manifestHash,
      },
      crypto,
      w.bytes('coins es', 64),
    ),
    'recipient-wrap',
    rcp,
  );

  // Frames and tags.
  const frame = m('frame, data');
  const sk = { oh, sk: toHex(s.segmentKeys.get(1)!.secret), pad: 24 };
  add('a frame with its tag flipped', 'mac-fail', flip(frame, -1), 'frame-tag', link);
  add('a frame with its ciphertext flipped', 'mac-fail', flip(frame, 40), 'frame-tag', link);
  add('a frame without a tag in a live epoch', 'mac-fail', m('frame, offline'), 'frame-tag', link);
  add('a frame of another epoch', 'unknown-epoch', flip(frame, 4), 'frame-tag', link);
  add('a ctl with its tag flipped', 'mac-fail', flip(m('ctl progress'), -1), 'ctl-tag', link);
  add('a hint taken for an order', 'mac-fail', m('ctl err, hint'), 'ctl-tag', link);
  add(
    'an upward tag on a downward ctl',
    'mac-fail',
    sealCtl(20, s.oh, 2 ** 32, h('a10108'), s.link.up),
    'ctl-tag',
    link,
  );
  add('a rack with its tag flipped', 'mac-fail', flip(m('rack'), -1), 'rack-tag', {
    oh,
    ackSecret: toHex(s.ackSecret),
  });
  add('a frame opened with its ciphertext flipped', 'aead-fail', flip(frame, 40), 'frame-open', sk);
  add('a frame moved to another segment', 'aead-fail', flip(frame, 11, 1), 'frame-open', sk);
  add('a frame under another scope', 'aead-fail', frame, 'frame-open', {
    ...sk,
    sk: toHex(s.segmentKeys.get(2)!.secret),
  });
  add('a frame opened with another pad', 'padding-invalid', frame, 'frame-open', { ...sk, pad: 7 });
  const leaves = s.leaves.map(toHex);
  add('a frame that is not in the close', 'not-in-close', flip(frame, 40), 'frame-leaf', { oh, first: 1, leaves });
  add(
    'a frame behind the close',
    'not-in-close',
    sealFrame({ ...s.frames[2]!, oh: s.oh, sg: 0, seq: 8 }, s.segmentKeys.get(1)!, undefined, crypto).raw,
    'frame-leaf',
    { oh, first: 1, leaves },
  );
  add('padding of ones', 'padding-invalid', h('06 a100185b 000001'), 'plaintext', { seq: 7, pad: 8 });
  add('padding longer than needed', 'padding-invalid', h('06 a100185b 000000 0000000000000000'), 'plaintext', {
    seq: 7,
    pad: 8,
  });
  add('padding that is missing', 'padding-invalid', h('06 a100185b'), 'plaintext', { seq: 7, pad: 8 });
  add('padding where there is none', 'padding-invalid', h('06 a100185b 00'), 'plaintext', { seq: 7, pad: 1 });
  add('a prev that is the frame itself', 'out-of-range', h('07 a100185b 000000'), 'plaintext', { seq: 7, pad: 8 });

  // Payloads.
  add('values without a value', 'out-of-range', h('a0'), 'data', { class: 1 });
  add('values with an index of 256', 'out-of-range', h('a1 190100 01'), 'data', { class: 1 });
  add('values with an index twice', 'duplicate-key', h('a2 00 01 00 02'), 'data', { class: 1 });
  add('a value as a float', 'wrong-type', h('a1 00 f90000'), 'data', { class: 1 });
  add('an odd number of sample bytes', 'wrong-length', h('82 1864 43 000000'), 'data', { class: 2 });
  add('a quality of 101', 'out-of-range', h('82 1865 42 0000'), 'data', { class: 2 });
  add('a heartbeat for stream 0', 'out-of-range', h('83 81 84 00 01 01 00 1858 00'), 'beat');
  add('heartbeat streams in falling order', 'not-canonical', h('83 82 84 02 01 01 00 84 01 01 01 00 1858 00'), 'beat');
  add('a battery of 101 per cent', 'out-of-range', h('83 80 1865 00'), 'beat');
  const card = s.cards.get(2)!;
  add('a card with a salt of 15 bytes', 'wrong-length', concat(h('82 4f'), card.subarray(3)), 'card');
  add('a card with codec 1', 'out-of-range', concat(card.subarray(0, -2), h('01 00')), 'card');
  add('a card with a scale of 10^19', 'out-of-range', swap(card, h('83 01 00 00'), h('83 01 13 00')), 'card');
  const text = (id: string) => new TextEncoder().encode(id);
  const dev = 'RERERERERERERERERERERA';
  add('a reading id with a leading zero', 'wrong-type', text(`${dev}.0011223344556677.07.0`), 'reading-id');
  add('a reading id in capitals', 'wrong-type', text(`${dev}.AA11223344556677.7.0`), 'reading-id');
  add('a reading id of seq 0', 'out-of-range', text(`${dev}.0011223344556677.0.0`), 'reading-id');
  add('a reading id beyond 2^24', 'out-of-range', text(`${dev}.0011223344556677.16777217.0`), 'reading-id');

  // Trees and receipts.
  const tree = [w.seed('a'), w.seed('b'), w.seed('c')].map(toHex);
  const root = crypto.sha256(concat(h('01'), crypto.sha256(concat(h('01'), w.seed('a'), w.seed('b'))), w.seed('c')));
  const ab = crypto.sha256(concat(h('01'), w.seed('a'), w.seed('b')));
  const inclusion = { index: 0, size: 3, leaf: tree[0]!, path: [tree[1]!, tree[2]!], root: toHex(root) };
  const none = new Uint8Array(0);
  add('an index outside the tree', 'path-invalid', none, 'inclusion', { ...inclusion, index: 3 });
  add('a path cut short', 'path-invalid', none, 'inclusion', { ...inclusion, path: [tree[1]!] });
  add('a path made longer', 'path-invalid', none, 'inclusion', { ...inclusion, path: [tree[1]!, tree[2]!, tree[2]!] });
  add('a path in another order', 'path-invalid', none, 'inclusion', { ...inclusion, path: [tree[2]!, tree[1]!] });
  add('a node passed off as a leaf', 'path-invalid', none, 'inclusion', {
    index: 0,
    size: 3,
    leaf: toHex(ab),
    path: [tree[2]!],
    root: toHex(root),
  });
  add('a duplicated last leaf', 'path-invalid', none, 'inclusion', {
    index: 3,
    size: 4,
    leaf: tree[2]!,
    path: [tree[2]!, toHex(ab)],
    root: toHex(root),
  });
  const consistency = { oldSize: 2, newSize: 3, oldRoot: toHex(ab), newRoot: toHex(root), path: [tree[2]!] };
  add('a log that forgot an entry', 'consistency-invalid', none, 'consistency', {
    ...consistency,
    oldSize: 3,
    newSize: 2,
  });
  add('a forked log', 'consistency-invalid', none, 'consistency', { ...consistency, oldRoot: tree[0]! });
  add('a consistency path cut short', 'consistency-invalid', none, 'consistency', { ...consistency, path: [] });
  add('one size with two roots', 'consistency-invalid', none, 'consistency', { ...consistency, newSize: 2, path: [] });
  const receipt = m('cose receipt');
  const leaf = toHex(logLeaf(m('close'), crypto));
  add('a receipt of another entry', 'receipt-invalid', receipt, 'receipt-verify', {
    leaf: tree[0]!,
    key: key(w.gateway),
  });
  add('a receipt of another gateway', 'receipt-invalid', receipt, 'receipt-verify', { leaf, key: key(w.owner) });
  add('a receipt with its signature flipped', 'receipt-invalid', flip(receipt, -1), 'receipt-verify', {
    leaf,
    key: key(w.gateway),
  });
  add('a receipt of another tree size', 'receipt-invalid', swap(receipt, h('83 05 02'), h('83 06 02')), 'receipt');
  add('a receipt with another proof kind', 'missing-field', swap(receipt, h('a1 20 81'), h('a1 21 81')), 'receipt');
  const transparent = encodeTransparent(m('close'), [receipt]);
  add('a transparent statement on the wire', 'unprotected-not-empty', transparent);
  add(
    'a statement with another unprotected label',
    'unprotected-not-empty',
    swap(transparent, h('a1 19018a'), h('a1 19018b')),
    'transparent',
  );

  // Certificates and login.
  const nowMs = T0_MS + 1000;
  add('an endorse as a session', 'wrong-typ', m('endorse'), 'cwt', { typ: 'session', nowMs });
  add('an expired endorse', 'expired', m('endorse'), 'cwt', { typ: 'endorse', nowMs: T0_MS + 32_000_000_000 });
  add('an endorse of another owner', 'key-mismatch', m('endorse'), 'cwt', {
    typ: 'endorse',
    nowMs,
    issuer: key(w.attacker),
  });
  add('an endorse with its signature flipped', 'signature-invalid', flip(m('endorse'), -1), 'cwt', {
    typ: 'endorse',
    nowMs,
  });
  const login = { gateway: toHex(w.gateway.thumbprint), nowMs, exporter: toHex(w.seed('exporter')) };
  const password = m('login password');
  add('a login on another connection', 'login-refused', password, 'login', { ...login, exporter: oh });
  add('a login at another gateway', 'login-refused', password, 'login', { ...login, gateway: oh });
  add('a bound login where there is no exporter', 'login-refused', password, 'login', { ...login, exporter: null });
  add('a login with its token flipped', 'login-refused', flip(password, -1), 'login', login);
  add('an endorse instead of the session', 'login-refused', encodeLogin(m('endorse'), m('token')), 'login', login);
  add('a login with bytes behind it', 'login-refused', concat(password, h('00')), 'login', login);
  const unbound = (expiresMs: number) =>
    encodeLogin(
      m('session'),
      signBody(
        'token',
        { identity: w.device.thumbprint, gateway: w.gateway.thumbprint, expiresMs, exporter: null },
        w.transport,
      ),
    );
  add(
    'an unbound token where the connection has an exporter',
    'login-refused',
    unbound(nowMs + 60_000),
    'login',
    login,
  );
  add('an unbound token that has expired', 'login-refused', unbound(nowMs), 'login', { ...login, exporter: null });
  add('an unbound token eleven minutes ahead', 'login-refused', unbound(nowMs + 660_000), 'login', {
    ...login,
    exporter: null,
  });

  // Proof bundles.
  const proof = buildProof(w, s);
  const bundle = (title: string, refusal: RefusalOf, change: Partial<Proof>) =>
    add(title, refusal, buildBundle(w, s, change), 'verify-proof');
  bundle('a bundle of another reading', 'key-mismatch', { readingId: proof.readingId.replace('.3.0', '.4.0') });
  bundle('a bundle naming another epoch', 'key-mismatch', {
    readingId: readingId(proof.readingId.slice(0, 22), new Uint8Array(8), 3, 0),
  });
  bundle('a bundle of a value that the card has not', 'card-mismatch', {
    readingId: proof.readingId.replace('.3.0', '.3.5'),
  });
  add(
    'a bundle of a value that the frame has not',
    'out-of-range',
    buildBundle(w, s, { readingId: proof.readingId.replace('.3.0', '.5.1') }, 5),
    'verify-proof',
  );
  {
    const whole = buildBundle(w, s);
    const id = new TextEncoder().encode(proof.readingId);
    const neighbour = new TextEncoder().encode(proof.readingId.replace('.3.0', '.3.1'));
    add(
      'a bundle whose id names the neighbour of the disclosed value',
      'key-mismatch',
      swap(whole, id, neighbour),
      'proof',
    );
  }
  bundle('a bundle with another endorse', 'not-endorsed', {
    endorse: signBody(
      'endorse',
      { ...parseSigned(m('endorse'), 'endorse').body, subject: w.attestation.thumbprint, key: w.attestation.key },
      w.owner,
    ),
  });
  bundle('a bundle with another manifest', 'manifest-unknown', { manifest: m('manifest, 1 recipient') });
  bundle('a bundle of another gateway', 'gateway-not-listed', { gatewayKey: w.attacker.key });
  bundle('a bundle with the close of another epoch', 'close-chain', {
    close: signBody('close', { ...parseSigned(m('close'), 'close').body, oh: w.seed('other oh') }, w.device),
  });
  bundle('a bundle with a close that ends before the frame', 'not-in-close', {
    close: signBody('close', { ...parseSigned(m('close'), 'close').body, count: 2 }, w.device),
  });
  bundle('a bundle with a wrong segment path', 'path-invalid', { segmentPath: proof.segmentPath.slice(1) });
  bundle('a bundle with a consistency path too many', 'consistency-invalid', {
    consistency: [...proof.consistency, proof.consistency[0]!],
  });
  bundle('a bundle that repeats its head', 'consistency-invalid', { anchoredSth: proof.sth, consistency: [] });
  bundle('a bundle whose ledger holds another head', 'anchor-invalid', { anchoredSth: null, consistency: [] });
  bundle('a bundle with a signer twice', 'anchor-invalid', {
    anchor: {
      ...proof.anchor,
      blocks: [proof.anchor.blocks[0]!, proof.anchor.blocks[0]!],
      signers: [w.ledger.key, w.ledger.key],
    },
  });
  bundle('a bundle with more signers than blocks', 'anchor-invalid', {
    anchor: { ...proof.anchor, signers: [w.ledger.key, w.attacker.key] },
  });
  const disclosed = proof.disclosure!;
  bundle('a bundle with another segment key', 'kcv-mismatch', { disclosure: { ...disclosed, sk: w.seed('other sk') } });
  bundle('a bundle with the card of another scope', 'card-mismatch', {
    disclosure: { ...disclosed, card: s.cards.get(2)! },
  });
  bundle('a bundle that discloses another scope', 'scope-mismatch', { disclosure: { ...disclosed, scope: 2 } });
  {
    const { disclosure: _d, ...rest } = proof;
    const { encodeProof } = await import('../src/mod.ts');
    add(
      'a bundle without disclosure for index 1',
      'out-of-range',
      encodeProof({ ...rest, readingId: proof.readingId.replace('.3.0', '.3.1') }),
      'verify-proof',
    );
  }
  return out;
}

const encodeUntaggedCtlPlus = (mt: 5 | 6 | 7 | 8 | 16 | 17 | 18 | 20 | 31, oh: Uint8Array, content: Uint8Array) =>
  concat(encodeUntaggedCtl(mt, oh.subarray(0, 8), 1, content), encodeItem(new Uint8Array(8)));

/** Field 6 stays, field 7 goes. */
function encodeOpenWithoutWrap(body: Uint8Array, wrap: Uint8Array): Uint8Array {
  const cut = swap(body, concat(h('07'), encodeItem(wrap)), new Uint8Array(0));
  cut[0] = 0xa0 + (body[0]! & 31) - 1;
  return cut;
}

/** A change that is looked for behind the 32 bytes of `oh`, whose chance content could look like it. */
function swapHead(body: Uint8Array, from: Uint8Array, to: Uint8Array, fields: number): Uint8Array {
  if (body[0] !== 0xa0 + fields) throw new RangeError('another body');
  return concat(body.subarray(0, 40), swap(body.subarray(40), from, to));
}

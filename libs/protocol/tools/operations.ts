import { type CryptoProvider, fromHex } from '@pulseseal/crypto';
import { Reader } from '../src/cbor.ts';
import { parseBody } from '../src/messages/bodies-codec.ts';
import {
  ackKey,
  CTL,
  checkCwt,
  checkFrameLeaf,
  checkFrameTag,
  checkLogin,
  demand,
  linkKeys,
  openCtl,
  openFrame,
  openGatewayWrap,
  openRack,
  openRecipientWrap,
  parseAnySigned,
  parseBeat,
  parseCard,
  parseCoseKey,
  parseCtl,
  parseData,
  parseFrame,
  parseMessage,
  parsePlain,
  parseProof,
  parseReadingId,
  parseReceipt,
  parseSigned,
  parseTransparent,
  parseWrap,
  type Refusal,
  refuse,
  type StreamClass,
  segmentKey,
  type Typ,
  unpadPlaintext,
  verifyConsistency,
  verifyInclusion,
  verifyProof,
  verifyReceipt,
  verifySigned,
} from '../src/mod.ts';

/** Arguments of a vector besides its bytes; bytes in hex. */
export type Arguments = { readonly [name: string]: number | string | readonly string[] | null };

const hex = (a: Arguments, name: string): Uint8Array => {
  const value = a[name];
  if (typeof value !== 'string') throw new TypeError(`argument ${name} is missing`);
  return fromHex(value);
};
const num = (a: Arguments, name: string): number => {
  const value = a[name];
  if (typeof value !== 'number') throw new TypeError(`argument ${name} is missing`);
  return value;
};
const list = (a: Arguments, name: string): Uint8Array[] => (a[name] as readonly string[]).map(fromHex);

type Operation = (bytes: Uint8Array, a: Arguments, crypto: CryptoProvider) => unknown;

/** What a vector asks an implementation to do with its bytes. Each throws a `Refusal` or returns. */
export const OPERATIONS: { readonly [op: string]: Operation } = {
  message: (b) => parseMessage(b),
  signed: (b, a) => parseSigned(b, a.typ as Typ),
  plain: (b, a) => parsePlain(b, a.kind as 'ask'),
  body: (b, a) => {
    const r = new Reader(b);
    parseBody(a.typ as Typ, r);
    r.done();
  },
  wrap: (b) => parseWrap(b),
  receipt: (b) => parseReceipt(b),
  transparent: (b) => parseTransparent(b),
  key: (b) => parseCoseKey(b),
  card: (b) => parseCard(b),
  data: (b, a) => parseData(b, num(a, 'class') as StreamClass),
  beat: (b) => parseBeat(b),
  'reading-id': (b) => parseReadingId(new TextDecoder().decode(b)),
  plaintext: (b, a) => unpadPlaintext(b, num(a, 'seq'), num(a, 'pad')),
  proof: (b) => parseProof(b),
  verify: (b, a, c) => demand(verifySigned(parseAnySigned(b), parseCoseKey(hex(a, 'key')), c), 'signature-invalid'),
  'frame-tag': (b, a, c) => checkFrameTag(parseFrame(b), hex(a, 'oh'), linkKeys(hex(a, 'oh'), hex(a, 'gwk'), c).up, c),
  'frame-leaf': (b, a, c) => checkFrameLeaf(parseFrame(b), hex(a, 'oh'), list(a, 'leaves'), num(a, 'first'), c),
  'frame-open': (b, a, c) => openFrame(parseFrame(b), hex(a, 'oh'), segmentKey(hex(a, 'sk'), c), num(a, 'pad'), c),
  'ctl-tag': (b, a, c) => {
    const ctl = parseCtl(b);
    const keys = linkKeys(hex(a, 'oh'), hex(a, 'gwk'), c);
    return openCtl(ctl, hex(a, 'oh'), ctl.mt < CTL.accept ? keys.up : keys.down);
  },
  'rack-tag': (b, a, c) => openRack(parsePlain(b, 'rack'), hex(a, 'oh'), ackKey(hex(a, 'oh'), hex(a, 'ackSecret'), c)),
  'gateway-wrap': (b, a, c) =>
    openGatewayWrap(
      b,
      hex(a, 'prekeySeed'),
      {
        device: hex(a, 'device'),
        boot: num(a, 'boot'),
        epoch: num(a, 'epoch'),
        beaconHash: hex(a, 'beaconHash'),
        gatewayTp8: hex(a, 'gatewayTp8'),
        serial: num(a, 'serial'),
      },
      c,
    ),
  'recipient-wrap': (b, a, c) =>
    openRecipientWrap(
      b,
      hex(a, 'prekeySeed'),
      {
        device: hex(a, 'device'),
        boot: num(a, 'boot'),
        epoch: num(a, 'epoch'),
        rid: hex(a, 'rid'),
        prekeyId: num(a, 'prekeyId'),
        manifestHash: hex(a, 'manifestHash'),
      },
      c,
    ),
  inclusion: (_b, a, c) =>
    verifyInclusion(
      {
        index: num(a, 'index'),
        size: num(a, 'size'),
        leaf: hex(a, 'leaf'),
        path: list(a, 'path'),
        root: hex(a, 'root'),
      },
      c,
    ),
  consistency: (_b, a, c) =>
    verifyConsistency(
      {
        oldSize: num(a, 'oldSize'),
        newSize: num(a, 'newSize'),
        oldRoot: hex(a, 'oldRoot'),
        newRoot: hex(a, 'newRoot'),
        path: list(a, 'path'),
      },
      c,
    ),
  'receipt-verify': (b, a, c) => verifyReceipt(parseReceipt(b), hex(a, 'leaf'), parseCoseKey(hex(a, 'key')), c),
  cwt: (b, a, c) =>
    checkCwt(
      b,
      a.typ as 'endorse',
      typeof a.issuer === 'string' ? parseCoseKey(fromHex(a.issuer)) : undefined,
      num(a, 'nowMs'),
      c,
    ),
  login: (b, a, c) =>
    checkLogin(
      b,
      {
        gateway: hex(a, 'gateway'),
        nowMs: num(a, 'nowMs'),
        exporter: typeof a.exporter === 'string' ? fromHex(a.exporter) : undefined,
      },
      c,
    ),
  /** The first check that fails names the refusal; none fails: accepted. */
  'verify-proof': (b, _a, c) => {
    const failed = verifyProof(b, undefined, c).checks.find((check) => !check.ok);
    if (failed?.refusal !== undefined) refuse(failed.refusal);
  },
};

export type RefusalOf = Refusal['refusal'];

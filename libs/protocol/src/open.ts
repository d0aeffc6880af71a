import { type CryptoProvider, equalBytes, type PreparedHmac } from '@pulseseal/crypto/browser';
import { Reader } from './cbor.ts';
import { frameAad, frameMacParts, leafParts, mac0Input, mac0Parts } from './envelope.ts';
import { nonceOf, type SegmentKey } from './keyschedule.ts';
import { LIMITS } from './limits.ts';
import type { Ctl } from './messages/ctl.ts';
import type { Frame } from './messages/frame.ts';
import type { Rack } from './messages/plain.ts';
import { demand, refuse } from './refusal.ts';

/** The receiving half; `seal.ts` is its mirror, function for function. */

const proofOfCheck = Symbol('checked by open.ts');

/** A frame whose gateway tag, or whose leaf under a verified close, was checked. Nothing else can make one. */
export class VerifiedFrame {
  readonly frame: Frame;
  readonly oh: Uint8Array;
  readonly leaf: Uint8Array;
  readonly #by: 'tag' | 'leaf';

  constructor(proof: typeof proofOfCheck, frame: Frame, oh: Uint8Array, leaf: Uint8Array, by: 'tag' | 'leaf') {
    if (proof !== proofOfCheck) throw new TypeError('a VerifiedFrame comes from checkFrameTag or checkFrameLeaf only');
    this.frame = frame;
    this.oh = oh;
    this.leaf = leaf;
    this.#by = by;
  }

  get by(): 'tag' | 'leaf' {
    return this.#by;
  }

  /** True for what a check of this module made; an object with this prototype alone is none. */
  static holds(value: unknown): value is VerifiedFrame {
    return typeof value === 'object' && value !== null && #by in value;
  }
}

/** The epoch a message names must be the one whose keys check it, whatever table led there. */
function demandEpoch(eh: Uint8Array, oh: Uint8Array): void {
  for (let i = 0; i < 8; i++) if (eh[i] !== oh[i]) refuse('unknown-epoch');
}

export function frameLeaf(frame: Frame, oh: Uint8Array, crypto: CryptoProvider): Uint8Array {
  return crypto.sha256Parts(...leafParts(oh, frame.raw.subarray(0, frame.untaggedLength)));
}

/** The edge's online check [FRAME-4]. @throws Refusal mac-fail, unknown-epoch */
export function checkFrameTag(
  frame: Frame,
  oh: Uint8Array,
  upKey: PreparedHmac,
  crypto: CryptoProvider,
): VerifiedFrame {
  demandEpoch(frame.eh, oh);
  const untagged = frame.raw.subarray(0, frame.untaggedLength);
  const expected = upKey(...frameMacParts(oh, untagged, frame.hdrLength)).subarray(0, 8);
  if (!equalBytes(expected, frame.gt)) refuse('mac-fail');
  return new VerifiedFrame(proofOfCheck, frame, oh, crypto.sha256Parts(...leafParts(oh, untagged)), 'tag');
}

/** Bulk: the closes authenticate the frames. `leaves` are those of a close whose signature and root were checked. */
export function checkFrameLeaf(
  frame: Frame,
  oh: Uint8Array,
  leaves: readonly Uint8Array[],
  firstSeq: number,
  crypto: CryptoProvider,
): VerifiedFrame {
  demandEpoch(frame.eh, oh);
  const leaf = frameLeaf(frame, oh, crypto);
  const expected = leaves[frame.seq - firstSeq];
  if (expected === undefined || !equalBytes(leaf, expected)) refuse('not-in-close');
  return new VerifiedFrame(proofOfCheck, frame, oh, leaf, 'leaf');
}

export interface OpenedFrame {
  readonly prev: number;
  /** One encoded payload item. */
  readonly payload: Uint8Array;
}

/** The recipient's check: AEAD under the committed key, then padding [FRAME-5]. @throws Refusal aead-fail, padding-invalid */
export function openFrame(
  frame: Frame,
  oh: Uint8Array,
  key: SegmentKey,
  pad: number,
  crypto: CryptoProvider,
): OpenedFrame {
  demandEpoch(frame.eh, oh);
  const { key: aeadKey, iv } = key.streamKey(frame.st);
  const aad = frameAad(oh, frame.raw.subarray(0, frame.hdrLength));
  const plaintext = crypto.aes256GcmOpen(aeadKey, nonceOf(iv, frame.seq), frame.ct, aad);
  if (plaintext === undefined) refuse('aead-fail');
  return unpadPlaintext(plaintext, frame.seq, pad);
}

export function unpadPlaintext(plaintext: Uint8Array, seq: number, pad: number): OpenedFrame {
  const r = new Reader(plaintext);
  const prev = r.uint(LIMITS.seq);
  demand(prev < seq, 'out-of-range');
  const start = r.at;
  skipItem(r, 0);
  const payload = plaintext.subarray(start, r.at);
  const zeros = plaintext.subarray(r.at);
  const needed = pad > 1 ? (pad - (r.at % pad)) % pad : 0;
  demand(zeros.length === needed && zeros.every((b) => b === 0), 'padding-invalid');
  return { prev, payload };
}

/** Depth of the deepest payload (a card): array, map, array, item, scale. */
const MAX_DEPTH = 6;

/** Steps over one item without building it; floats are allowed here alone (SenML). */
function skipItem(r: Reader, depth: number): void {
  if (depth > MAX_DEPTH) refuse('out-of-range');
  const major = r.peekMajor();
  if (major === 0 || major === 1) r.int();
  else if (major === 2) r.byteString();
  else if (major === 3) r.text(LIMITS.messageBytes);
  else if (major === 4) {
    for (let i = r.array(LIMITS.segmentFrames); i > 0; i--) skipItem(r, depth + 1);
  } else if (major === 5) {
    for (let i = r.map(LIMITS.segmentFrames); i > 0; i--) {
      skipItem(r, depth + 1);
      skipItem(r, depth + 1);
    }
  } else if (r.isNull()) r.null();
  else if (!r.skipFloat()) refuse('wrong-type');
}

/** A control message whose tag was right. */
export class VerifiedCtl {
  readonly ctl: Ctl;
  readonly oh: Uint8Array;
  /** Makes the type nominal: no literal with the same fields passes for it. */
  readonly #checked = true;

  constructor(proof: typeof proofOfCheck, ctl: Ctl, oh: Uint8Array) {
    if (proof !== proofOfCheck) throw new TypeError('a VerifiedCtl comes from openCtl only');
    this.ctl = ctl;
    this.oh = oh;
  }

  static holds(value: unknown): value is VerifiedCtl {
    return typeof value === 'object' && value !== null && #checked in value && value.#checked;
  }
}

/** @throws Refusal mac-fail */
export function openCtl(ctl: Ctl, oh: Uint8Array, key: PreparedHmac): VerifiedCtl {
  demandEpoch(ctl.eh, oh);
  const expected = key(...mac0Parts(oh, ctl.raw.subarray(0, ctl.untaggedLength))).subarray(0, 8);
  if (!equalBytes(expected, ctl.tag)) refuse('mac-fail');
  return new VerifiedCtl(proofOfCheck, ctl, oh);
}

/** @throws Refusal mac-fail */
export function openRack(rack: Rack, oh: Uint8Array, key: PreparedHmac): Rack {
  demandEpoch(rack.eh, oh);
  const expected = key(mac0Input(oh, rack.raw.subarray(0, rack.untaggedLength))).subarray(0, 8);
  if (!equalBytes(expected, rack.tag)) refuse('mac-fail');
  return rack;
}

/** True when `pre` was made with the K_pre of the epoch `ohOfKey`. */
export function checkPre(open: Uint8Array, pre: Uint8Array, ohOfKey: Uint8Array, preKey: PreparedHmac): boolean {
  return equalBytes(preKey(mac0Input(ohOfKey, open)).subarray(0, 8), pre);
}

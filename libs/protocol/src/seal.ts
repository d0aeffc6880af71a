import { type CryptoProvider, concat, type PreparedHmac } from '@pulseseal/crypto/browser';
import { Writer } from './cbor.ts';
import { frameAad, frameMacParts, leafParts, mac0Input } from './envelope.ts';
import { nonceOf, type SegmentKey } from './keyschedule.ts';
import { type CtlNumber, encodeUntaggedCtl } from './messages/ctl.ts';
import { encodeFrameHeader, type FrameType } from './messages/frame.ts';
import { encodeUntaggedRack, type Rack } from './messages/plain.ts';

/** The sending half; `open.ts` is its mirror, function for function. */

export interface FrameToSeal {
  readonly ft: FrameType;
  readonly oh: Uint8Array;
  readonly sg: number;
  readonly st: number;
  readonly seq: number;
  readonly dt: number;
  /** seq of the previous frame of this stream in this epoch, 0 = none. */
  readonly prev: number;
  /** One encoded payload item. */
  readonly payload: Uint8Array;
  readonly pad: number;
}

export interface SealedFrame {
  /** The whole frame, tag included: sealed once, only ever resent byte for byte. */
  readonly raw: Uint8Array;
  readonly leaf: Uint8Array;
  readonly untaggedLength: number;
}

/** Pads, encrypts, tags. Without `upKey` (offline epoch) the tag is empty [FRAME-2]. */
export function sealFrame(
  f: FrameToSeal,
  key: SegmentKey,
  upKey: PreparedHmac | undefined,
  crypto: CryptoProvider,
): SealedFrame {
  const hdr = encodeFrameHeader(f.ft, f.oh.subarray(0, 8), f.sg, f.st, f.seq, f.dt);
  const { key: aeadKey, iv } = key.streamKey(f.st);
  const ct = crypto.aes256GcmSeal(
    aeadKey,
    nonceOf(iv, f.seq),
    padPlaintext(f.prev, f.payload, f.pad),
    frameAad(f.oh, hdr),
  );
  const untagged = new Writer(hdr.length + ct.length + 8).raw(hdr).bytes(ct).finish();
  const tag =
    upKey === undefined ? new Uint8Array(0) : upKey(...frameMacParts(f.oh, untagged, hdr.length)).subarray(0, 8);
  return {
    raw: new Writer(untagged.length + 16).raw(untagged).bytes(tag).finish(),
    leaf: crypto.sha256Parts(...leafParts(f.oh, untagged)),
    untaggedLength: untagged.length,
  };
}

/** `prev`, one payload item, zero bytes up to the next multiple of `pad` [FRAME-6]. */
export function padPlaintext(prev: number, payload: Uint8Array, pad: number): Uint8Array {
  const bare = new Writer(payload.length + 8).uint(prev).raw(payload).finish();
  const over = pad > 1 ? bare.length % pad : 0;
  return over === 0 ? bare : concat(bare, new Uint8Array(pad - over));
}

export function sealCtl(mt: CtlNumber, oh: Uint8Array, n: number, content: Uint8Array, key: PreparedHmac): Uint8Array {
  const untagged = encodeUntaggedCtl(mt, oh.subarray(0, 8), n, content);
  return new Writer(untagged.length + 16)
    .raw(untagged)
    .bytes(key(mac0Input(oh, untagged)).subarray(0, 8))
    .finish();
}

/** An err to a device whose epoch is not known: zeros as tag, n = 0 [CTL-4]. */
export function hintCtl(mt: CtlNumber, eh: Uint8Array, content: Uint8Array): Uint8Array {
  const untagged = encodeUntaggedCtl(mt, eh, 0, content);
  return new Writer(untagged.length + 16).raw(untagged).bytes(new Uint8Array(8)).finish();
}

export function sealRack(
  rack: Omit<Rack, 'kind' | 'tag' | 'raw' | 'untaggedLength' | 'eh'>,
  oh: Uint8Array,
  key: PreparedHmac,
): Uint8Array {
  const untagged = encodeUntaggedRack({ ...rack, eh: oh.subarray(0, 8) });
  return new Writer(untagged.length + 16)
    .raw(untagged)
    .bytes(key(mac0Input(oh, untagged)).subarray(0, 8))
    .finish();
}

/** Fast lane of an opening: a tag under the last accepted epoch's K_pre [EPOCH-2]. */
export function sealPre(open: Uint8Array, ohOfKey: Uint8Array, preKey: PreparedHmac): Uint8Array {
  return preKey(mac0Input(ohOfKey, open)).slice(0, 8);
}

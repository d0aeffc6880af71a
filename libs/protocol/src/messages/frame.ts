import { Reader, Writer } from '../cbor.ts';
import { LIMITS } from '../limits.ts';
import { demand, refuse } from '../refusal.ts';

export const FRAME_TYPE = { card: 0, data: 1, heartbeat: 2, urgent: 3 } as const;
export type FrameType = 0 | 1 | 2 | 3;

/** A data frame as received (SPEC clause FRAME-1). Unverified: only its shape has been checked. */
export interface Frame {
  readonly kind: 'frame';
  readonly ft: FrameType;
  readonly eh: Uint8Array;
  readonly sg: number;
  readonly st: number;
  readonly seq: number;
  readonly dt: number;
  readonly ct: Uint8Array;
  /** 8 bytes, or none in an offline epoch. */
  readonly gt: Uint8Array;
  readonly raw: Uint8Array;
  /** Length of `hdr`: first byte to the end of `dt`. */
  readonly hdrLength: number;
  /** Length without the last item (the gateway tag). */
  readonly untaggedLength: number;
}

/** The AEAD tag and the shortest plaintext (`prev` and one payload byte). */
const LEAST_CIPHERTEXT = 16 + 2;

export function parseFrame(bytes: Uint8Array, maxBytes: number = LIMITS.messageBytes): Frame {
  if (bytes.length > maxBytes) refuse('too-large');
  const r = new Reader(bytes);
  r.arrayOf(8);
  const ft = r.uint(3) as FrameType;
  const eh = r.bytesOf(8);
  const sg = r.uint(LIMITS.segment);
  const st = r.uint(LIMITS.streamId);
  const seq = r.uint(LIMITS.seq, 1);
  const dt = r.uint();
  const hdrLength = r.at;
  const ct = r.byteString(maxBytes, LEAST_CIPHERTEXT);
  const untaggedLength = r.at;
  const gt = r.byteString(8);
  demand(gt.length === 8 || gt.length === 0, 'wrong-length');
  r.done();
  return { kind: 'frame', ft, eh, sg, st, seq, dt, ct, gt, raw: bytes, hdrLength, untaggedLength };
}

/** `hdr`: the eight-item array's head and its first six items. */
export function encodeFrameHeader(
  ft: FrameType,
  eh: Uint8Array,
  sg: number,
  st: number,
  seq: number,
  dt: number,
): Uint8Array {
  return new Writer(48).array(8).uint(ft).bytes(eh).uint(sg).uint(st).uint(seq).uint(dt).finish();
}

/** Parses a frame without its last item, as a proof bundle carries it. */
export function parseUntaggedFrame(bytes: Uint8Array): Frame {
  const whole = new Uint8Array(bytes.length + 1);
  whole.set(bytes);
  whole[bytes.length] = 0x40;
  return parseFrame(whole);
}

import { concat, utf8 } from '@pulseseal/crypto/browser';
import { Writer } from './cbor.ts';

/**
 * Which bytes are authenticated (SPEC clauses KEY-7 and KEY-8). No key is touched here.
 * Inputs are constants plus plain slices of what was sent: nothing is encoded again.
 */

/** `["Encrypt0", h'a10103', oh || hdr]`: array of 3, text of 8, bytes of 3, then a byte string of one length byte. */
const ENCRYPT0 = concat(new Uint8Array([0x83, 0x68]), utf8('Encrypt0'), new Uint8Array([0x43, 0xa1, 0x01, 0x03, 0x58]));
/** `["MAC0", h'a10104', oh || hdr, ct]`. */
const MAC0 = concat(new Uint8Array([0x84, 0x64]), utf8('MAC0'), new Uint8Array([0x43, 0xa1, 0x01, 0x04, 0x58]));
const LEAF = new Uint8Array([0]);

const lengthByte = (oh: Uint8Array, hdrLength: number) => new Uint8Array([oh.length + hdrLength]);

export function frameAad(oh: Uint8Array, hdr: Uint8Array): Uint8Array {
  return concat(ENCRYPT0, lengthByte(oh, hdr.length), oh, hdr);
}

/** MAC0 up to and including the length byte of `oh || hdr`, by that length: a header has at most 48 bytes, `oh` 32. */
const MAC0_HEADS: readonly Uint8Array[] = Array.from({ length: 128 }, (_, length) =>
  concat(MAC0, new Uint8Array([length])),
);

/**
 * What the gateway tag covers, in parts that follow one another, so that the edge copies no frame to check it.
 * `untagged` = the frame without its last item: hdr, then the encoded ct.
 */
export function frameMacParts(oh: Uint8Array, untagged: Uint8Array, hdrLength: number): readonly Uint8Array[] {
  const head = MAC0_HEADS[oh.length + hdrLength];
  if (head === undefined) throw new RangeError('a frame header is never that long');
  return [head, oh, untagged];
}

export function leafParts(oh: Uint8Array, untagged: Uint8Array): readonly Uint8Array[] {
  return [LEAF, oh, untagged];
}

/** ctl and rack: `["MAC0", h'a10104', oh, bytes before the tag item]`; pre: the same over the open's bytes. */
export function mac0Input(oh: Uint8Array, bytes: Uint8Array): Uint8Array {
  return concat(...mac0Parts(oh, bytes));
}

/** `mac0Input` in parts that follow one another: a close is not copied to check its tag. */
export function mac0Parts(oh: Uint8Array, bytes: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const head = new Writer(64)
    .array(4)
    .text('MAC0')
    .bytes(new Uint8Array([0xa1, 0x01, 0x04]))
    .bytes(oh)
    .head(2, bytes.length);
  return [head.finish(), bytes];
}

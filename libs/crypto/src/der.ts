import { concat, utf8 } from './bytes.ts';

/** The few ASN.1 DER forms a certificate needs (X.690). Writing only: nothing here reads foreign bytes. */

export function tlv(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concat(...contents);
  return concat(Uint8Array.of(tag), derLength(content.length), content);
}

function derLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest & 0xff);
  return Uint8Array.of(0x80 | digits.length, ...digits);
}

export const sequence = (...items: readonly Uint8Array[]): Uint8Array => tlv(0x30, ...items);
export const set = (...items: readonly Uint8Array[]): Uint8Array => tlv(0x31, ...items);
export const octets = (bytes: Uint8Array): Uint8Array => tlv(0x04, bytes);
export const bits = (bytes: Uint8Array, unusedBits = 0): Uint8Array => tlv(0x03, Uint8Array.of(unusedBits), bytes);
export const boolean = (value: boolean): Uint8Array => tlv(0x01, Uint8Array.of(value ? 0xff : 0x00));
export const text = (value: string): Uint8Array => tlv(0x0c, utf8(value));
/** Context-specific, constructed. */
export const explicit = (number: number, ...items: readonly Uint8Array[]): Uint8Array => tlv(0xa0 | number, ...items);
/** Context-specific, primitive. */
export const implicit = (number: number, bytes: Uint8Array): Uint8Array => tlv(0x80 | number, bytes);

/** Big-endian magnitude of a non-negative integer, leading zeros allowed. */
export function unsignedInteger(magnitude: Uint8Array): Uint8Array {
  let at = 0;
  while (at < magnitude.length - 1 && magnitude[at] === 0) at++;
  const digits = magnitude.length === 0 ? Uint8Array.of(0) : magnitude.subarray(at);
  return digits[0]! >= 0x80 ? tlv(0x02, Uint8Array.of(0), digits) : tlv(0x02, digits);
}

/** Dotted decimal object identifier. */
export function oid(dotted: string): Uint8Array {
  const arcs = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [arcs[0]! * 40 + arcs[1]!, ...arcs.slice(2)]) {
    const digits = [arc & 0x7f];
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tlv(0x06, Uint8Array.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). Fractions of a second are cut. */
export function time(atMs: number): Uint8Array {
  const iso = new Date(atMs).toISOString();
  const digits = `${iso.slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return Number(iso.slice(0, 4)) < 2050 ? tlv(0x17, utf8(digits.slice(2))) : tlv(0x18, utf8(digits));
}

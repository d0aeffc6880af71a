import { type CryptoProvider, fromBase64url, fromHex, toBase64url, toHex } from '@pulseseal/crypto/browser';
import { parseWhole, type Reader, Writer } from './cbor.ts';
import { LIMITS } from './limits.ts';
import { demand, refuse } from './refusal.ts';

/** The two signature algorithms of version 1 (SPEC clause SUITE-1). */
export type SigningAlgorithm = 'ML-DSA-44' | 'ML-DSA-65';

export const COSE_ALGORITHM = { 'ML-DSA-44': -48, 'ML-DSA-65': -49 } as const;
export const PUBLIC_KEY_BYTES = { 'ML-DSA-44': 1312, 'ML-DSA-65': 1952 } as const;
export const SIGNATURE_BYTES = { 'ML-DSA-44': 2420, 'ML-DSA-65': 3309 } as const;

export interface CoseKey {
  readonly algorithm: SigningAlgorithm;
  readonly publicKey: Uint8Array;
}

export function algorithmOf(coseId: number): SigningAlgorithm {
  if (coseId === -48) return 'ML-DSA-44';
  if (coseId === -49) return 'ML-DSA-65';
  return refuse('algorithm-mismatch');
}

export function writeCoseKey(w: Writer, key: CoseKey): void {
  w.map(3).uint(1).uint(7).uint(3).int(COSE_ALGORITHM[key.algorithm]).int(-1).bytes(key.publicKey);
}

export function readCoseKey(r: Reader): CoseKey {
  const f = r.fields(3);
  f.required(1, () => demand(r.uint() === 7, 'algorithm-mismatch'));
  const algorithm = f.required(3, () => algorithmOf(r.int()));
  const publicKey = f.required(-1, () => r.bytesOf(PUBLIC_KEY_BYTES[algorithm]));
  f.done();
  return { algorithm, publicKey };
}

/** COSE_Key of key type AKP (RFC 9964): kty, alg, pub. */
export function encodeCoseKey(key: CoseKey): Uint8Array {
  const w = new Writer(2048);
  writeCoseKey(w, key);
  return w.finish();
}

export function parseCoseKey(bytes: Uint8Array): CoseKey {
  return parseWhole(bytes, 4096, readCoseKey);
}

/** COSE Key Thumbprint (RFC 9679): the canonical id of a key, 32 bytes (SPEC clause ID-1). */
export function thumbprint(key: CoseKey, crypto: CryptoProvider): Uint8Array {
  return crypto.sha256(encodeCoseKey(key));
}

/** First 8 bytes: for routing only, never for trust decisions. */
export function tp8(thumbprint32: Uint8Array): Uint8Array {
  return thumbprint32.subarray(0, 8);
}

/** `<dev>`: 22 characters of base64url over the first 16 bytes. */
export function deviceText(thumbprint32: Uint8Array): string {
  return toBase64url(thumbprint32.subarray(0, 16));
}

/** Claim 1 and 2 of a CWT: 43 characters of base64url. */
export function thumbprintText(thumbprint32: Uint8Array): string {
  return toBase64url(thumbprint32);
}

export function parseThumbprintText(text: string): Uint8Array {
  demand(/^[A-Za-z0-9_-]{43}$/.test(text), 'wrong-length');
  try {
    return fromBase64url(text);
  } catch {
    return refuse('not-canonical');
  }
}

/** `<sh>`: the shard a device publishes under, two hex digits 00 to 3f. */
export function shardOf(thumbprint32: Uint8Array, crypto: CryptoProvider): string {
  return (crypto.sha256(thumbprint32)[0]! % 64).toString(16).padStart(2, '0');
}

/** `<rid>` and `<gid>`: 16 lower-case hex digits. */
export function hex8(bytes8: Uint8Array): string {
  return toHex(bytes8);
}

export interface ReadingName {
  readonly device: string;
  readonly eh: Uint8Array;
  readonly seq: number;
  readonly index: number;
}

/** `<dev>.<eh hex>.<seq>.<index>` (SPEC clause ID-4). */
export function readingId(device: string, eh: Uint8Array, seq: number, index: number): string {
  return `${device}.${toHex(eh)}.${seq}.${index}`;
}

export function parseReadingId(text: string): ReadingName {
  const match = /^([A-Za-z0-9_-]{22})\.([0-9a-f]{16})\.(0|[1-9][0-9]{0,7})\.(0|[1-9][0-9]{0,9})$/.exec(text);
  if (match === null) refuse('wrong-type');
  const seq = Number(match[3]);
  demand(seq >= 1 && seq <= LIMITS.seq, 'out-of-range');
  return { device: match[1]!, eh: fromHex(match[2]!), seq, index: Number(match[4]) };
}

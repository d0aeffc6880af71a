import { concat, erase } from './bytes.ts';
import type { Encapsulation } from './provider.ts';

/** What X-Wing is made of. Every function answers undefined where its input is refused. */
export interface XWingParts {
  sha3256(data: Uint8Array): Uint8Array;
  shake256(data: Uint8Array, length: number): Uint8Array;
  mlkem768PublicKey(seed: Uint8Array): Uint8Array;
  mlkem768Encapsulate(publicKey: Uint8Array, coins: Uint8Array | undefined): Encapsulation | undefined;
  mlkem768Decapsulate(seed: Uint8Array, encapsulated: Uint8Array): Uint8Array | undefined;
  x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
  x25519PublicKey(secret: Uint8Array): Uint8Array;
  random(length: number): Uint8Array;
}

const mlkemPublicBytes = 1184;
const mlkemEncapsulatedBytes = 1088;
/** `\.//^\` (draft-connolly-cfrg-xwing-kem, section 5.3). */
const label = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c);

/** Section 5.2: the seed expands to the ML-KEM seed (64) and the X25519 scalar (32). */
function expand(parts: XWingParts, seed: Uint8Array): { mlkem: Uint8Array; x25519: Uint8Array } {
  const expanded = parts.shake256(seed, 96);
  return { mlkem: expanded.subarray(0, 64), x25519: expanded.subarray(64) };
}

function combine(
  parts: XWingParts,
  mlkemSecret: Uint8Array,
  x25519Secret: Uint8Array,
  x25519Encapsulated: Uint8Array,
  x25519Public: Uint8Array,
): Uint8Array {
  const input = concat(mlkemSecret, x25519Secret, x25519Encapsulated, x25519Public, label);
  const secret = parts.sha3256(input);
  erase(input);
  erase(mlkemSecret);
  erase(x25519Secret);
  return secret;
}

export function xwingPublicKey(parts: XWingParts, seed: Uint8Array): Uint8Array {
  const secret = expand(parts, seed);
  const publicKey = concat(parts.mlkem768PublicKey(secret.mlkem), parts.x25519PublicKey(secret.x25519));
  erase(secret.mlkem);
  erase(secret.x25519);
  return publicKey;
}

/** Lengths are checked by the caller. Undefined when either half of the public key is refused. */
export function xwingEncapsulate(
  parts: XWingParts,
  publicKey: Uint8Array,
  coins: Uint8Array | undefined,
): Encapsulation | undefined {
  const x25519Public = publicKey.subarray(mlkemPublicBytes);
  const ephemeral = coins === undefined ? parts.random(32) : coins.slice(32);
  const x25519Secret = parts.x25519(ephemeral, x25519Public);
  const mlkem = parts.mlkem768Encapsulate(publicKey.subarray(0, mlkemPublicBytes), coins?.subarray(0, 32));
  const x25519Encapsulated = parts.x25519PublicKey(ephemeral);
  erase(ephemeral);
  if (x25519Secret === undefined || mlkem === undefined) return undefined;
  return {
    encapsulated: concat(mlkem.encapsulated, x25519Encapsulated),
    sharedSecret: combine(parts, mlkem.sharedSecret, x25519Secret, x25519Encapsulated, x25519Public),
  };
}

export function xwingDecapsulate(
  parts: XWingParts,
  seed: Uint8Array,
  encapsulated: Uint8Array,
): Uint8Array | undefined {
  const secret = expand(parts, seed);
  const x25519Encapsulated = encapsulated.subarray(mlkemEncapsulatedBytes);
  const mlkemSecret = parts.mlkem768Decapsulate(secret.mlkem, encapsulated.subarray(0, mlkemEncapsulatedBytes));
  const x25519Secret = parts.x25519(secret.x25519, x25519Encapsulated);
  const x25519Public = parts.x25519PublicKey(secret.x25519);
  erase(secret.mlkem);
  erase(secret.x25519);
  if (mlkemSecret === undefined || x25519Secret === undefined) return undefined;
  return combine(parts, mlkemSecret, x25519Secret, x25519Encapsulated, x25519Public);
}

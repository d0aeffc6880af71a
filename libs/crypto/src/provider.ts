import type { KemAlgorithm, SignatureAlgorithm } from './registry.ts';

/**
 * The one door to cryptography. Two implementations, held to the official vectors and to each other.
 *
 * Rules for both: a secret of the wrong length is a programmer's error and throws `RangeError`; anything that can come
 * from outside (public key, signature, ciphertext, encapsulated key) never throws in an opening or verifying call: every
 * cryptographic failure has the one answer `undefined` or `false`, so that no caller can tell the reasons apart.
 */
export interface CryptoProvider {
  readonly name: 'native' | 'portable';

  sha256(data: Uint8Array): Uint8Array;
  /** SHA-256 of the concatenation, without making the concatenation visible to the caller. */
  sha256Parts(...parts: readonly Uint8Array[]): Uint8Array;
  /** RFC 2104. `key` is exactly 32 bytes: zero padding of short keys would give two keys one commitment. */
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** The same MAC with the key set up once. For hot paths. `key` is copied. */
  prepareHmac(key: Uint8Array): PreparedHmac;
  /** RFC 5869 extract and expand. `length` at most 8,160 bytes. */
  hkdfSha256(salt: Uint8Array, ikm: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** RFC 5869 expand; `prk` is exactly 32 bytes. */
  hkdfExpandSha256(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array;

  /** AES-256-GCM, 96-bit nonce, 128-bit tag last (SP 800-38D). */
  aes256GcmSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array;
  aes256GcmOpen(key: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array, aad: Uint8Array): Uint8Array | undefined;

  /** Key pair of a seed (`seedBytes` of the registry: 32 for ML-DSA, 48 for SLH-DSA). */
  signatureKeyPair(algorithm: SignatureAlgorithm, seed: Uint8Array): SignatureKeyPair;
  /** Hedged signing with the empty context (RFC 9964), the key imported once. */
  prepareSigner(algorithm: SignatureAlgorithm, seed: Uint8Array, options?: SignerOptions): Signer;
  /** A public key of the wrong length gives a verifier that refuses everything. */
  prepareVerifier(algorithm: SignatureAlgorithm, publicKey: Uint8Array): Verifier;

  kemKeyPair(algorithm: KemAlgorithm, seed: Uint8Array): KemKeyPair;
  /** `coins` (`coinsBytes` of the registry) replace the generator. Undefined when the public key is refused. */
  kemEncapsulate(algorithm: KemAlgorithm, publicKey: Uint8Array, coins?: Uint8Array): Encapsulation | undefined;
  /** A forged ciphertext of the right length gives an unrelated secret (implicit rejection), a wrong length undefined. */
  kemDecapsulate(algorithm: KemAlgorithm, seed: Uint8Array, encapsulated: Uint8Array): Uint8Array | undefined;
  /** RFC 7748. Undefined when the result is all zero (a public key of small order). */
  x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;

  /** 32-byte seed -> 1,216-byte public key. */
  xwingKeyPair(seed: Uint8Array): { readonly publicKey: Uint8Array; readonly secretSeed: Uint8Array };
  /**
   * HPKE base mode, single shot: X-Wing, SHAKE256, AES-256-GCM (draft-ietf-hpke-pq-05, RFC 9180).
   * `coins`: 64 bytes that replace the generator (the X-Wing `eseed`).
   * @throws BadPublicKey when the recipient's key is refused; RangeError when `info` exceeds 65,535 bytes.
   */
  hpkeSeal(
    recipientPublicKey: Uint8Array,
    info: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    coins?: Uint8Array,
  ): Promise<HpkeSealed>;
  hpkeOpen(
    secretSeed: Uint8Array,
    encapsulated: Uint8Array,
    info: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array | undefined>;
}

/** HMAC-SHA-256 over the concatenation of the parts. After `erase` it throws. */
export interface PreparedHmac {
  (...parts: readonly Uint8Array[]): Uint8Array;
  erase(): void;
}

export interface SignatureKeyPair {
  readonly algorithm: SignatureAlgorithm;
  readonly publicKey: Uint8Array;
  readonly secretSeed: Uint8Array;
}

export interface KemKeyPair {
  readonly algorithm: KemAlgorithm;
  readonly publicKey: Uint8Array;
  readonly secretSeed: Uint8Array;
}

export interface SignerOptions {
  /** For test vectors alone. The native implementation has no such mode and throws. */
  readonly deterministic?: boolean;
}

export interface Signer {
  readonly algorithm: SignatureAlgorithm;
  sign(message: Uint8Array): Uint8Array;
}

export interface Verifier {
  readonly algorithm: SignatureAlgorithm;
  verify(message: Uint8Array, signature: Uint8Array): boolean;
  /** The native one runs on the thread pool: bound the calls in flight. The bytes must not change meanwhile. */
  verifyAsync(message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

export interface Encapsulation {
  readonly encapsulated: Uint8Array;
  readonly sharedSecret: Uint8Array;
}

export interface HpkeSealed {
  /** 1,120 bytes. */
  readonly encapsulated: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** The recipient's public key is no valid key. Ask for a fresh one; the message was not sealed. */
export class BadPublicKey extends Error {
  readonly code = 'bad-public-key';

  constructor() {
    super('bad-public-key: the recipient key is not a valid X-Wing key. Fetch the recipient key again.');
    this.name = 'BadPublicKey';
  }
}

/** @throws RangeError naming what has the wrong length, never the bytes. */
export function requireLength(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`${what} must be ${length} bytes, got ${bytes.length}`);
}

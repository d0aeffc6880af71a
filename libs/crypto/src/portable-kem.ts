import { x25519 } from '@noble/curves/ed25519.js';
import { sha3_256, shake256 } from '@noble/hashes/sha3.js';
import { ml_kem768, ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { createKem, type MlKem, shareX25519 } from './kem.ts';
import type { CryptoProvider, Encapsulation } from './provider.ts';

const nobleKem = { 'ML-KEM-768': ml_kem768, 'ML-KEM-1024': ml_kem1024 } as const;

export function portableShake256(data: Uint8Array, length: number): Uint8Array {
  return shake256(data, { dkLen: length });
}

/** FIPS 203 algorithm 17 with chosen randomness. Undefined when the public key fails the modulus check. */
export function mlkemEncapsulateWithCoins(
  algorithm: keyof typeof nobleKem,
  publicKey: Uint8Array,
  coins: Uint8Array,
): Encapsulation | undefined {
  try {
    const { cipherText, sharedSecret } = nobleKem[algorithm].encapsulate(publicKey, coins);
    return { encapsulated: cipherText, sharedSecret };
  } catch {
    return undefined;
  }
}

function createMlKem(random: (length: number) => Uint8Array): MlKem {
  return {
    publicKey: (algorithm, seed) => nobleKem[algorithm].keygen(seed).publicKey,
    encapsulate: (algorithm, publicKey, coins) => mlkemEncapsulateWithCoins(algorithm, publicKey, coins ?? random(32)),
    decapsulate(algorithm, seed, encapsulated) {
      const { secretKey } = nobleKem[algorithm].keygen(seed);
      try {
        return nobleKem[algorithm].decapsulate(encapsulated, secretKey);
      } catch {
        return undefined;
      } finally {
        secretKey.fill(0);
      }
    },
  };
}

export function createPortableKem(
  random: (length: number) => Uint8Array,
): Pick<CryptoProvider, 'kemKeyPair' | 'kemEncapsulate' | 'kemDecapsulate' | 'x25519' | 'xwingKeyPair'> {
  return createKem({
    mlkem: createMlKem(random),
    x25519: shareX25519((secret, publicKey) => x25519.getSharedSecret(secret, publicKey)),
    x25519PublicKey: (secret) => x25519.getPublicKey(secret),
    sha3256: (data) => sha3_256(data),
    shake256: portableShake256,
    random,
  });
}

import { type CryptoProvider, type Encapsulation, requireLength } from './provider.ts';
import { type KemAlgorithm, kemAlgorithms } from './registry.ts';
import { type XWingParts, xwingDecapsulate, xwingEncapsulate, xwingPublicKey } from './xwing.ts';

type MlKemAlgorithm = Exclude<KemAlgorithm, 'X-Wing'>;

/** ML-KEM of one implementation (FIPS 203). Lengths were checked; undefined = refused by the modulus or hash check. */
export interface MlKem {
  publicKey(algorithm: MlKemAlgorithm, seed: Uint8Array): Uint8Array;
  encapsulate(
    algorithm: MlKemAlgorithm,
    publicKey: Uint8Array,
    coins: Uint8Array | undefined,
  ): Encapsulation | undefined;
  decapsulate(algorithm: MlKemAlgorithm, seed: Uint8Array, encapsulated: Uint8Array): Uint8Array | undefined;
}

export type KemParts = Pick<XWingParts, 'sha3256' | 'shake256' | 'x25519' | 'x25519PublicKey' | 'random'> & {
  readonly mlkem: MlKem;
};

/** Length checks and dispatch by registry entry over one implementation's parts. */
export function createKem(
  parts: KemParts,
): Pick<CryptoProvider, 'kemKeyPair' | 'kemEncapsulate' | 'kemDecapsulate' | 'x25519' | 'xwingKeyPair'> {
  const xwing: XWingParts = {
    ...parts,
    mlkem768PublicKey: (seed) => parts.mlkem.publicKey('ML-KEM-768', seed),
    mlkem768Encapsulate: (publicKey, coins) => parts.mlkem.encapsulate('ML-KEM-768', publicKey, coins),
    mlkem768Decapsulate: (seed, encapsulated) => parts.mlkem.decapsulate('ML-KEM-768', seed, encapsulated),
  };
  const kemKeyPair: CryptoProvider['kemKeyPair'] = (algorithm, seed) => {
    requireLength(`${algorithm} seed`, seed, kemAlgorithms[algorithm].seedBytes);
    const publicKey = algorithm === 'X-Wing' ? xwingPublicKey(xwing, seed) : parts.mlkem.publicKey(algorithm, seed);
    return { algorithm, publicKey, secretSeed: seed.slice() };
  };
  return {
    kemKeyPair,
    kemEncapsulate(algorithm, publicKey, coins) {
      const sizes = kemAlgorithms[algorithm];
      if (coins !== undefined) requireLength(`${algorithm} coins`, coins, sizes.coinsBytes);
      if (publicKey.length !== sizes.publicKeyBytes) return undefined;
      return algorithm === 'X-Wing'
        ? xwingEncapsulate(xwing, publicKey, coins)
        : parts.mlkem.encapsulate(algorithm, publicKey, coins);
    },
    kemDecapsulate(algorithm, seed, encapsulated) {
      const sizes = kemAlgorithms[algorithm];
      requireLength(`${algorithm} seed`, seed, sizes.seedBytes);
      if (encapsulated.length !== sizes.encapsulatedBytes) return undefined;
      return algorithm === 'X-Wing'
        ? xwingDecapsulate(xwing, seed, encapsulated)
        : parts.mlkem.decapsulate(algorithm, seed, encapsulated);
    },
    x25519: parts.x25519,
    xwingKeyPair(seed) {
      const { publicKey, secretSeed } = kemKeyPair('X-Wing', seed);
      return { publicKey, secretSeed };
    },
  };
}

/** Wraps a raw X25519 so that a refused input and an all-zero result have one answer (RFC 7748 section 6.1). */
export function shareX25519(
  raw: (secret: Uint8Array, publicKey: Uint8Array) => Uint8Array,
): (secret: Uint8Array, publicKey: Uint8Array) => Uint8Array | undefined {
  return (secret, publicKey) => {
    requireLength('X25519 secret', secret, 32);
    if (publicKey.length !== 32) return undefined;
    try {
      const shared = raw(secret, publicKey);
      let any = 0;
      for (const byte of shared) any |= byte;
      return any === 0 ? undefined : shared;
    } catch {
      return undefined;
    }
  };
}

import {
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  hash,
  type KeyObject,
  randomFillSync,
} from 'node:crypto';
import { createKem, type MlKem, shareX25519 } from './kem.ts';
import { mlkemEncapsulateWithCoins } from './portable-kem.ts';
import type { CryptoProvider } from './provider.ts';
import type { KemAlgorithm } from './registry.ts';

const nodeName = { 'ML-KEM-768': 'ml-kem-768', 'ML-KEM-1024': 'ml-kem-1024' } as const;

export function nativeShake256(data: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from(hash('shake256', data, { outputEncoding: 'buffer', outputLength: length }));
}

const privateMlKem = (algorithm: Exclude<KemAlgorithm, 'X-Wing'>, seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(seed), format: 'raw-seed', asymmetricKeyType: nodeName[algorithm] });

const privateX25519 = (secret: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(secret), format: 'raw-private', asymmetricKeyType: 'x25519' });

const rawPublic = (key: KeyObject): Uint8Array =>
  Uint8Array.from(createPublicKey(key).export({ format: 'raw-public' }));

const mlkem: MlKem = {
  publicKey: (algorithm, seed) => rawPublic(privateMlKem(algorithm, seed)),
  encapsulate(algorithm, publicKey, coins) {
    // node:crypto takes no coins. With coins the lattice half comes from noble, whose results are the same bytes.
    if (coins !== undefined) return mlkemEncapsulateWithCoins(algorithm, publicKey, coins);
    try {
      const key = createPublicKey({
        key: Buffer.from(publicKey),
        format: 'raw-public',
        asymmetricKeyType: nodeName[algorithm],
      });
      const { ciphertext, sharedKey } = encapsulate(key);
      return { encapsulated: Uint8Array.from(ciphertext), sharedSecret: Uint8Array.from(sharedKey) };
    } catch {
      return undefined;
    }
  },
  decapsulate(algorithm, seed, encapsulated) {
    try {
      return Uint8Array.from(decapsulate(privateMlKem(algorithm, seed), encapsulated));
    } catch {
      return undefined;
    }
  },
};

const x25519 = shareX25519((secret, publicKey) =>
  Uint8Array.from(
    diffieHellman({
      privateKey: privateX25519(secret),
      publicKey: createPublicKey({
        key: Buffer.from(publicKey),
        format: 'raw-public',
        asymmetricKeyType: 'x25519',
      }),
    }),
  ),
);

export const nativeKem: Pick<
  CryptoProvider,
  'kemKeyPair' | 'kemEncapsulate' | 'kemDecapsulate' | 'x25519' | 'xwingKeyPair'
> = createKem({
  mlkem,
  x25519,
  x25519PublicKey: (secret) => rawPublic(privateX25519(secret)),
  sha3256: (data) => Uint8Array.from(hash('sha3-256', data, 'buffer')),
  shake256: nativeShake256,
  random: (length) => randomFillSync(new Uint8Array(length)),
});

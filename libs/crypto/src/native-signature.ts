import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { slh_dsa_sha2_128s } from '@noble/post-quantum/slh-dsa.js';
import { erase } from './bytes.ts';
import { type CryptoProvider, requireLength } from './provider.ts';
import { type SignatureAlgorithm, signatureAlgorithms } from './registry.ts';

const nodeName = {
  'ML-DSA-44': 'ml-dsa-44',
  'ML-DSA-65': 'ml-dsa-65',
  'ML-DSA-87': 'ml-dsa-87',
  'SLH-DSA-SHA2-128s': 'slh-dsa-sha2-128s',
} as const satisfies Record<SignatureAlgorithm, string>;

/** Imports a signing key. Node takes ML-DSA as seed, but SLH-DSA expanded: its public root then comes from noble. */
function importSigningKey(algorithm: SignatureAlgorithm, seed: Uint8Array): KeyObject {
  requireLength(`${algorithm} seed`, seed, signatureAlgorithms[algorithm].seedBytes);
  if (algorithm !== 'SLH-DSA-SHA2-128s')
    return createPrivateKey({ key: Buffer.from(seed), format: 'raw-seed', asymmetricKeyType: nodeName[algorithm] });
  const { secretKey } = slh_dsa_sha2_128s.keygen(seed);
  const key = createPrivateKey({
    key: Buffer.from(secretKey),
    format: 'raw-private',
    asymmetricKeyType: nodeName[algorithm],
  });
  erase(secretKey);
  return key;
}

function importVerifyingKey(algorithm: SignatureAlgorithm, publicKey: Uint8Array): KeyObject | undefined {
  if (publicKey.length !== signatureAlgorithms[algorithm].publicKeyBytes) return undefined;
  try {
    return createPublicKey({
      key: Buffer.from(publicKey),
      format: 'raw-public',
      asymmetricKeyType: nodeName[algorithm],
    });
  } catch {
    return undefined;
  }
}

/** The signing key as a KeyObject, for certificates. */
export function nativeSigningKey(algorithm: SignatureAlgorithm, seed: Uint8Array): KeyObject {
  return importSigningKey(algorithm, seed);
}

export const nativeSignature: Pick<CryptoProvider, 'signatureKeyPair' | 'prepareSigner' | 'prepareVerifier'> = {
  signatureKeyPair(algorithm, seed) {
    const key = createPublicKey(importSigningKey(algorithm, seed));
    const publicKey = Uint8Array.from(key.export({ format: 'raw-public' }));
    return { algorithm, publicKey, secretSeed: seed.slice() };
  },
  prepareSigner(algorithm, seed, options = {}) {
    if (options.deterministic === true)
      throw new Error('node:crypto signs hedged only; take the portable implementation for deterministic signatures');
    const key = importSigningKey(algorithm, seed);
    return { algorithm, sign: (message) => Uint8Array.from(sign(null, message, key)) };
  },
  prepareVerifier(algorithm, publicKey) {
    const key = importVerifyingKey(algorithm, publicKey);
    const { signatureBytes } = signatureAlgorithms[algorithm];
    return {
      algorithm,
      verify(message, signature) {
        if (key === undefined || signature.length !== signatureBytes) return false;
        try {
          return verify(null, message, key, signature);
        } catch {
          return false;
        }
      },
      verifyAsync(message, signature) {
        if (key === undefined || signature.length !== signatureBytes) return Promise.resolve(false);
        return new Promise((resolve) => {
          verify(null, message, key, signature, (error, valid) => resolve(error === null && valid));
        });
      },
    };
  },
};

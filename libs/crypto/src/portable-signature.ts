import { ml_dsa44, ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { slh_dsa_sha2_128s } from '@noble/post-quantum/slh-dsa.js';
import { type CryptoProvider, requireLength } from './provider.ts';
import { signatureAlgorithms } from './registry.ts';

const nobleSigner = {
  'ML-DSA-44': ml_dsa44,
  'ML-DSA-65': ml_dsa65,
  'ML-DSA-87': ml_dsa87,
  'SLH-DSA-SHA2-128s': slh_dsa_sha2_128s,
} as const;

export function createPortableSignature(
  random: (length: number) => Uint8Array,
): Pick<CryptoProvider, 'signatureKeyPair' | 'prepareSigner' | 'prepareVerifier'> {
  return {
    signatureKeyPair(algorithm, seed) {
      requireLength(`${algorithm} seed`, seed, signatureAlgorithms[algorithm].seedBytes);
      const { publicKey, secretKey } = nobleSigner[algorithm].keygen(seed);
      secretKey.fill(0);
      return { algorithm, publicKey, secretSeed: seed.slice() };
    },
    prepareSigner(algorithm, seed, options = {}) {
      requireLength(`${algorithm} seed`, seed, signatureAlgorithms[algorithm].seedBytes);
      const signer = nobleSigner[algorithm];
      const { secretKey } = signer.keygen(seed);
      const randomBytes = signer.lengths.signRand ?? 32;
      return {
        algorithm,
        sign: (message) =>
          signer.sign(message, secretKey, {
            extraEntropy: options.deterministic === true ? false : random(randomBytes),
          }),
      };
    },
    prepareVerifier(algorithm, publicKey) {
      const key = publicKey.slice();
      const { publicKeyBytes, signatureBytes } = signatureAlgorithms[algorithm];
      const verify = (message: Uint8Array, signature: Uint8Array): boolean => {
        if (key.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
        try {
          return nobleSigner[algorithm].verify(signature, message, key);
        } catch {
          return false;
        }
      };
      return { algorithm, verify, verifyAsync: async (message, signature) => verify(message, signature) };
    },
  };
}

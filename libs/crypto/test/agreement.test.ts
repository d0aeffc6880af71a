import { createNativeCrypto, createPortableCrypto, type SignatureAlgorithm, utf8 } from '@pulseseal/crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flipBit } from './vectors.ts';

const native = createNativeCrypto();
const portable = createPortableCrypto();
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const anyBytes = fc.uint8Array({ maxLength: 400 });

describe('native and portable agree', () => {
  test('on hashes, MACs, derived keys and AEAD', () => {
    const property = fc.property(bytes(32), bytes(12), anyBytes, anyBytes, fc.nat(200), (key, nonce, a, b, length) => {
      expect(native.sha256Parts(a, b)).toEqual(portable.sha256Parts(a, b));
      expect(native.prepareHmac(key)(a, b)).toEqual(portable.prepareHmac(key)(a, b));
      expect(native.hkdfSha256(a, key, b, length)).toEqual(portable.hkdfSha256(a, key, b, length));
      const sealed = native.aes256GcmSeal(key, nonce, a, b);
      expect(portable.aes256GcmSeal(key, nonce, a, b)).toEqual(sealed);
      expect(portable.aes256GcmOpen(key, nonce, sealed, b)).toEqual(a);
      expect(native.aes256GcmOpen(key, nonce, sealed, b)).toEqual(a);
      expect(native.aes256GcmOpen(key, nonce, flipBit(sealed, length), b)).toBeUndefined();
      expect(portable.aes256GcmOpen(key, nonce, flipBit(sealed, length), b)).toBeUndefined();
    });
    fc.assert(property);
  });

  test.each(['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const)('on %s in both directions', (algorithm) => {
    const property = fc.property(bytes(32), anyBytes, fc.nat(), (seed, message, bit) => {
      const { publicKey } = native.signatureKeyPair(algorithm, seed);
      expect(portable.signatureKeyPair(algorithm, seed).publicKey).toEqual(publicKey);
      const pairs = [
        [native, portable],
        [portable, native],
      ] as const;
      for (const [signing, verifying] of pairs) {
        const signature = signing.prepareSigner(algorithm, seed).sign(message);
        const verifier = verifying.prepareVerifier(algorithm, publicKey);
        expect(verifier.verify(message, signature)).toBe(true);
        expect(verifier.verify(message, flipBit(signature, bit))).toBe(false);
      }
    });
    fc.assert(property, { numRuns: 8 });
  });

  test.each(['ML-KEM-768', 'ML-KEM-1024', 'X-Wing'] as const)('on %s in both directions', (algorithm) => {
    const seedBytes = algorithm === 'X-Wing' ? 32 : 64;
    const property = fc.property(bytes(seedBytes), (seed) => {
      const { publicKey } = native.kemKeyPair(algorithm, seed);
      expect(portable.kemKeyPair(algorithm, seed).publicKey).toEqual(publicKey);
      const fromNative = native.kemEncapsulate(algorithm, publicKey);
      const fromPortable = portable.kemEncapsulate(algorithm, publicKey);
      if (fromNative === undefined || fromPortable === undefined) throw new Error('refused a good key');
      expect(portable.kemDecapsulate(algorithm, seed, fromNative.encapsulated)).toEqual(fromNative.sharedSecret);
      expect(native.kemDecapsulate(algorithm, seed, fromPortable.encapsulated)).toEqual(fromPortable.sharedSecret);
      // Implicit rejection too must give the same unrelated secret.
      const forged = flipBit(fromNative.encapsulated, 4_321);
      expect(portable.kemDecapsulate(algorithm, seed, forged)).toEqual(native.kemDecapsulate(algorithm, seed, forged));
    });
    fc.assert(property, { numRuns: 15 });
  });

  test('on SLH-DSA-SHA2-128s, each verifying what the other signed (few: signing takes seconds)', () => {
    const algorithm: SignatureAlgorithm = 'SLH-DSA-SHA2-128s';
    const seed = Uint8Array.from({ length: 48 }, (_, i) => i);
    const { publicKey } = native.signatureKeyPair(algorithm, seed);
    expect(portable.signatureKeyPair(algorithm, seed).publicKey).toEqual(publicKey);
    const message = utf8('firmware 1.0.0');
    for (const [signing, verifying] of [
      [native, portable],
      [portable, native],
    ] as const) {
      const signature = signing.prepareSigner(algorithm, seed).sign(message);
      const verifier = verifying.prepareVerifier(algorithm, publicKey);
      expect(verifier.verify(message, signature)).toBe(true);
      expect(verifier.verify(message, flipBit(signature, 30_000))).toBe(false);
      expect(verifier.verify(utf8('firmware 1.0.1'), signature)).toBe(false);
      expect(verifier.verify(message, signature.subarray(1))).toBe(false);
    }
  }, 120_000);
});

test('deterministic signing repeats on the portable side and is refused aloud on the native one', () => {
  const seed = new Uint8Array(32).fill(1);
  const signer = portable.prepareSigner('ML-DSA-44', seed, { deterministic: true });
  expect(signer.sign(utf8('m'))).toEqual(signer.sign(utf8('m')));
  expect(() => native.prepareSigner('ML-DSA-44', seed, { deterministic: true })).toThrow('hedged only');
});

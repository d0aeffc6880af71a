import { createHash, createHmac } from 'node:crypto';
import { type CryptoProvider, concat, type SignatureAlgorithm, signatureAlgorithms, utf8 } from '@pulseseal/crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flipBit } from './vectors.ts';

const parts = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 });
const key32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const mlDsa = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const satisfies readonly SignatureAlgorithm[];

/** What every implementation must do, vectors apart. */
export function providerContract(crypto: CryptoProvider): void {
  describe(`crypto provider ${crypto.name}`, () => {
    test('hashes parts as their concatenation, also beyond the scratch size', () => {
      const check = (data: readonly Uint8Array[]): void => {
        const expected = Uint8Array.from(
          createHash('sha256')
            .update(concat(...data))
            .digest(),
        );
        expect(crypto.sha256Parts(...data)).toEqual(expected);
        expect(crypto.sha256(concat(...data))).toEqual(expected);
      };
      fc.assert(fc.property(parts, check));
      for (const length of [16_383, 16_384, 16_385, 100_000]) check([new Uint8Array(length).fill(1), utf8('tail')]);
    });

    test('a prepared HMAC equals the plain one, for several keys in turn, also beyond the scratch size', () => {
      const check = (a: Uint8Array, b: Uint8Array, data: readonly Uint8Array[]): void => {
        const macA = crypto.prepareHmac(a);
        const macB = crypto.prepareHmac(b);
        const expected = (key: Uint8Array) =>
          Uint8Array.from(
            createHmac('sha256', key)
              .update(concat(...data))
              .digest(),
          );
        expect(macA(...data)).toEqual(expected(a));
        expect(macB(...data)).toEqual(expected(b));
        expect(macA(...data)).toEqual(expected(a));
        expect(crypto.hmacSha256(a, concat(...data))).toEqual(expected(a));
      };
      fc.assert(fc.property(key32, key32, parts, check));
      for (const length of [16_384, 16_385, 50_000])
        check(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2), [new Uint8Array(length).fill(7), utf8('tail')]);
    });

    test('a prepared HMAC does not follow later changes of the key and refuses work once erased', () => {
      const key = new Uint8Array(32).fill(9);
      const expected = crypto.hmacSha256(key, utf8('x'));
      const mac = crypto.prepareHmac(key);
      key.fill(0);
      expect(mac(utf8('x'))).toEqual(expected);
      mac.erase();
      expect(() => mac(utf8('x'))).toThrow('erased');
    });

    test('secrets of a wrong length are refused by name, without the bytes', () => {
      for (const length of [0, 16, 31, 33, 64]) {
        const wrong = new Uint8Array(length).fill(0xab);
        expect(() => crypto.hmacSha256(wrong, wrong)).toThrow(RangeError);
        expect(() => crypto.prepareHmac(wrong)).toThrow(RangeError);
        expect(() => crypto.hkdfExpandSha256(wrong, wrong, 32)).toThrow(RangeError);
        expect(() => crypto.aes256GcmSeal(wrong, new Uint8Array(12), wrong, wrong)).toThrow(RangeError);
        expect(() => crypto.prepareSigner('ML-DSA-44', wrong)).toThrow(RangeError);
        expect(() => crypto.signatureKeyPair('ML-DSA-65', wrong)).toThrow(/^ML-DSA-65 seed must be 32 bytes, got \d+$/);
        expect(() => crypto.xwingKeyPair(wrong)).toThrow(RangeError);
        expect(() => crypto.x25519(wrong, new Uint8Array(32))).toThrow(RangeError);
      }
      expect(() => crypto.hkdfExpandSha256(new Uint8Array(32), new Uint8Array(0), 8161)).toThrow();
    });

    test('HKDF is expand of HMAC, and expand gives its longest output', () => {
      const salt = new Uint8Array(32).fill(1);
      const ikm = utf8('input');
      const prk = crypto.hmacSha256(salt, ikm);
      expect(crypto.hkdfSha256(salt, ikm, utf8('i'), 77)).toEqual(crypto.hkdfExpandSha256(prk, utf8('i'), 77));
      expect(crypto.hkdfExpandSha256(prk, utf8('i'), 8160)).toHaveLength(8160);
    });

    test('answers are plain Uint8Arrays: a slice of one is a copy', () => {
      const digest = crypto.sha256(utf8('x'));
      const sealed = crypto.aes256GcmSeal(new Uint8Array(32), new Uint8Array(12), utf8('x'), utf8(''));
      const opened = crypto.aes256GcmOpen(new Uint8Array(32), new Uint8Array(12), sealed, utf8(''));
      const { publicKey } = crypto.signatureKeyPair('ML-DSA-44', new Uint8Array(32));
      for (const value of [digest, sealed, opened, publicKey])
        expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype);
    });

    test.each(mlDsa)('%s signs hedged; verifying checks lengths first and never throws', async (algorithm) => {
      const pair = crypto.signatureKeyPair(algorithm, new Uint8Array(32).fill(4));
      const sizes = signatureAlgorithms[algorithm];
      expect(pair.publicKey).toHaveLength(sizes.publicKeyBytes);
      const signer = crypto.prepareSigner(algorithm, pair.secretSeed);
      const message = utf8('close 1');
      const signature = signer.sign(message);
      expect(signature).toHaveLength(sizes.signatureBytes);
      expect(signer.sign(message)).not.toEqual(signature);
      const verifier = crypto.prepareVerifier(algorithm, pair.publicKey);
      expect(verifier.verify(message, signature)).toBe(true);
      expect(await verifier.verifyAsync(message, signature)).toBe(true);
      for (const wrong of [
        flipBit(signature, 777),
        signature.subarray(1),
        new Uint8Array(0),
        concat(signature, message),
      ]) {
        expect(verifier.verify(message, wrong)).toBe(false);
        expect(await verifier.verifyAsync(message, wrong)).toBe(false);
      }
      expect(await verifier.verifyAsync(utf8('close 2'), signature)).toBe(false);
      const wrongKey = crypto.prepareVerifier(algorithm, pair.publicKey.subarray(1));
      expect(wrongKey.verify(message, signature)).toBe(false);
      expect(await wrongKey.verifyAsync(message, signature)).toBe(false);
    });

    test('key pairs hold a copy of the seed', () => {
      const seed = new Uint8Array(32).fill(6);
      const pair = crypto.signatureKeyPair('ML-DSA-44', seed);
      const kem = crypto.xwingKeyPair(seed);
      seed.fill(0);
      expect(pair.secretSeed).toEqual(new Uint8Array(32).fill(6));
      expect(kem.secretSeed).toEqual(new Uint8Array(32).fill(6));
    });
  });
}

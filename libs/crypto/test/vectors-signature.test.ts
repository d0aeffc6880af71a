import { createPortableCrypto, equalBytes, type SignatureAlgorithm } from '@pulseseal/crypto';
import { describe, expect, test } from 'vitest';
import {
  attempt,
  flipBit,
  hex,
  isFields,
  parseWycheproof,
  providers,
  readJson,
  report,
  vectorsDir,
  wycheproof,
} from './vectors.ts';

const verifyFiles = [
  ['ML-DSA-44', 'mldsa_44_verify_test.json'],
  ['ML-DSA-65', 'mldsa_65_verify_test.json'],
  ['ML-DSA-87', 'mldsa_87_verify_test.json'],
] as const;

test('the loader refuses a file whose groups are missing, empty or fewer than stated', () => {
  expect(() => parseWycheproof('{"numberOfTests":0}')).toThrow('without groups');
  expect(() => parseWycheproof('{"numberOfTests":0,"testGroups":[]}')).toThrow('without groups');
  expect(() => parseWycheproof('{"numberOfTests":1,"testGroups":[{"tests":[]}]}')).toThrow('without tests');
  expect(() => parseWycheproof('{"numberOfTests":2,"testGroups":[{"tests":[{}]}]}')).toThrow('number of tests');
});

describe.skipIf(vectorsDir === undefined)('official signature vectors', () => {
  describe.each(providers)('$name', (crypto) => {
    test.each(verifyFiles)(
      '%s: verdicts of wycheproof, and every valid one fails with one bit flipped',
      (algorithm, file) => {
        const counts = { valid: 0, invalid: 0, otherContext: 0, flipped: 0 };
        for (const { group, test } of wycheproof(file)) {
          const verifier = crypto.prepareVerifier(algorithm, hex(group, 'publicKey'));
          const message = hex(test, 'msg');
          const signature = hex(test, 'sig');
          // The product signs with the empty context only: a signature bound to another one must not pass.
          const otherContext = typeof test.ctx === 'string' && test.ctx !== '';
          const expected = test.result === 'valid' && !otherContext;
          expect(verifier.verify(message, signature), `tcId ${test.tcId}`).toBe(expected);
          if (!expected) {
            counts[otherContext ? 'otherContext' : 'invalid']++;
            continue;
          }
          counts.valid++;
          const bit = Number(test.tcId) * 7919;
          expect(verifier.verify(message, flipBit(signature, bit)), `tcId ${test.tcId} flipped`).toBe(false);
          if (message.length > 0)
            expect(verifier.verify(flipBit(message, bit), signature), `tcId ${test.tcId} message`).toBe(false);
          counts.flipped++;
        }
        expect(counts.valid).toBeGreaterThan(60);
        expect(counts.invalid).toBeGreaterThan(90);
        report(`${algorithm} verify`, crypto.name, counts);
      },
    );

    test('ML-DSA-65 keys and signatures from a seed (wycheproof)', () => {
      const counts = { valid: 0, refused: 0, byteEqual: 0, notOurs: 0 };
      for (const { group, test } of wycheproof('mldsa_65_sign_seed_test.json')) {
        const seed = hex(group, 'privateSeed');
        // Signing of a prehashed mu and of other contexts is not in the product.
        const ours = typeof test.msg === 'string' && (test.ctx === undefined || test.ctx === '');
        if (test.result === 'invalid' && seed.length !== 32) {
          expect(attempt(() => crypto.prepareSigner('ML-DSA-65', seed))).toBeUndefined();
          counts.refused++;
          continue;
        }
        if (!ours) {
          counts.notOurs++;
          continue;
        }
        const { publicKey } = crypto.signatureKeyPair('ML-DSA-65', seed);
        expect(equalBytes(publicKey, hex(group, 'publicKey')), `tcId ${test.tcId}`).toBe(true);
        const message = hex(test, 'msg');
        const verifier = crypto.prepareVerifier('ML-DSA-65', publicKey);
        expect(verifier.verify(message, hex(test, 'sig'))).toBe(true);
        counts.valid++;
        if (crypto.name === 'portable') {
          const fixed = typeof test.rnd === 'string' ? createPortableCrypto(() => hex(test, 'rnd')) : crypto;
          const signer = fixed.prepareSigner('ML-DSA-65', seed, { deterministic: test.rnd === undefined });
          expect(equalBytes(signer.sign(message), hex(test, 'sig')), `tcId ${test.tcId}`).toBe(true);
          counts.byteEqual++;
        } else {
          expect(verifier.verify(message, crypto.prepareSigner('ML-DSA-65', seed).sign(message))).toBe(true);
        }
      }
      expect(counts.valid).toBeGreaterThan(70);
      expect(counts.refused).toBe(3);
      report('ML-DSA-65 sign', crypto.name, counts);
    });

    test('raw signatures of the COSE and JOSE examples of RFC 9964', () => {
      let valid = 0;
      for (const algorithm of [
        'ML-DSA-44',
        'ML-DSA-65',
        'ML-DSA-87',
      ] as const satisfies readonly SignatureAlgorithm[]) {
        for (const form of ['cose', 'jose']) {
          const file = readJson('cose-jose-mldsa', `${algorithm.replaceAll('-', '_')}.${form}.json`);
          if (!isFields(file)) throw new Error('example without fields');
          const publicKey = hex(file, 'raw_public_key');
          const signed = hex(file, 'raw_to_be_signed');
          const signature = hex(file, 'raw_signature');
          expect(crypto.signatureKeyPair(algorithm, hex(file, 'priv')).publicKey).toEqual(publicKey);
          const verifier = crypto.prepareVerifier(algorithm, publicKey);
          expect(verifier.verify(signed, signature)).toBe(true);
          expect(verifier.verify(signed, flipBit(signature, 12_345))).toBe(false);
          expect(verifier.verify(flipBit(signed, 3), signature)).toBe(false);
          expect(crypto.prepareVerifier(algorithm, flipBit(publicKey, 99)).verify(signed, signature)).toBe(false);
          valid++;
        }
      }
      report('COSE and JOSE', crypto.name, { valid, flipped: valid });
    });
  });
});

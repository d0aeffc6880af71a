import { type CryptoProvider, equalBytes, type KemAlgorithm } from '@pulseseal/crypto';
import { describe, expect, test } from 'vitest';
import { attempt, flipBit, hex, isFields, providers, readJson, report, vectorsDir, wycheproof } from './vectors.ts';

function runDecapsulation(crypto: CryptoProvider, algorithm: KemAlgorithm, file: string): void {
  const counts = { valid: 0, invalid: 0, flipped: 0 };
  for (const { test } of wycheproof(file)) {
    const seed = hex(test, 'seed');
    const encapsulated = hex(test, 'c');
    const shared = attempt(() => crypto.kemDecapsulate(algorithm, seed, encapsulated));
    if (test.result === 'invalid') {
      expect(shared, `tcId ${test.tcId}`).toBeUndefined();
      counts.invalid++;
      continue;
    }
    expect(shared, `tcId ${test.tcId}`).toEqual(hex(test, 'K'));
    if (typeof test.ek === 'string')
      expect(equalBytes(crypto.kemKeyPair(algorithm, seed).publicKey, hex(test, 'ek'))).toBe(true);
    // Implicit rejection: an altered ciphertext gives an unrelated secret, never an error.
    const other = crypto.kemDecapsulate(algorithm, seed, flipBit(encapsulated, Number(test.tcId) * 7919));
    expect(other).toHaveLength(32);
    expect(other).not.toEqual(shared);
    counts.valid++;
    counts.flipped++;
  }
  expect(counts.valid).toBeGreaterThan(100);
  expect(counts.invalid).toBeGreaterThan(10);
  report(`${algorithm} decapsulate`, crypto.name, counts);
}

describe.skipIf(vectorsDir === undefined)('official KEM vectors', () => {
  describe.each(providers)('$name', (crypto) => {
    test('ML-KEM-768 decapsulation', () => runDecapsulation(crypto, 'ML-KEM-768', 'mlkem_768_test.json'));
    test('ML-KEM-1024 decapsulation', () => runDecapsulation(crypto, 'ML-KEM-1024', 'mlkem_1024_test.json'));

    test('ML-KEM-768 key pairs from seeds', () => {
      let valid = 0;
      for (const { test } of wycheproof('mlkem_768_keygen_seed_test.json')) {
        const seed = hex(test, 'seed');
        expect(equalBytes(crypto.kemKeyPair('ML-KEM-768', seed).publicKey, hex(test, 'ek'))).toBe(true);
        const other = crypto.kemKeyPair('ML-KEM-768', flipBit(seed, Number(test.tcId) % 256)).publicKey;
        expect(equalBytes(other, hex(test, 'ek'))).toBe(false);
        valid++;
      }
      expect(valid).toBeGreaterThan(90);
      report('ML-KEM-768 keys', crypto.name, { valid, flipped: valid });
    });

    test('ML-KEM-768 encapsulation, and refusal of keys beyond the modulus', () => {
      const counts = { valid: 0, invalid: 0, flipped: 0 };
      for (const { test } of wycheproof('mlkem_768_encaps_test.json')) {
        const publicKey = hex(test, 'ek');
        const coins = hex(test, 'm');
        const got = attempt(() => crypto.kemEncapsulate('ML-KEM-768', publicKey, coins));
        const random = attempt(() => crypto.kemEncapsulate('ML-KEM-768', publicKey));
        if (test.result === 'invalid') {
          expect(got, `tcId ${test.tcId}`).toBeUndefined();
          if (coins.length === 32) expect(random, `tcId ${test.tcId} with random coins`).toBeUndefined();
          counts.invalid++;
          continue;
        }
        expect(got, `tcId ${test.tcId}`).toEqual({ encapsulated: hex(test, 'c'), sharedSecret: hex(test, 'K') });
        expect(random).toBeDefined();
        expect(random?.encapsulated).not.toEqual(got?.encapsulated);
        const other = crypto.kemEncapsulate('ML-KEM-768', publicKey, flipBit(coins, Number(test.tcId)));
        expect(other?.sharedSecret).not.toEqual(got?.sharedSecret);
        counts.valid++;
        counts.flipped++;
      }
      expect(counts.valid).toBeGreaterThan(100);
      expect(counts.invalid).toBeGreaterThan(10);
      report('ML-KEM-768 encapsulate', crypto.name, counts);
    });

    test('X-Wing: keys, encapsulation with given coins, decapsulation', () => {
      const file = readJson('xwing', 'test-vectors.json');
      if (!Array.isArray(file) || file.length === 0) throw new Error('no X-Wing vectors');
      for (const item of file) {
        if (!isFields(item)) throw new Error('X-Wing vector without fields');
        const seed = hex(item, 'seed');
        const { publicKey, secretSeed } = crypto.xwingKeyPair(seed);
        expect(publicKey).toEqual(hex(item, 'pk'));
        expect(secretSeed).toEqual(hex(item, 'sk'));
        expect(crypto.kemEncapsulate('X-Wing', publicKey, hex(item, 'eseed'))).toEqual({
          encapsulated: hex(item, 'ct'),
          sharedSecret: hex(item, 'ss'),
        });
        const encapsulated = hex(item, 'ct');
        expect(crypto.kemDecapsulate('X-Wing', seed, encapsulated)).toEqual(hex(item, 'ss'));
        for (const bit of [0, 5_000, 1_088 * 8, 1_100 * 8 + 3])
          expect(crypto.kemDecapsulate('X-Wing', seed, flipBit(encapsulated, bit))).not.toEqual(hex(item, 'ss'));
        expect(crypto.kemDecapsulate('X-Wing', flipBit(seed, 17), encapsulated)).not.toEqual(hex(item, 'ss'));
      }
      report('X-Wing', crypto.name, { valid: file.length, flipped: 5 * file.length });
    });

    test('X25519: every result, and the all-zero ones refused', () => {
      const counts = { agreed: 0, zeroRefused: 0, flipped: 0 };
      for (const { test } of wycheproof('x25519_test.json')) {
        const shared = hex(test, 'shared');
        const got = crypto.x25519(hex(test, 'private'), hex(test, 'public'));
        if (shared.every((byte) => byte === 0)) {
          expect(got, `tcId ${test.tcId}`).toBeUndefined();
          counts.zeroRefused++;
          continue;
        }
        expect(got, `tcId ${test.tcId}`).toEqual(shared);
        counts.agreed++;
        expect(crypto.x25519(hex(test, 'private'), flipBit(hex(test, 'public'), 90))).not.toEqual(shared);
        counts.flipped++;
      }
      expect(counts.agreed).toBeGreaterThan(450);
      expect(counts.zeroRefused).toBeGreaterThan(20);
      report('X25519', crypto.name, counts);
    });
  });
});

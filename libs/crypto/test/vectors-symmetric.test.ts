import { concat, equalBytes } from '@pulseseal/crypto';
import { describe, expect, test } from 'vitest';
import { attempt, flipBit, hex, providers, report, vectorsDir, wycheproof } from './vectors.ts';

describe.skipIf(vectorsDir === undefined)('official symmetric vectors', () => {
  describe.each(providers)('$name', (crypto) => {
    test('AES-256-GCM with 96-bit nonces; other parameters are refused', () => {
      const counts = { valid: 0, invalid: 0, otherParameters: 0, flipped: 0 };
      for (const { group, test } of wycheproof('aes_gcm_test.json')) {
        const key = hex(test, 'key');
        const nonce = hex(test, 'iv');
        const aad = hex(test, 'aad');
        const message = hex(test, 'msg');
        const sealed = concat(hex(test, 'ct'), hex(test, 'tag'));
        const opened = attempt(() => crypto.aes256GcmOpen(key, nonce, sealed, aad));
        if (group.keySize !== 256 || group.ivSize !== 96) {
          expect(opened).toBeUndefined();
          expect(attempt(() => crypto.aes256GcmSeal(key, nonce, message, aad))).toBeUndefined();
          counts.otherParameters++;
          continue;
        }
        if (test.result === 'invalid') {
          expect(opened, `tcId ${test.tcId}`).toBeUndefined();
          counts.invalid++;
          continue;
        }
        expect(opened, `tcId ${test.tcId}`).toEqual(message);
        expect(crypto.aes256GcmSeal(key, nonce, message, aad)).toEqual(sealed);
        counts.valid++;
        const bit = Number(test.tcId) * 31;
        expect(crypto.aes256GcmOpen(key, nonce, flipBit(sealed, bit), aad)).toBeUndefined();
        expect(crypto.aes256GcmOpen(key, flipBit(nonce, bit), sealed, aad)).toBeUndefined();
        expect(crypto.aes256GcmOpen(flipBit(key, bit), nonce, sealed, aad)).toBeUndefined();
        if (aad.length > 0) expect(crypto.aes256GcmOpen(key, nonce, sealed, flipBit(aad, bit))).toBeUndefined();
        counts.flipped++;
      }
      expect(counts.valid).toBe(39);
      expect(counts.invalid).toBe(27);
      report('AES-256-GCM', crypto.name, counts);
    });

    test('HKDF-SHA-256', () => {
      const counts = { valid: 0, refused: 0, flipped: 0 };
      for (const { test } of wycheproof('hkdf_sha256_test.json')) {
        const ikm = hex(test, 'ikm');
        const size = Number(test.size);
        const derive = (input: Uint8Array): Uint8Array | undefined => {
          try {
            return crypto.hkdfSha256(hex(test, 'salt'), input, hex(test, 'info'), size);
          } catch {
            return undefined;
          }
        };
        const okm = derive(ikm);
        if (test.result === 'invalid') {
          expect(okm).toBeUndefined();
          counts.refused++;
          continue;
        }
        expect(okm, `tcId ${test.tcId}`).toEqual(hex(test, 'okm'));
        expect(derive(flipBit(ikm, Number(test.tcId)))).not.toEqual(okm);
        counts.valid++;
        counts.flipped++;
      }
      expect(counts.valid).toBeGreaterThan(80);
      expect(counts.refused).toBe(3);
      report('HKDF-SHA-256', crypto.name, counts);
    });

    test('HMAC-SHA-256 with 32-byte keys, one-shot and prepared; other key lengths are refused', () => {
      const counts = { valid: 0, invalid: 0, otherKeyLength: 0, flipped: 0 };
      for (const { group, test } of wycheproof('hmac_sha256_test.json')) {
        const key = hex(test, 'key');
        const message = hex(test, 'msg');
        const tag = hex(test, 'tag');
        if (group.keySize !== 256) {
          expect(attempt(() => crypto.hmacSha256(key, message))).toBeUndefined();
          expect(attempt(() => crypto.prepareHmac(key))).toBeUndefined();
          counts.otherKeyLength++;
          continue;
        }
        const whole = crypto.hmacSha256(key, message);
        expect(crypto.prepareHmac(key)(message)).toEqual(whole);
        expect(equalBytes(whole.slice(0, tag.length), tag), `tcId ${test.tcId}`).toBe(test.result === 'valid');
        counts[test.result === 'valid' ? 'valid' : 'invalid']++;
        if (test.result === 'valid') {
          expect(equalBytes(whole.slice(0, tag.length), flipBit(tag, Number(test.tcId)))).toBe(false);
          const other = crypto.hmacSha256(flipBit(key, Number(test.tcId)), message);
          expect(equalBytes(other.slice(0, tag.length), tag)).toBe(false);
          counts.flipped++;
        }
      }
      expect(counts.valid).toBe(54);
      expect(counts.invalid).toBe(108);
      report('HMAC-SHA-256', crypto.name, counts);
    });
  });
});

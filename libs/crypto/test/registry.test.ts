import {
  algorithm,
  createNativeCrypto,
  hpkeIds,
  kemAlgorithms,
  reservedSuites,
  signatureAlgorithms,
  signatureByCoseId,
  suite,
  suiteAt,
  suiteIds,
  usableAt,
} from '@pulseseal/crypto';
import { describe, expect, test } from 'vitest';

const novemberMs = Date.UTC(2026, 10, 21);

describe('registry', () => {
  test('version 1 has suites 1 and 2; reserved, unknown and odd numbers are refused alike', () => {
    expect(suiteIds).toEqual([1, 2]);
    expect(suite(1)).toMatchObject({ signature: 'ML-DSA-44', kem: 'X-Wing', aead: 'AES-256-GCM', hash: 'SHA-256' });
    expect(suite(2)).toMatchObject({ signature: 'ML-DSA-65', kem: 'X-Wing' });
    for (const id of [...reservedSuites.map((entry) => entry.id), 0, -1, 6, 1.5, Number.NaN])
      expect(suite(id)).toBeUndefined();
    expect(reservedSuites.map((entry) => entry.id)).toEqual([3, 4, 5]);
  });

  test('suites use active algorithms only, and only in date', () => {
    for (const id of suiteIds) {
      expect(suiteAt(id, novemberMs)).toBe(suite(id));
      expect(suiteAt(id, Date.UTC(2024, 7, 12))).toBeUndefined();
    }
    expect(suiteAt(3, novemberMs)).toBeUndefined();
    expect(usableAt({ usableFromMs: 10, notAfterMs: 20 }, 9)).toBe(false);
    expect(usableAt({ usableFromMs: 10, notAfterMs: 20 }, 10)).toBe(true);
    expect(usableAt({ usableFromMs: 10, notAfterMs: 20 }, 20)).toBe(false);
    expect(usableAt({ usableFromMs: 10, notAfterMs: null }, Number.MAX_SAFE_INTEGER)).toBe(true);
  });

  test('COSE and HPKE numbers', () => {
    expect(signatureByCoseId(-48)?.name).toBe('ML-DSA-44');
    expect(signatureByCoseId(-49)?.name).toBe('ML-DSA-65');
    expect(signatureByCoseId(-50)?.name).toBe('ML-DSA-87');
    expect(signatureByCoseId(-8)).toBeUndefined();
    expect(hpkeIds).toEqual({ kem: 0x647a, kdfShake256: 0x0011, aeadAes256Gcm: 0x0002 });
    expect(kemAlgorithms['X-Wing'].hpkeId).toBe(hpkeIds.kem);
    expect(algorithm('ML-DSA-65').signatureBytes).toBe(3309);
    expect(algorithm('toString')).toBeUndefined();
  });

  test('its sizes are those of the real keys', () => {
    const crypto = createNativeCrypto();
    for (const entry of Object.values(signatureAlgorithms))
      expect(crypto.signatureKeyPair(entry.name, new Uint8Array(entry.seedBytes)).publicKey).toHaveLength(
        entry.publicKeyBytes,
      );
    for (const entry of Object.values(kemAlgorithms)) {
      const { publicKey } = crypto.kemKeyPair(entry.name, new Uint8Array(entry.seedBytes));
      expect(publicKey).toHaveLength(entry.publicKeyBytes);
      expect(crypto.kemEncapsulate(entry.name, publicKey)?.encapsulated).toHaveLength(entry.encapsulatedBytes);
      expect(crypto.kemEncapsulate(entry.name, publicKey, new Uint8Array(entry.coinsBytes))).toBeDefined();
    }
  });
});

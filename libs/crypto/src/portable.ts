import { gcm } from '@noble/ciphers/aes.js';
import { expand, hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat } from './bytes.ts';
import { createHpke } from './hpke.ts';
import { createPortableKem, portableShake256 } from './portable-kem.ts';
import { createPortableSignature } from './portable-signature.ts';
import { type CryptoProvider, type PreparedHmac, requireLength } from './provider.ts';

/** The platform's generator through the Web Crypto interface, present in browsers and in Node. */
function platformRandom(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length));
}

function prepareHmac(key: Uint8Array): PreparedHmac {
  requireLength('HMAC key', key, 32);
  const prepared = hmac.create(sha256, key);
  let erased = false;
  const mac = (...parts: readonly Uint8Array[]): Uint8Array => {
    if (erased) throw new Error('this HMAC key was erased');
    const running = prepared.clone();
    for (const part of parts) running.update(part);
    return running.digest();
  };
  const eraseKey = (): void => {
    erased = true;
    prepared.destroy();
  };
  return Object.assign(mac, { erase: eraseKey });
}

/**
 * Everything in plain JavaScript (the noble libraries), for browsers, small devices and as the second opinion on the
 * native implementation. Not constant time: the engine gives no such promise, so long-lived keys belong to the native one.
 * @param random gives `length` fresh secret bytes; the platform's generator unless a vector script replaces it.
 */
export function createPortableCrypto(random: (length: number) => Uint8Array = platformRandom): CryptoProvider {
  const kem = createPortableKem(random);
  const aead: Pick<CryptoProvider, 'aes256GcmSeal' | 'aes256GcmOpen'> = {
    aes256GcmSeal(key, nonce, plaintext, aad) {
      requireLength('AES-256-GCM key', key, 32);
      requireLength('AES-256-GCM nonce', nonce, 12);
      return gcm(key, nonce, aad).encrypt(plaintext);
    },
    aes256GcmOpen(key, nonce, ciphertext, aad) {
      requireLength('AES-256-GCM key', key, 32);
      requireLength('AES-256-GCM nonce', nonce, 12);
      try {
        return gcm(key, nonce, aad).decrypt(ciphertext);
      } catch {
        return undefined;
      }
    },
  };
  return {
    name: 'portable',
    sha256: (data) => sha256(data),
    sha256Parts: (...parts) => sha256(concat(...parts)),
    hmacSha256(key, data) {
      requireLength('HMAC key', key, 32);
      return hmac(sha256, key, data);
    },
    prepareHmac,
    hkdfSha256: (salt, ikm, info, length) => hkdf(sha256, ikm, salt, info, length),
    hkdfExpandSha256(prk, info, length) {
      requireLength('HKDF pseudorandom key', prk, 32);
      return expand(sha256, prk, info, length);
    },
    ...aead,
    ...createPortableSignature(random),
    ...kem,
    ...createHpke({ ...kem, ...aead, shake256: portableShake256 }),
  };
}

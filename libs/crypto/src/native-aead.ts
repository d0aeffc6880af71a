import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type CryptoProvider, requireLength } from './provider.ts';

const tagBytes = 16;

export const nativeAead: Pick<CryptoProvider, 'aes256GcmSeal' | 'aes256GcmOpen'> = {
  aes256GcmSeal(key, nonce, plaintext, aad) {
    requireLength('AES-256-GCM key', key, 32);
    requireLength('AES-256-GCM nonce', nonce, 12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(aad);
    const body = cipher.update(plaintext);
    cipher.final();
    const out = new Uint8Array(plaintext.length + tagBytes);
    out.set(body);
    out.set(cipher.getAuthTag(), plaintext.length);
    return out;
  },
  aes256GcmOpen(key, nonce, ciphertext, aad) {
    requireLength('AES-256-GCM key', key, 32);
    requireLength('AES-256-GCM nonce', nonce, 12);
    const length = ciphertext.length - tagBytes;
    if (length < 0) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(aad);
    decipher.setAuthTag(ciphertext.subarray(length));
    const body = decipher.update(ciphertext.subarray(0, length));
    try {
      decipher.final();
    } catch {
      body.fill(0);
      return undefined;
    }
    return Uint8Array.from(body);
  },
};

import { concat, erase, utf8 } from './bytes.ts';
import { BadPublicKey, type CryptoProvider, requireLength } from './provider.ts';
import { hpkeIds, kemAlgorithms } from './registry.ts';

type HpkeParts = Pick<CryptoProvider, 'kemEncapsulate' | 'kemDecapsulate' | 'aes256GcmSeal' | 'aes256GcmOpen'> & {
  shake256(data: Uint8Array, length: number): Uint8Array;
};

const uint16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
const prefixed = (bytes: Uint8Array): Uint8Array => concat(uint16(bytes.length), bytes);

const keyBytes = 32;
const nonceBytes = 12;
/** Nh of SHAKE256: the exporter secret is derived with the rest (it fixes the length field) and dropped. */
const exporterBytes = 64;
const maxInfoBytes = 0xffff;

const labelHead = concat(
  utf8('HPKE-v1'),
  utf8('HPKE'),
  uint16(hpkeIds.kem),
  uint16(hpkeIds.kdfShake256),
  uint16(hpkeIds.aeadAes256Gcm),
  prefixed(utf8('secret')),
  uint16(keyBytes + nonceBytes + exporterBytes),
);
/** Base mode: mode 0, empty psk id. */
const contextHead = Uint8Array.of(0, 0, 0);
const emptyPsk = Uint8Array.of(0, 0);

/** CombineSecrets_OneStage and LabeledDerive of draft-ietf-hpke-pq-05, base mode. */
function schedule(
  parts: HpkeParts,
  sharedSecret: Uint8Array,
  info: Uint8Array,
): { key: Uint8Array; nonce: Uint8Array } {
  const input = concat(emptyPsk, prefixed(sharedSecret), labelHead, contextHead, prefixed(info));
  const secret = parts.shake256(input, keyBytes + nonceBytes + exporterBytes);
  erase(input);
  erase(sharedSecret);
  erase(secret.subarray(keyBytes + nonceBytes));
  return { key: secret.subarray(0, keyBytes), nonce: secret.subarray(keyBytes, keyBytes + nonceBytes) };
}

/** The single-shot HPKE of wraps and grants over one implementation's parts. Sequence number 0, so nonce = base nonce. */
export function createHpke(parts: HpkeParts): Pick<CryptoProvider, 'hpkeSeal' | 'hpkeOpen'> {
  const { publicKeyBytes, encapsulatedBytes, seedBytes } = kemAlgorithms['X-Wing'];
  return {
    async hpkeSeal(recipientPublicKey, info, aad, plaintext, coins) {
      if (info.length > maxInfoBytes) throw new RangeError(`HPKE info exceeds ${maxInfoBytes} bytes`);
      if (recipientPublicKey.length !== publicKeyBytes) throw new BadPublicKey();
      const encapsulation = parts.kemEncapsulate('X-Wing', recipientPublicKey, coins);
      if (encapsulation === undefined) throw new BadPublicKey();
      const { key, nonce } = schedule(parts, encapsulation.sharedSecret, info);
      const ciphertext = parts.aes256GcmSeal(key, nonce, plaintext, aad);
      erase(key);
      return { encapsulated: encapsulation.encapsulated, ciphertext };
    },
    async hpkeOpen(secretSeed, encapsulated, info, aad, ciphertext) {
      requireLength('X-Wing seed', secretSeed, seedBytes);
      if (info.length > maxInfoBytes || encapsulated.length !== encapsulatedBytes) return undefined;
      const sharedSecret = parts.kemDecapsulate('X-Wing', secretSeed, encapsulated);
      if (sharedSecret === undefined) return undefined;
      const { key, nonce } = schedule(parts, sharedSecret, info);
      const plaintext = parts.aes256GcmOpen(key, nonce, ciphertext, aad);
      erase(key);
      return plaintext;
    },
  };
}

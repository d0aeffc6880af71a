import { createHpke } from './hpke.ts';
import { nativeAead } from './native-aead.ts';
import { createNativeHash } from './native-hash.ts';
import { nativeKem, nativeShake256 } from './native-kem.ts';
import { nativeSignature } from './native-signature.ts';
import type { CryptoProvider } from './provider.ts';

/**
 * node:crypto (OpenSSL 3.5). Two things it cannot do itself come from noble: encapsulation with given coins, and the
 * public root of an SLH-DSA seed. Deterministic signing is refused.
 */
export function createNativeCrypto(): CryptoProvider {
  return {
    name: 'native',
    ...createNativeHash(),
    ...nativeAead,
    ...nativeSignature,
    ...nativeKem,
    ...createHpke({ ...nativeKem, ...nativeAead, shake256: nativeShake256 }),
  };
}

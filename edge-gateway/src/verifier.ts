import type { CryptoProvider, Verifier } from '@pulseseal/crypto';
import { type CoseKey, refuse, type Signed, verifySignedAsync } from '@pulseseal/protocol';
import { MAX_VERIFICATIONS, MAX_WAITING_VERIFICATIONS } from './limits.ts';

/** Devices whose prepared key is kept: importing one costs a tenth of a check. An idle device's key is not kept long. */
const PREPARED_KEYS = 64;

/** Signature checks on the thread pool, a few at a time: the pool also serves the disk. */
export function createVerifier(crypto: CryptoProvider): (signed: Signed, key: CoseKey) => Promise<boolean> {
  const waiting: (() => void)[] = [];
  let running = 0;
  const prepared = createPreparedKeys(crypto);
  return async (signed, key) => {
    if (running >= MAX_VERIFICATIONS) {
      if (waiting.length >= MAX_WAITING_VERIFICATIONS) refuse('rate');
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    running++;
    try {
      return await verifySignedAsync(signed, key, prepared);
    } finally {
      running--;
      waiting.shift()?.();
    }
  };
}

/** The provider with its newest verifiers remembered by the key's own bytes object, which a device keeps while loaded. */
function createPreparedKeys(crypto: CryptoProvider): CryptoProvider {
  const newest = new Map<Uint8Array, Verifier>();
  return {
    ...crypto,
    prepareVerifier(algorithm, publicKey) {
      const known = newest.get(publicKey);
      const verifier = known?.algorithm === algorithm ? known : crypto.prepareVerifier(algorithm, publicKey);
      newest.delete(publicKey);
      newest.set(publicKey, verifier);
      if (newest.size > PREPARED_KEYS) {
        for (const oldest of newest.keys()) {
          newest.delete(oldest);
          break;
        }
      }
      return verifier;
    },
  };
}

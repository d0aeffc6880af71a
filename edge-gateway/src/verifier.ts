import type { CryptoProvider } from '@pulseseal/crypto';
import {
  type CoseKey,
  type PreparedKey,
  prepareKey,
  refuse,
  type Signed,
  verifyPrepared,
  verifyPreparedAsync,
} from '@pulseseal/protocol';
import { MAX_WAITING_VERIFICATIONS } from './limits.ts';

/** Devices whose prepared key is kept: making one ready costs a fifth of a check. An idle device's key is not kept long. */
const PREPARED_KEYS = 64;

/** Signature checks on the thread pool, `atOnce` at a time: the pool also serves the disk. 0: on the main thread. */
export function createVerifier(
  crypto: CryptoProvider,
  atOnce: number,
): (signed: Signed, key: CoseKey) => Promise<boolean> {
  const waiting: (() => void)[] = [];
  let running = 0;
  const preparedOf = createPreparedKeys(crypto);
  return async (signed, key) => {
    if (atOnce === 0) return verifyPrepared(signed, preparedOf(key));
    if (running >= atOnce) {
      if (waiting.length >= MAX_WAITING_VERIFICATIONS) refuse('rate');
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    running++;
    try {
      return await verifyPreparedAsync(signed, preparedOf(key));
    } finally {
      running--;
      waiting.shift()?.();
    }
  };
}

/** The newest keys, by the key's own bytes object, which `createDeviceKeys` keeps. */
function createPreparedKeys(crypto: CryptoProvider): (key: CoseKey) => PreparedKey {
  const newest = new Map<Uint8Array, PreparedKey>();
  return (key) => {
    const known = newest.get(key.publicKey);
    const prepared = known?.verifier.algorithm === key.algorithm ? known : prepareKey(key, crypto);
    newest.delete(key.publicKey);
    newest.set(key.publicKey, prepared);
    if (newest.size > PREPARED_KEYS) {
      for (const oldest of newest.keys()) {
        newest.delete(oldest);
        break;
      }
    }
    return prepared;
  };
}

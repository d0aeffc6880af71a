import type { CryptoProvider } from '@pulseseal/crypto';
import { type CoseKey, refuse, type Signed, verifySignedAsync } from '@pulseseal/protocol';
import { MAX_VERIFICATIONS, MAX_WAITING_VERIFICATIONS } from './limits.ts';

/** Signature checks on the thread pool, a few at a time: the pool also serves the disk. */
export function createVerifier(crypto: CryptoProvider): (signed: Signed, key: CoseKey) => Promise<boolean> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (signed, key) => {
    if (running >= MAX_VERIFICATIONS) {
      if (waiting.length >= MAX_WAITING_VERIFICATIONS) refuse('rate');
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    running++;
    try {
      return await verifySignedAsync(signed, key, crypto);
    } finally {
      running--;
      waiting.shift()?.();
    }
  };
}

import { type CoseKey, parseSigned, refuse } from '@pulseseal/protocol';
import type { Journal } from './journal.ts';
import type { DeviceState } from './state.ts';

/** Devices whose key stays in memory: those that sign now. 1.3 kB each; an idle device's key is in its endorsement. */
const KEPT_KEYS = 256;

/** OK's public key of a device. @throws Refusal not-endorsed */
export function createDeviceKeys(journal: Journal): (device: DeviceState) => Promise<CoseKey> {
  /** By the endorsement's position in the journal, least recently used first. */
  const newest = new Map<number, CoseKey>();
  return async ({ endorseAt }) => {
    if (endorseAt === undefined) return refuse('not-endorsed');
    const key = newest.get(endorseAt) ?? (await read(journal, endorseAt));
    newest.delete(endorseAt);
    newest.set(endorseAt, key);
    if (newest.size > KEPT_KEYS) {
      for (const oldest of newest.keys()) {
        newest.delete(oldest);
        break;
      }
    }
    return key;
  };
}

async function read(journal: Journal, position: number): Promise<CoseKey> {
  const { key } = parseSigned((await journal.read(position)).message, 'endorse').body;
  // A copy: a view would keep the whole message.
  return { algorithm: key.algorithm, publicKey: Uint8Array.from(key.publicKey) };
}

import { type CryptoProvider, erase, type KeyStore, toHex } from '@pulseseal/crypto';
import { type CoseKey, createMessageSigner, type MessageSigner } from '@pulseseal/protocol';
import type { Clock, Random } from '@pulseseal/runtime';
import { processorFailure } from './failures.ts';

/** What a patient's agent needs to put this recipient into a manifest. */
export interface Invitation {
  /** Random pseudonym of one patient and this recipient: 8 bytes. */
  readonly rid: Uint8Array;
  readonly prekeyId: number;
  /** X-Wing public key, 1,216 bytes. */
  readonly prekey: Uint8Array;
  /** ML-DSA-65 key that logs in and puts the recipient on the ledger. */
  readonly identity: CoseKey;
  /** When the prekey's life ends; the seed is kept for `PREKEY_GRACE_MS` longer. */
  readonly expiresMs: number;
}

const DAY_MS = 24 * 3600 * 1000;
/** A week, and a day more for what was sealed before. */
export const PREKEY_LIFE_MS = 7 * DAY_MS;
export const PREKEY_GRACE_MS = DAY_MS;

const IDENTITY = 'recipient.identity';
export const prekeyName = (rid: string, id: number): string => `prekey.${rid}.${id}`;
const prekeyForm = /^prekey\.([0-9a-f]{16})\.([0-9]{1,10})$/;

export interface RecipientIdentity {
  readonly signer: MessageSigner;
  /** A fresh pseudonym for one patient. */
  newRid(): Uint8Array;
  /** The newest prekey of a pseudonym that lives at least `leastLeftMs`; makes the next one when there is none. */
  invitation(rid: Uint8Array, leastLeftMs?: number): Promise<Invitation>;
  /** Erases prekeys whose grace is over; their number. */
  sweep(): Promise<number>;
}

interface Ports {
  readonly keys: KeyStore;
  readonly crypto: CryptoProvider;
  readonly random: Random;
  /** Lifetimes are judged by it, and it must be the clock that the key store stamps entries with. */
  readonly wall: Clock;
}

/** The care zone's identity: made at the first start, then the same for ever. */
export async function loadRecipientIdentity(ports: Ports): Promise<RecipientIdentity> {
  const { keys, crypto, random, wall } = ports;
  if ((await keys.get(IDENTITY)) === undefined) {
    const fresh = random.bytes(32);
    await keys.put(IDENTITY, fresh);
    erase(fresh);
  }
  const seed = await keys.get(IDENTITY);
  if (seed === undefined) throw processorFailure('identity-missing');
  const signer = createMessageSigner('ML-DSA-65', seed, crypto);
  erase(seed);
  const prekeysOf = async (rid: string) =>
    (await keys.list())
      .flatMap(({ name, createdMs }) => {
        const match = prekeyForm.exec(name);
        return match?.[1] === rid ? [{ id: Number(match[2]), createdMs }] : [];
      })
      .sort((a, b) => b.id - a.id);
  return {
    signer,
    newRid: () => random.bytes(8),
    async invitation(rid, leastLeftMs = PREKEY_LIFE_MS / 2) {
      const name = toHex(rid);
      let newest = (await prekeysOf(name))[0];
      if (newest === undefined || newest.createdMs + PREKEY_LIFE_MS - wall.nowMs() < leastLeftMs) {
        const id = (newest?.id ?? 0) + 1;
        const fresh = random.bytes(32);
        await keys.put(prekeyName(name, id), fresh);
        erase(fresh);
        newest = { id, createdMs: wall.nowMs() };
      }
      const secret = await keys.get(prekeyName(name, newest.id));
      if (secret === undefined) throw processorFailure('prekey-missing');
      const { publicKey: prekey } = crypto.xwingKeyPair(secret);
      erase(secret);
      const expiresMs = newest.createdMs + PREKEY_LIFE_MS;
      return { rid: rid.slice(), prekeyId: newest.id, prekey, identity: signer.key, expiresMs };
    },
    async sweep() {
      let removed = 0;
      for (const { name, createdMs } of await keys.list()) {
        if (!prekeyForm.test(name) || wall.nowMs() < createdMs + PREKEY_LIFE_MS + PREKEY_GRACE_MS) continue;
        await keys.remove(name);
        removed++;
      }
      return removed;
    },
  };
}

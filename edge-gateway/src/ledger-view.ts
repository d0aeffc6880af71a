import { fromHex, toHex } from '@pulseseal/crypto';
import { deviceRecord, type Ledger, manifestRecord, parseFact, recipientRecord } from '@pulseseal/ledger';
import { type CoseKey, parseCoseKey } from '@pulseseal/protocol';
import { type Clock, type Logger, sleep } from '@pulseseal/runtime';
import { sameBytes } from './received.ts';
import type { ManifestView } from './state.ts';

/** What the ledger says about a manifest. `unconfirmed`: it did not answer, which refuses nothing (SPEC clause EPOCH-5). */
export type ManifestStanding =
  | { readonly kind: 'current' | 'grace' | 'unconfirmed' | 'unknown' }
  | { readonly kind: 'stale'; readonly version: number };

/** The ledger as the gateway knows it: read when asked, kept fresh by events. */
export interface LedgerView {
  standing(manifest: ManifestView): Promise<ManifestStanding>;
  /** Whether a newer version than this one is known. No call is made. */
  hasNewer(manifest: ManifestView): boolean;
  isRetired(pseudonym: string): boolean;
  /** Whether this owner ever acted on the ledger; undefined: it is away. */
  knowsOwner(owner: Uint8Array): Promise<boolean | undefined>;
  /** Thumbprint of the owner who registered a pseudonym; null: nobody; undefined: the ledger is away. */
  ownerOf(pseudonym: string): Promise<Uint8Array | null | undefined>;
  /** Identity key of a recipient pseudonym; undefined: not put, or the ledger is away. */
  recipientKey(rid: string): Promise<CoseKey | undefined>;
  start(listener: LedgerListener): void;
  stop(): void;
  readonly isReachable: boolean;
}

export interface LedgerListener {
  /** `consent` as `consentName` makes it. */
  consentRevoked(consent: string): void;
  deviceRetired(pseudonym: string): void;
  manifestPut(pseudonym: string, version: number): void;
}

interface Known {
  readonly version: number;
  readonly hash: Uint8Array;
  readonly previous: Uint8Array | null;
  /** When the current version was seen first, wall time. */
  readonly sinceMs: number;
  readonly readMs: number;
}

/**
 * What ends when the ledger says that a consent is revoked. Any owner may grant and revoke an id that another patient's
 * manifest carries, or name another patient's rid; only the pseudonym is under the act of its own owner.
 */
export const consentName = (pseudonym: Uint8Array, rid: Uint8Array, consent: Uint8Array): string =>
  [toHex(pseudonym), toHex(rid), toHex(consent)].join('.');

/** Of what the ledger ended, the pseudonyms that their owner retired: they stand there alone. */
const pseudonymsOf = (ended: readonly string[]): string[] => ended.filter((name) => !name.includes('.'));

const READ_TIMEOUT_MS = 1_500;
const RETRY_MS = 2_000;
const MOST_KNOWN = 100_000;
/** An owner who was unknown a moment ago may have registered since. */
const OWNER_LAG_MS = 5_000;

/** @param ended what the ledger ended before this start: consents by `consentName`, retired pseudonyms. */
export function createLedgerView(
  ledger: Ledger,
  wall: Clock,
  logger: Logger,
  maxLagMs: number,
  ended: readonly string[],
): LedgerView {
  const known = new Map<string, Known>();
  const retired = new Set<string>(pseudonymsOf(ended));
  const keys = new Map<string, CoseKey>();
  /** Until when the answer holds: who has acted once has done so for ever. */
  const owners = new Map<string, { readonly isKnown: boolean; readonly untilMs: number }>();
  const stop = new AbortController();
  let isReachable = true;

  const within = <T>(task: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const cancel = wall.after(READ_TIMEOUT_MS, () => reject(new Error('timeout')));
      task.then(resolve, reject).finally(cancel);
    });
  const read = async (pseudonym: string): Promise<Known | undefined> => {
    const found = known.get(pseudonym);
    const nowMs = wall.monotonicMs();
    if (found !== undefined && nowMs - found.readMs < maxLagMs) return found;
    const bytes = await within(ledger.read('GetManifest', [fromHex(pseudonym)]));
    isReachable = true;
    if (bytes === undefined) return undefined;
    const record = manifestRecord.parse(bytes);
    const sinceMs = found?.version === record.version ? found.sinceMs : record.putMs;
    const fresh = { version: record.version, hash: record.hash, previous: record.previous, sinceMs, readMs: nowMs };
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(pseudonym, fresh);
    return fresh;
  };
  const judge = (manifest: ManifestView, found: Known | undefined): ManifestStanding => {
    if (found === undefined) return { kind: 'unknown' };
    if (sameBytes(found.hash, manifest.hash)) return { kind: 'current' };
    // The agent published before the ledger committed: newer than what is known is not stale.
    if (manifest.version > found.version) return { kind: 'unconfirmed' };
    const isPrevious = found.previous !== null && sameBytes(found.previous, manifest.hash);
    if (isPrevious && wall.nowMs() - found.sinceMs <= manifest.rekeyGraceS * 1000) return { kind: 'grace' };
    if (manifest.version < found.version) return { kind: 'stale', version: found.version };
    return { kind: 'unknown' };
  };
  const follow = async (listener: LedgerListener) => {
    let height = 0;
    while (!stop.signal.aborted) {
      try {
        for await (const event of ledger.events(height, stop.signal)) {
          isReachable = true;
          // The same block may come again after a break: all of this may be repeated.
          height = event.height;
          const fact = parseFact(event);
          if (fact.name === 'ConsentRevoked')
            listener.consentRevoked(consentName(fact.pseudonym, fact.rid, fact.consent));
          if (fact.name === 'DeviceRetired') {
            retired.add(toHex(fact.pseudonym));
            listener.deviceRetired(toHex(fact.pseudonym));
          }
          if (fact.name === 'RecipientPut') keys.delete(toHex(fact.rid));
          if (fact.name === 'ManifestPut') {
            const pseudonym = toHex(fact.pseudonym);
            const old = known.get(pseudonym);
            if (old === undefined || old.version >= fact.version) continue;
            const nowMs = wall.nowMs();
            known.set(pseudonym, {
              version: fact.version,
              hash: fact.hash,
              previous: fact.version === old.version + 1 ? old.hash : null,
              sinceMs: nowMs,
              readMs: wall.monotonicMs(),
            });
            listener.manifestPut(pseudonym, fact.version);
          }
        }
      } catch (error) {
        if (stop.signal.aborted) return;
        if (isReachable)
          logger.warn({ reason: (error as Error).message.slice(0, 200) }, 'ledger is away; frames go on');
        isReachable = false;
      }
      if (!stop.signal.aborted) await sleep(wall, RETRY_MS);
    }
  };
  return {
    async standing(manifest) {
      try {
        const first = judge(manifest, await read(manifest.pseudonym));
        if (first.kind !== 'unconfirmed') return first;
        const old = known.get(manifest.pseudonym);
        if (old !== undefined) known.set(manifest.pseudonym, { ...old, readMs: Number.NEGATIVE_INFINITY });
        return judge(manifest, await read(manifest.pseudonym));
      } catch {
        isReachable = false;
        return { kind: 'unconfirmed' };
      }
    },
    hasNewer: (manifest) => (known.get(manifest.pseudonym)?.version ?? 0) > manifest.version,
    isRetired: (pseudonym) => retired.has(pseudonym),
    async knowsOwner(owner) {
      const name = toHex(owner);
      const nowMs = wall.monotonicMs();
      const found = owners.get(name);
      if (found !== undefined && nowMs < found.untilMs) return found.isKnown;
      try {
        const isKnown = (await within(ledger.read('GetActCounter', [owner]))) !== undefined;
        if (owners.size >= MOST_KNOWN) owners.clear();
        owners.set(name, { isKnown, untilMs: isKnown ? Number.POSITIVE_INFINITY : nowMs + OWNER_LAG_MS });
        return isKnown;
      } catch {
        return undefined;
      }
    },
    async ownerOf(pseudonym) {
      try {
        const bytes = await within(ledger.read('GetDevice', [fromHex(pseudonym)]));
        return bytes === undefined ? null : deviceRecord.parse(bytes).owner;
      } catch {
        return undefined;
      }
    },
    async recipientKey(rid) {
      const found = keys.get(rid);
      if (found !== undefined) return found;
      try {
        const bytes = await within(ledger.read('GetRecipient', [fromHex(rid)]));
        if (bytes === undefined) return undefined;
        const key = parseCoseKey(recipientRecord.parse(bytes).identity);
        if (keys.size >= MOST_KNOWN) keys.clear();
        keys.set(rid, key);
        return key;
      } catch {
        return undefined;
      }
    },
    start: (listener) => void follow(listener),
    stop: () => stop.abort(),
    get isReachable() {
      return isReachable;
    },
  };
}

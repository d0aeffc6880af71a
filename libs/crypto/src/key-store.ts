import { erase } from './bytes.ts';
import { keyStoreFailure } from './failures.ts';
import { maxEntries, maxSecretBytes, namePattern } from './limits.ts';

/** Where a station keeps its secrets. Seeds go in and out; nothing else does. */
export interface KeyStore {
  /** A copy, which the caller erases. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** Durable when it resolves (file store). Replaces an entry of the same name and its time. */
  put(name: string, secret: Uint8Array): Promise<void>;
  /** Removing what is not there is no error. */
  remove(name: string): Promise<void>;
  /** In order of names. Never the secrets. */
  list(): Promise<readonly KeyStoreItem[]>;
}

export interface KeyStoreItem {
  readonly name: string;
  readonly createdMs: number;
}

/** What a store needs of a clock. */
export interface KeyStoreClock {
  nowMs(): number;
}

export interface KeyStoreEntry {
  readonly secret: Uint8Array;
  readonly createdMs: number;
}

/** @throws Failure `key-store-bad-name`, `key-store-secret-too-large`, `key-store-full` */
export function requireStorable(entries: ReadonlyMap<string, KeyStoreEntry>, name: string, secret: Uint8Array): void {
  if (!namePattern.test(name)) throw keyStoreFailure('key-store-bad-name');
  if (secret.length > maxSecretBytes) throw keyStoreFailure('key-store-secret-too-large', `${secret.length} bytes`);
  if (!entries.has(name) && entries.size >= maxEntries) throw keyStoreFailure('key-store-full');
}

export function listEntries(entries: ReadonlyMap<string, KeyStoreEntry>): readonly KeyStoreItem[] {
  return [...entries]
    .map(([name, entry]) => ({ name, createdMs: entry.createdMs }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A store that forgets everything with the process. For tests and for demos that ask for no durable keys. */
export function createMemoryKeyStore(clock: KeyStoreClock): KeyStore {
  const entries = new Map<string, KeyStoreEntry>();
  const drop = (name: string): void => {
    const old = entries.get(name);
    if (old !== undefined) erase(old.secret);
    entries.delete(name);
  };
  return {
    get: async (name) => entries.get(name)?.secret.slice(),
    async put(name, secret) {
      requireStorable(entries, name, secret);
      const copy = Uint8Array.from(secret);
      drop(name);
      entries.set(name, { secret: copy, createdMs: clock.nowMs() });
    },
    remove: async (name) => drop(name),
    list: async () => listEntries(entries),
  };
}

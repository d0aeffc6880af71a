import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSerial, Failure } from '@pulseseal/runtime';
import { erase } from './bytes.ts';
import { keyStoreFailure } from './failures.ts';
import { type KeyStore, type KeyStoreClock, type KeyStoreEntry, listEntries, requireStorable } from './key-store.ts';
import {
  deriveSealingKey,
  openEntries,
  parseSealedFile,
  type SealingHeader,
  sealEntries,
} from './key-store-envelope.ts';
import { argon2Settings, maxFileBytes, minPassphraseCharacters } from './limits.ts';

export interface SealedFileSettings {
  readonly path: string;
  readonly passphrase: string;
  readonly random: { bytes(length: number): Uint8Array };
  readonly clock: KeyStoreClock;
  /** Argon2id cost of a new file; RFC 9106's second recommendation unless given. An existing file keeps its own. */
  readonly cost?: Omit<SealingHeader, 'salt'>;
}

const openToOthers = 0o077;

/**
 * A key store in one sealed file (Argon2id, AES-256-GCM), created when absent. Each change writes a new file beside it,
 * syncs it, renames it over the old one and syncs the folder: a crash leaves the old or the new state, never a mixture.
 * @throws Failure with one of the `key-store-*` codes; the detail names the path and the command that mends it.
 */
export async function openSealedFileKeyStore(settings: SealedFileSettings): Promise<KeyStore> {
  const { path, passphrase, random, clock } = settings;
  if (passphrase.length < minPassphraseCharacters) throw keyStoreFailure('key-store-weak-passphrase');
  await requirePrivateFolder(dirname(path));

  const existing = await readIfPresent(path);
  const file = existing === undefined ? undefined : parseSealedFile(existing.bytes);
  const header = file?.header ?? { salt: random.bytes(16), ...(settings.cost ?? argon2Settings) };
  const key = await deriveSealingKey(passphrase, header);
  let entries: ReadonlyMap<string, KeyStoreEntry> = file === undefined ? new Map() : openEntries(key, file);
  let version = existing?.version;

  const serial = createSerial();
  const change = (edit: (next: Map<string, KeyStoreEntry>) => KeyStoreEntry | undefined): Promise<void> =>
    serial(async () => {
      const next = new Map(entries);
      const dropped = edit(next);
      if ((await versionOf(path)) !== version) throw keyStoreFailure('key-store-changed-by-another', path);
      // One random 96-bit nonce per rewrite: far below the 2^32 bound of SP 800-38D for one key.
      version = await replaceFile(path, sealEntries(key, header, random.bytes(12), next));
      entries = next;
      if (dropped !== undefined) erase(dropped.secret);
    });
  if (file === undefined) await change(() => undefined);

  return {
    get: async (name) => entries.get(name)?.secret.slice(),
    async put(name, secret) {
      const copy = Uint8Array.from(secret);
      await change((next) => {
        requireStorable(next, name, copy);
        const old = next.get(name);
        next.set(name, { secret: copy, createdMs: clock.nowMs() });
        return old;
      });
    },
    async remove(name) {
      if (!entries.has(name)) return;
      await change((next) => {
        const old = next.get(name);
        next.delete(name);
        return old;
      });
    },
    list: async () => listEntries(entries),
  };
}

const besides = (path: string): string => `${path}.new`;

async function requirePrivateFolder(folder: string): Promise<void> {
  await io(() => mkdir(folder, { recursive: true, mode: 0o700 }), folder);
  const found = await io(() => lstat(folder), folder);
  requireOwner(folder, found.uid);
  if ((found.mode & openToOthers) !== 0)
    throw keyStoreFailure('key-store-folder-open-to-others', `chmod 700 '${folder}'`);
}

function requireOwner(path: string, uid: number): void {
  const self = process.getuid?.();
  if (self !== undefined && uid !== self) throw keyStoreFailure('key-store-foreign-owner', `chown ${self} '${path}'`);
}

interface ReadFile {
  readonly bytes: Uint8Array;
  readonly version: string;
}

/** Opens without following a link, and judges the open file itself: no change can slip in between. */
async function readIfPresent(path: string): Promise<ReadFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (codeOf(error) === 'ELOOP') throw keyStoreFailure('key-store-not-a-file', path);
    throw keyStoreFailure('key-store-io', path, error);
  }
  try {
    const found = await handle.stat({ bigint: true });
    if (!found.isFile()) throw keyStoreFailure('key-store-not-a-file', path);
    requireOwner(path, Number(found.uid));
    if ((Number(found.mode) & openToOthers) !== 0)
      throw keyStoreFailure('key-store-file-open-to-others', `chmod 600 '${path}'`);
    if (found.size > maxFileBytes) throw keyStoreFailure('key-store-damaged', `${path} is larger than any key store`);
    return { bytes: await io(() => handle.readFile(), path), version: versionText(found) };
  } finally {
    await handle.close();
  }
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<string> {
  return io(async () => {
    await rm(besides(path), { force: true });
    const handle = await open(besides(path), 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(besides(path), path);
    const folder = await open(dirname(path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return versionText(await lstat(path, { bigint: true }));
  }, path);
}

async function versionOf(path: string): Promise<string | undefined> {
  try {
    return versionText(await lstat(path, { bigint: true }));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw keyStoreFailure('key-store-io', path, error);
  }
}

/** Which written file this is: every rewrite makes a new inode and time. */
function versionText(found: { readonly ino: bigint; readonly mtimeNs: bigint }): string {
  return `${found.ino}/${found.mtimeNs}`;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

async function io<T>(task: () => Promise<T>, path: string): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw keyStoreFailure('key-store-io', path, error);
  }
}

import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type CryptoProvider, concat, utf8 } from '@pulseseal/crypto';
import type { Random } from '@pulseseal/runtime';
import { processorFailure } from '../failures.ts';
import type { StateStore } from '../ports.ts';

const namePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;
const TEMPORARY = '.tmp';
const NONCE_BYTES = 12;

/**
 * One file per entry, sealed at rest with AES-256-GCM under `sealKey` (32 bytes, from the key store), its name bound in.
 * Written beside, synced, renamed: a crash leaves the old or the new one whole.
 */
export async function openFileStateStore(settings: {
  readonly folder: string;
  readonly sealKey: Uint8Array;
  readonly crypto: CryptoProvider;
  readonly random: Random;
}): Promise<StateStore> {
  const { folder, sealKey, crypto, random } = settings;
  const key = sealKey.slice();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) if (name.endsWith(TEMPORARY)) await unlink(join(folder, name));
  const pathOf = (name: string): string => {
    if (!namePattern.test(name) || name.endsWith(TEMPORARY)) throw processorFailure('state-name');
    return join(folder, name);
  };
  const syncFolder = async () => {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  return {
    async load(name) {
      const sealed = await readFile(pathOf(name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw processorFailure('state-disk', error.code);
      });
      if (sealed === undefined) return undefined;
      const bytes = new Uint8Array(sealed);
      const nonce = bytes.subarray(0, NONCE_BYTES);
      if (nonce.length < NONCE_BYTES) throw processorFailure('state-damaged', name);
      const plain = crypto.aes256GcmOpen(key, nonce, bytes.subarray(NONCE_BYTES), utf8(name));
      if (plain === undefined) throw processorFailure('state-damaged', name);
      return plain;
    },
    async save(name, bytes) {
      const path = pathOf(name);
      const nonce = random.bytes(NONCE_BYTES);
      const sealed = concat(nonce, crypto.aes256GcmSeal(key, nonce, bytes, utf8(name)));
      try {
        const handle = await open(path + TEMPORARY, 'w', 0o600);
        try {
          await handle.writeFile(sealed);
          await handle.datasync();
        } finally {
          await handle.close();
        }
        await rename(path + TEMPORARY, path);
        await syncFolder();
      } catch (error) {
        throw processorFailure('state-disk', (error as NodeJS.ErrnoException).code);
      }
    },
    async remove(name) {
      await unlink(pathOf(name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw processorFailure('state-disk', error.code);
      });
    },
    async list(prefix) {
      const names = await readdir(folder);
      return names.filter((name) => name.startsWith(prefix) && !name.endsWith(TEMPORARY)).sort();
    },
  };
}

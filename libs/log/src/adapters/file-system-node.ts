import { closeSync, existsSync, openSync, watch } from 'node:fs';
import { mkdir, open, readdir, unlink } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { isAbsent } from '../failures.ts';
import type { FileSystem, OpenFile, OpenMode } from '../file-system.ts';

const flags: Record<OpenMode, readonly string[]> = { read: ['r'], write: ['r+', 'wx+'], create: ['w+'] };

/** The machine's file system. */
export function createNodeFileSystem(): FileSystem {
  return {
    open: openFile,
    async list(dir) {
      try {
        return await readdir(dir);
      } catch (error) {
        if (isAbsent(error)) return [];
        throw error;
      }
    },
    remove: (path) => unlink(path),
    async makeFolder(dir) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
    },
    async syncFolder(dir) {
      const handle = await open(dir, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    lock: async (path) => lockFile(path),
    watch(path, changed) {
      try {
        const watcher = watch(path, { persistent: false }, changed);
        watcher.on('error', () => watcher.close());
        return () => watcher.close();
      } catch {
        // Absent file or no watches left: the caller polls anyway.
        return () => {};
      }
    },
  };
}

async function openFile(path: string, mode: OpenMode): Promise<OpenFile> {
  const [first, second] = flags[mode];
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, first, 0o600);
  } catch (error) {
    if (second === undefined || !isAbsent(error)) throw error;
    handle = await open(path, second, 0o600);
  }
  return {
    read: async (target, offset, length, at) => (await handle.read(target, offset, length, at)).bytesRead,
    write: async (bytes, at) => (await handle.write(bytes, 0, bytes.length, at)).bytesWritten,
    sync: () => handle.datasync(),
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
  };
}

/**
 * Node has no flock. SQLite's exclusive lock is the operating system's own record lock on every platform: it ends with
 * the process, and SQLite also keeps two connections of one process apart. The file stays empty. Nothing else may open it.
 */
function lockFile(path: string): (() => void) | undefined {
  // Only when absent: closing a second descriptor of the file would end this process's own lock on it (POSIX).
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    const isBusy = typeof error === 'object' && error !== null && 'errcode' in error && error.errcode === 5;
    if (isBusy) return undefined;
    throw error;
  }
  return () => database.close();
}

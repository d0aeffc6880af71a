/** The disk as an argument. Faults are injected through it in tests. Errors are the operating system's, with `code`. */

export interface OpenFile {
  /** Reads up to `length` bytes of the file at `at` into `target` from `offset`; answers how many (0 at the end). */
  read(target: Uint8Array, offset: number, length: number, at: number): Promise<number>;
  /** Writes at `at`; may write fewer bytes than given and answers how many. */
  write(bytes: Uint8Array, at: number): Promise<number>;
  /** fdatasync: resolves when data and size are on the disk. */
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** `read`: must exist. `write`: created when absent, content kept. `create`: emptied. New files have mode 0600. */
export type OpenMode = 'read' | 'write' | 'create';

export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** Names in a folder; an absent folder has none. */
  list(dir: string): Promise<string[]>;
  remove(path: string): Promise<void>;
  /** With parents, mode 0700. */
  makeFolder(dir: string): Promise<void>;
  /** fsync of the folder: its new and removed names are on the disk. */
  syncFolder(dir: string): Promise<void>;
  /**
   * An exclusive lock that ends with its holder, however that ends. Answers the release, or undefined when it is held
   * by another process or by this one.
   */
  lock(path: string): Promise<(() => void) | undefined>;
  /** Calls `changed` now and then after the file changed (best effort); answers how to stop. */
  watch(path: string, changed: () => void): () => void;
}

/** Writes all bytes, however short each write is. */
export async function writeAll(file: OpenFile, bytes: Uint8Array, at: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const written = await file.write(done === 0 ? bytes : bytes.subarray(done), at + done);
    if (written <= 0) throw Object.assign(new Error('write made no progress'), { code: 'EIO' });
    done += written;
  }
}

/** Reads until `length` bytes or the end of the file; answers how many. */
export async function readUpTo(file: OpenFile, target: Uint8Array, length: number, at: number): Promise<number> {
  let done = 0;
  while (done < length) {
    const got = await file.read(target, done, length - done, at + done);
    if (got <= 0) break;
    done += got;
  }
  return done;
}

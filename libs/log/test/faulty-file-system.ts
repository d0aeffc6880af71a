import { createNodeFileSystem, type FileSystem, type OpenFile } from '../src/mod.ts';

/** For tests elsewhere whose log fails without a disk. */
export { logFailure } from '../src/failures.ts';

/** One operation on the disk, as it is about to happen. */
export interface DiskOperation {
  readonly kind: 'write' | 'sync' | 'truncate' | 'syncFolder' | 'open' | 'remove';
  readonly path: string;
}

export type Fault =
  /** The call fails with this errno and does nothing. */
  | { readonly errno: string }
  /** The write takes so many bytes only, then says so. */
  | { readonly shortBytes: number }
  /** So many bytes reach the disk, then the call fails: a torn write. */
  | { readonly errno: string; readonly tornBytes: number };

/** A disk on the machine's own that fails where `plan` says so, and tells every operation after it happened. */
export function createFaultyFileSystem(
  plan: (operation: DiskOperation) => Fault | undefined,
  done: (operation: DiskOperation) => void = () => {},
  disk: FileSystem = createNodeFileSystem(),
): FileSystem {
  const fail = (errno: string) => Object.assign(new Error(`injected ${errno}`), { code: errno });
  const guarded = async <T>(operation: DiskOperation, task: () => Promise<T>): Promise<T> => {
    const fault = plan(operation);
    if (fault !== undefined && 'errno' in fault) throw fail(fault.errno);
    const result = await task();
    done(operation);
    return result;
  };
  const wrap = (path: string, file: OpenFile): OpenFile => ({
    ...file,
    async write(bytes, at) {
      const fault = plan({ kind: 'write', path });
      const limit =
        fault === undefined
          ? bytes.length
          : 'tornBytes' in fault
            ? fault.tornBytes
            : 'shortBytes' in fault
              ? fault.shortBytes
              : 0;
      const written = limit === 0 ? 0 : await file.write(bytes.subarray(0, limit), at);
      if (fault !== undefined && 'errno' in fault) throw fail(fault.errno);
      done({ kind: 'write', path });
      return written;
    },
    sync: () => guarded({ kind: 'sync', path }, file.sync),
    truncate: (size) => guarded({ kind: 'truncate', path }, () => file.truncate(size)),
  });
  return {
    ...disk,
    open: async (path, mode) =>
      wrap(
        path,
        await (mode === 'read' ? disk.open(path, mode) : guarded({ kind: 'open', path }, () => disk.open(path, mode))),
      ),
    remove: (path) => guarded({ kind: 'remove', path }, () => disk.remove(path)),
    syncFolder: (dir) => guarded({ kind: 'syncFolder', path: dir }, () => disk.syncFolder(dir)),
  };
}

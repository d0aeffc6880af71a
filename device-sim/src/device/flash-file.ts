import {
  closeSync,
  existsSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Flash } from './ports.ts';

/** length (4 bytes big-endian), CRC-32 (4), record. */
const headBytes = 8;
const maxRecordBytes = 1 << 20;
/** So many zeros where a record should end: the disk had not got to it. A signature never ends so. */
const unwrittenBytes = 16;

/** The spool file, kept open as long as a sync of it runs. */
interface OpenFile {
  readonly fd: number;
  syncs: number;
  isLeft: boolean;
}

/**
 * Three files in `folder`: `<name>.state`, `<name>.spool`, `<name>.acks` (the account). Appends are plain writes: they survive the
 * end of the process; a loss of power may take what was not synced, and a torn tail is cut at the next start. The state is
 * synced and renamed into place, as it holds the keys and counters; so is the entry of a new spool in the folder with it.
 */
export function createFileFlash(folder: string, name: string): Flash {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const statePath = join(folder, `${name}.state`);
  const spoolPath = join(folder, `${name}.spool`);
  const accountPath = join(folder, `${name}.acks`);
  let spool: OpenFile | undefined;
  let running: Promise<void> | undefined;
  let queued: Promise<void> | undefined;
  let account: number | undefined;
  let bytes = 0;
  const openSpool = () => {
    spool ??= { fd: openSync(spoolPath, 'a', 0o600), syncs: 0, isLeft: false };
    return spool;
  };
  const leaveSpool = () => {
    if (spool !== undefined) {
      spool.isLeft = true;
      if (spool.syncs === 0) closeSync(spool.fd);
    }
    spool = undefined;
  };
  const syncOnce = (): Promise<void> => {
    const file = spool;
    // Nothing was appended since it was written as a whole, and synced.
    if (file === undefined) return Promise.resolve();
    file.syncs++;
    return new Promise((resolve, reject) =>
      fdatasync(file.fd, (error) => {
        file.syncs--;
        if (file.isLeft && file.syncs === 0) closeSync(file.fd);
        if (error === null || file.isLeft) resolve();
        else reject(error);
      }),
    );
  };
  const startSync = (): Promise<void> => {
    const mine = syncOnce().finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  };
  const openAccount = () => {
    account ??= openSync(accountPath, 'a', 0o600);
    return account;
  };
  return {
    readState: () => (existsSync(statePath) ? new Uint8Array(readFileSync(statePath)) : undefined),
    writeState: (state) => replaceFile(statePath, [state]),
    readRecords() {
      if (!existsSync(spoolPath)) return [];
      const file = new Uint8Array(readFileSync(spoolPath));
      const { records, endBytes } = scan(file);
      if (endBytes < file.length) cut(spoolPath, endBytes);
      bytes = endBytes;
      // An earlier process may have left what was never synced.
      openSpool();
      return records;
    },
    append(record) {
      writeAll(openSpool().fd, framed(record));
      bytes += headBytes + record.length;
    },
    sync() {
      if (queued !== undefined) return queued;
      if (running === undefined) return startSync();
      const next = running
        .catch(() => {})
        .then(() => {
          queued = undefined;
          return startSync();
        });
      queued = next;
      return next;
    },
    spoolBytes: () => bytes,
    rewrite(records) {
      const parts = [...records].map(framed);
      replaceFile(spoolPath, parts);
      leaveSpool();
      bytes = parts.reduce((sum, part) => sum + part.length, 0);
    },
    readAccount() {
      if (!existsSync(accountPath)) return '';
      const text = readFileSync(accountPath, 'utf8');
      const whole = text.lastIndexOf('\n') + 1;
      // A line without its end was never finished; what follows must not grow out of it.
      if (whole < text.length) cut(accountPath, Buffer.byteLength(text.slice(0, whole)));
      return text.slice(0, whole);
    },
    appendAccount: (lines) => writeAll(openAccount(), Buffer.from(lines)),
    rewriteAccount(lines) {
      replaceFile(accountPath, [Buffer.from(lines)]);
      if (account !== undefined) closeSync(account);
      account = undefined;
    },
    close() {
      leaveSpool();
      if (account !== undefined) closeSync(account);
      account = undefined;
    },
  };
}

function framed(record: Uint8Array): Uint8Array {
  if (record.length > maxRecordBytes) throw new RangeError(`spool record of ${record.length} bytes`);
  const out = Buffer.allocUnsafe(headBytes + record.length);
  out.writeUInt32BE(record.length, 0);
  out.writeUInt32BE(crc32(record), 4);
  out.set(record, headBytes);
  return out;
}

/** All whole records, `undefined` where others were damaged, and where a torn tail begins. */
function scan(file: Uint8Array): { records: (Uint8Array | undefined)[]; endBytes: number } {
  const records: (Uint8Array | undefined)[] = [];
  let at = 0;
  while (at < file.length) {
    const end = endOfRecord(file, at);
    if (end !== undefined) {
      records.push(file.subarray(at + headBytes, end));
      at = end;
      continue;
    }
    let next = at + 1;
    while (next < file.length && endOfRecord(file, next) === undefined) next++;
    if (next >= file.length && isTorn(file.subarray(at))) break;
    records.push(undefined);
    at = next;
  }
  return { records, endBytes: at };
}

/** Where the record that begins at `at` ends; undefined when no whole one does. */
function endOfRecord(file: Uint8Array, at: number): number | undefined {
  if (at + headBytes >= file.length) return undefined;
  const lengthBytes = uint32(file, at);
  const end = at + headBytes + lengthBytes;
  if (lengthBytes === 0 || lengthBytes > maxRecordBytes || end > file.length) return undefined;
  return crc32(file.subarray(at + headBytes, end)) === uint32(file, at + 4) ? end : undefined;
}

/** Whether these last bytes are the beginning of a record, of which the rest is missing or zeros. Else it was whole once. */
function isTorn(rest: Uint8Array): boolean {
  let written = rest.length;
  while (written > 0 && rest[written - 1] === 0) written--;
  if (rest.length <= headBytes || written === 0) return true;
  const said = headBytes + uint32(rest, 0);
  if (said > headBytes + maxRecordBytes) return false;
  const isShort = said > rest.length || (said > written && rest.length - written >= unwrittenBytes);
  // All there but for the CRC to fit: then the length is what is damaged.
  return isShort && crc32(rest.subarray(headBytes)) !== uint32(rest, 4);
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function cut(path: string, lengthBytes: number): void {
  const fd = openSync(path, 'r+');
  try {
    ftruncateSync(fd, lengthBytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function replaceFile(path: string, parts: readonly Uint8Array[]): void {
  const next = `${path}.next`;
  const fd = openSync(next, 'w', 0o600);
  try {
    for (const part of parts) writeAll(fd, part);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(next, path);
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at);
}

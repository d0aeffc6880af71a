import {
  closeSync,
  existsSync,
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

/**
 * Three files in `folder`: `<name>.state`, `<name>.spool`, `<name>.acks` (the account). Appends are plain writes: they survive the
 * end of the process; after a loss of power a torn tail is cut at the next start. The state is synced and renamed into
 * place, as it holds the keys and counters.
 */
export function createFileFlash(folder: string, name: string): Flash {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const statePath = join(folder, `${name}.state`);
  const spoolPath = join(folder, `${name}.spool`);
  const accountPath = join(folder, `${name}.acks`);
  let spool: number | undefined;
  let account: number | undefined;
  let bytes = 0;
  const openSpool = () => {
    spool ??= openSync(spoolPath, 'a', 0o600);
    return spool;
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
      return records;
    },
    append(record) {
      writeAll(openSpool(), framed(record));
      bytes += headBytes + record.length;
    },
    spoolBytes: () => bytes,
    rewrite(records) {
      const parts = [...records].map(framed);
      replaceFile(spoolPath, parts);
      if (spool !== undefined) closeSync(spool);
      spool = undefined;
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
      for (const fd of [spool, account]) if (fd !== undefined) closeSync(fd);
      spool = undefined;
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

/** All whole records, and where they end: a torn or damaged tail is left out. */
function scan(file: Uint8Array): { records: Uint8Array[]; endBytes: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const records: Uint8Array[] = [];
  let at = 0;
  while (at + headBytes <= file.length) {
    const length = view.getUint32(at);
    const end = at + headBytes + length;
    if (length > maxRecordBytes || end > file.length) break;
    const record = file.subarray(at + headBytes, end);
    if (crc32(record) !== view.getUint32(at + 4)) break;
    records.push(record);
    at = end;
  }
  return { records, endBytes: at };
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

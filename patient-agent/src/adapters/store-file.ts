import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { agentFailure } from '../failures.ts';
import { agentLimits } from '../limits.ts';
import type { AgentStore } from '../ports.ts';

/** length (4 bytes big-endian), CRC-32 (4), record. */
const headBytes = 8;
/** A sealed entry never ends with a tag of zeros: where one seems to, the disk had not written it yet. */
const tagBytes = 16;

/**
 * `<name>.state` and `<name>.vault` in `folder`; every change is synced before the call returns: it is rare and matters.
 *
 * @throws vault-damaged by `readVault` when anything but an unfinished last entry does not read; the file stays as it is.
 */
export function createFileAgentStore(folder: string, name: string): AgentStore {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const statePath = join(folder, `${name}.state`);
  const vaultPath = join(folder, `${name}.vault`);
  let vault: number | undefined;
  return {
    readState: () => (existsSync(statePath) ? new Uint8Array(readFileSync(statePath)) : undefined),
    writeState: (bytes) => replaceFile(folder, statePath, [bytes]),
    readVault() {
      if (!existsSync(vaultPath)) return [];
      const file = new Uint8Array(readFileSync(vaultPath));
      const { records, endBytes } = scan(file);
      if (endBytes < file.length && !isUnfinished(file.subarray(endBytes)))
        throw agentFailure('vault-damaged', `at byte ${endBytes} of ${file.length}`);
      // A torn tail is an entry that was never finished: the device hands its epoch over again.
      if (endBytes < file.length) replaceFile(folder, vaultPath, records.map(framed));
      return records;
    },
    appendVault(record) {
      vault ??= openSync(vaultPath, 'a', 0o600);
      const before = fstatSync(vault).size;
      try {
        writeAll(vault, framed(record));
        fsyncSync(vault);
      } catch (error) {
        // Half an entry (a full disk) must not come to stand before whole ones.
        ftruncateSync(vault, before);
        throw error;
      }
    },
    rewriteVault(records) {
      replaceFile(folder, vaultPath, records.map(framed));
      if (vault !== undefined) closeSync(vault);
      vault = undefined;
    },
    close() {
      if (vault !== undefined) closeSync(vault);
      vault = undefined;
    },
  };
}

function framed(record: Uint8Array): Uint8Array {
  const out = Buffer.alloc(headBytes + record.length);
  out.writeUInt32BE(record.length, 0);
  out.writeUInt32BE(crc32(record), 4);
  out.set(record, headBytes);
  return out;
}

function scan(file: Uint8Array): { records: Uint8Array[]; endBytes: number } {
  const records: Uint8Array[] = [];
  let at = 0;
  for (let end = endOfRecord(file, at); end !== undefined; end = endOfRecord(file, at)) {
    records.push(file.slice(at + headBytes, end));
    at = end;
  }
  return { records, endBytes: at };
}

/** Where the record that begins at `at` ends; undefined when no whole one does. */
function endOfRecord(file: Uint8Array, at: number): number | undefined {
  if (at + headBytes >= file.length) return undefined;
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const end = at + headBytes + view.getUint32(at);
  if (end === at + headBytes || end - at > agentLimits.maxRecordBytes || end > file.length) return undefined;
  return crc32(file.subarray(at + headBytes, end)) === view.getUint32(at + 4) ? end : undefined;
}

/**
 * Whether these last bytes are the one entry that was being written when the power went: fewer than it says, or zeros
 * where the disk had not got to. Anything else was whole once.
 */
function isUnfinished(rest: Uint8Array): boolean {
  for (let at = 1; at + headBytes < rest.length; at++) if (endOfRecord(rest, at) !== undefined) return false;
  if (rest.length <= headBytes || rest.every((byte) => byte === 0)) return true;
  const view = new DataView(rest.buffer, rest.byteOffset, rest.length);
  const saidBytes = headBytes + view.getUint32(0);
  if (saidBytes === rest.length) return rest.subarray(-tagBytes).every((byte) => byte === 0);
  if (saidBytes < rest.length || saidBytes > agentLimits.maxRecordBytes) return false;
  // All there but for the CRC to fit: then the length is what is damaged.
  return crc32(rest.subarray(headBytes)) !== view.getUint32(4);
}

function replaceFile(folder: string, path: string, parts: readonly Uint8Array[]): void {
  const next = `${path}.next`;
  const fd = openSync(next, 'w', 0o600);
  try {
    for (const part of parts) writeAll(fd, part);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(next, path);
  const folderFd = openSync(folder, 'r');
  try {
    fsyncSync(folderFd);
  } finally {
    closeSync(folderFd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at);
}

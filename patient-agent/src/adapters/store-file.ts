import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { agentLimits } from '../limits.ts';
import type { AgentStore } from '../ports.ts';

/** length (4 bytes big-endian), CRC-32 (4), record. */
const headBytes = 8;

/** `<name>.state` and `<name>.vault` in `folder`; every change is synced before the call returns: it is rare and matters. */
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
      // A torn tail is an entry that was never finished: the device hands its epoch over again.
      if (endBytes < file.length) replaceFile(folder, vaultPath, records.map(framed));
      return records;
    },
    appendVault(record) {
      vault ??= openSync(vaultPath, 'a', 0o600);
      writeAll(vault, framed(record));
      fsyncSync(vault);
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
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const records: Uint8Array[] = [];
  let at = 0;
  while (at + headBytes <= file.length) {
    const end = at + headBytes + view.getUint32(at);
    if (end - at > agentLimits.maxRecordBytes || end > file.length) break;
    const record = file.slice(at + headBytes, end);
    if (crc32(record) !== view.getUint32(at + 4)) break;
    records.push(record);
    at = end;
  }
  return { records, endBytes: at };
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

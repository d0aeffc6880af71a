import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** A secret in one spelling. `what` names it without showing it. */
interface Pattern {
  readonly what: string;
  readonly bytes: Uint8Array;
}

export interface SecretScan {
  /** How many spellings are looked for. */
  readonly patterns: number;
  /** Names of the secrets found. */
  bytes(bytes: Uint8Array): Set<string>;
  folder(dir: string): { readonly found: Set<string>; readonly sizeBytes: number };
  /** All readable mappings of a process. @throws when the system does not let this process read them */
  memory(pid: number): { readonly found: Set<string>; readonly sizeBytes: number };
}

export interface Secrets {
  readonly values: readonly number[];
  readonly names: readonly string[];
  readonly keys: readonly Uint8Array[];
}

const FILTER_BITS = 20;
const CHUNK_BYTES = 8 * 1024 * 1024;
const PAGE_BYTES = 4_096;
const ZERO_PAGE = new Uint8Array(PAGE_BYTES);

/**
 * Looks for many short byte strings at once: a table over the hash of three bytes passes about one place in a hundred,
 * and only there whole patterns are compared. Half a gigabyte takes some seconds.
 */
export function createSecretScan(secrets: Secrets): SecretScan {
  const patterns = spellings(secrets);
  const filter = new Uint8Array(1 << FILTER_BITS);
  const byHead = new Map<number, Pattern[]>();
  let longest = 0;
  for (const pattern of patterns) {
    if (pattern.bytes.length < 8) throw new RangeError(`${pattern.what} is too short to be told from chance`);
    const head = headAt(pattern.bytes, 0);
    filter[hash(head)] = 1;
    byHead.set(head, [...(byHead.get(head) ?? []), pattern]);
    longest = Math.max(longest, pattern.bytes.length);
  }
  const into = (bytes: Uint8Array, found: Set<string>) => {
    const last = bytes.length - 3;
    for (let page = 0; page <= last; page += PAGE_BYTES) {
      const end = Math.min(page + PAGE_BYTES, bytes.length);
      // No secret begins with a zero, and most of a process is zeros.
      if (end - page === PAGE_BYTES && Buffer.compare(bytes.subarray(page, end), ZERO_PAGE) === 0) continue;
      const to = Math.min(end - 1, last);
      for (let i = page; i <= to; i++) {
        const head = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16);
        if (filter[Math.imul(head, 0x9e3779b1) >>> (32 - FILTER_BITS)] === 0) continue;
        for (const pattern of byHead.get(head) ?? []) if (isAt(bytes, i, pattern.bytes)) found.add(pattern.what);
      }
    }
  };
  return {
    patterns: patterns.length,
    bytes(bytes) {
      const found = new Set<string>();
      into(bytes, found);
      return found;
    },
    folder(dir) {
      const found = new Set<string>();
      let sizeBytes = 0;
      for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const bytes = readFileSync(join(entry.parentPath, entry.name));
        sizeBytes += bytes.length;
        into(bytes, found);
      }
      return { found, sizeBytes };
    },
    memory(pid) {
      const found = new Set<string>();
      const chunk = new Uint8Array(CHUNK_BYTES);
      const memory = openSync(`/proc/${pid}/mem`, 'r');
      let sizeBytes = 0;
      try {
        for (const { from, to } of readableMappings(pid)) {
          // Chunks overlap by the longest pattern, so that none hides on a border.
          for (let at = from; at < to; at += CHUNK_BYTES - longest) {
            const got = readOrNothing(memory, chunk, Math.min(CHUNK_BYTES, to - at), at);
            sizeBytes += got;
            into(chunk.subarray(0, got), found);
          }
        }
      } finally {
        closeSync(memory);
      }
      return { found, sizeBytes };
    },
  };
}

/** A page may go away while it is being read: what cannot be read is not there. */
function readOrNothing(file: number, chunk: Uint8Array, length: number, at: number): number {
  try {
    return readSync(file, chunk, 0, length, at);
  } catch {
    return 0;
  }
}

function readableMappings(pid: number): { from: number; to: number }[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const match = /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+ *(.*)$/.exec(line);
      if (match === null || /^\[v(var|syscall|dso)/.test(match[3]!)) return [];
      return [{ from: Number.parseInt(match[1]!, 16), to: Number.parseInt(match[2]!, 16) }];
    });
}

function spellings({ values, names, keys }: Secrets): Pattern[] {
  const text = (what: string, word: string): Pattern[] => [
    { what, bytes: Buffer.from(word, 'utf8') },
    { what, bytes: Buffer.from(word, 'utf16le') },
  ];
  return [
    ...values.flatMap((value, i) => {
      const what = `value ${i}`;
      const cbor = new Uint8Array(9);
      cbor[0] = 0x1b;
      new DataView(cbor.buffer).setBigUint64(1, BigInt(value));
      return [
        ...text(what, String(value)),
        { what, bytes: cbor },
        { what, bytes: new Uint8Array(Float64Array.of(value).buffer) },
      ];
    }),
    ...names.flatMap((name, i) => text(`name ${i}`, name)),
    ...keys.flatMap((key, i) => {
      const what = `key ${i}`;
      const bytes = Buffer.from(key);
      return [
        { what, bytes: key },
        ...text(what, bytes.toString('hex')),
        ...text(what, bytes.toString('base64').replace(/=+$/, '')),
        ...text(what, bytes.toString('base64url')),
      ];
    }),
  ];
}

const headAt = (bytes: Uint8Array, at: number) => bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
const hash = (head: number) => Math.imul(head, 0x9e3779b1) >>> (32 - FILTER_BITS);

function isAt(bytes: Uint8Array, at: number, pattern: Uint8Array): boolean {
  if (at + pattern.length > bytes.length) return false;
  for (let i = 0; i < pattern.length; i++) if (bytes[at + i] !== pattern[i]) return false;
  return true;
}

/** Why memory of other processes cannot be read here; undefined: it can. */
export function memoryUnreadable(pid: number): string | undefined {
  try {
    closeSync(openSync(`/proc/${pid}/mem`, 'r'));
    return undefined;
  } catch (error) {
    return `process memory is not scanned: ${(error as Error).message}`;
  }
}

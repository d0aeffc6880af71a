import { argon2 } from 'node:crypto';
import { concat, erase, fromBase64url, toBase64url, utf8 } from './bytes.ts';
import { keyStoreFailure } from './failures.ts';
import type { KeyStoreEntry } from './key-store.ts';
import { argon2Bounds, maxEntries, maxSecretBytes, namePattern } from './limits.ts';
import { nativeAead } from './native-aead.ts';

/**
 * The file: one line of JSON (the header), a line feed, then AES-256-GCM ciphertext with tag. The header line is the
 * associated data, so that neither its parameters nor its nonce can be exchanged.
 */
export interface SealingHeader {
  readonly salt: Uint8Array;
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

const format = 'pulseseal-keys-1';
const lineFeed = 0x0a;
const maxHeaderBytes = 512;

/** Argon2id (RFC 9106) on the thread pool: 32-byte key. */
export function deriveSealingKey(passphrase: string, header: SealingHeader): Promise<Uint8Array> {
  const message = utf8(passphrase.normalize('NFKC'));
  return new Promise((resolve, reject) => {
    argon2(
      'argon2id',
      {
        message,
        nonce: header.salt,
        memory: header.memoryKib,
        passes: header.passes,
        parallelism: header.lanes,
        tagLength: 32,
      },
      (error, key) => {
        erase(message);
        if (error === null) resolve(new Uint8Array(key));
        else reject(error);
      },
    );
  });
}

export function sealEntries(
  key: Uint8Array,
  header: SealingHeader,
  nonce: Uint8Array,
  entries: ReadonlyMap<string, KeyStoreEntry>,
): Uint8Array {
  const rows = [...entries].map(([name, entry]) => [name, entry.createdMs, toBase64url(entry.secret)]);
  const plaintext = utf8(JSON.stringify(rows));
  const { salt, memoryKib, passes, lanes } = header;
  const line = utf8(
    `${JSON.stringify({
      format,
      kdf: 'argon2id',
      memoryKib,
      passes,
      lanes,
      salt: toBase64url(salt),
      aead: 'AES-256-GCM',
      nonce: toBase64url(nonce),
    })}\n`,
  );
  const ciphertext = nativeAead.aes256GcmSeal(key, nonce, plaintext, line);
  erase(plaintext);
  return concat(line, ciphertext);
}

export interface SealedFile {
  readonly header: SealingHeader;
  readonly nonce: Uint8Array;
  readonly line: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** @throws Failure `key-store-damaged` */
export function parseSealedFile(bytes: Uint8Array): SealedFile {
  const end = bytes.subarray(0, maxHeaderBytes).indexOf(lineFeed);
  if (end < 0) throw keyStoreFailure('key-store-damaged', 'no header line');
  const line = bytes.subarray(0, end + 1);
  const fields = parseJson(line);
  if (!isRecord(fields) || fields.format !== format || fields.kdf !== 'argon2id' || fields.aead !== 'AES-256-GCM')
    throw keyStoreFailure('key-store-damaged', 'header of another format');
  return {
    header: {
      salt: parseBytes(fields.salt, 16),
      memoryKib: parseBounded(fields.memoryKib, argon2Bounds.memoryKib),
      passes: parseBounded(fields.passes, argon2Bounds.passes),
      lanes: parseBounded(fields.lanes, argon2Bounds.lanes),
    },
    nonce: parseBytes(fields.nonce, 12),
    line,
    ciphertext: bytes.subarray(end + 1),
  };
}

/** @throws Failure `key-store-wrong-passphrase`, `key-store-damaged` */
export function openEntries(key: Uint8Array, file: SealedFile): Map<string, KeyStoreEntry> {
  const plaintext = nativeAead.aes256GcmOpen(key, file.nonce, file.ciphertext, file.line);
  if (plaintext === undefined) throw keyStoreFailure('key-store-wrong-passphrase');
  const rows = parseJson(plaintext);
  erase(plaintext);
  if (!Array.isArray(rows) || rows.length > maxEntries) throw keyStoreFailure('key-store-damaged', 'entry table');
  return new Map(rows.map(parseRow));
}

function parseRow(row: unknown): [string, KeyStoreEntry] {
  if (!Array.isArray(row) || row.length !== 3) throw keyStoreFailure('key-store-damaged', 'entry');
  const [name, createdMs, text]: readonly unknown[] = row;
  if (typeof name !== 'string' || !namePattern.test(name) || typeof createdMs !== 'number')
    throw keyStoreFailure('key-store-damaged', 'entry name or time');
  const secret = parseBytes(text);
  if (secret.length > maxSecretBytes) throw keyStoreFailure('key-store-damaged', 'entry size');
  return [name, { secret, createdMs }];
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw keyStoreFailure('key-store-damaged', 'not JSON');
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseBytes(value: unknown, length?: number): Uint8Array {
  if (typeof value !== 'string') throw keyStoreFailure('key-store-damaged', 'bytes field');
  try {
    const bytes = fromBase64url(value);
    if (length === undefined || bytes.length === length) return bytes;
  } catch {
    // The same answer as for a wrong length.
  }
  throw keyStoreFailure('key-store-damaged', 'bytes field');
}

function parseBounded(value: unknown, [least, most]: readonly [number, number]): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw keyStoreFailure('key-store-damaged', 'key derivation parameters out of bounds');
}

import { crc32 } from 'node:zlib';
import { logFailure } from './failures.ts';

/** Global byte offset of a record in the log: rises, never reused for another acknowledged record, < 2^53. */
export type Position = number;

/** Two copies of a 48-byte header: one flipped byte must not cost a whole segment its salt. */
export const SEGMENT_HEADER_BYTES = 96;
const COPY_BYTES = 48;
const MAGIC = 0x50534c47; // "PSLG"
const VERSION = 1;
export const SALT_BYTES = 16;

export interface SegmentHeader {
  readonly base: Position;
  readonly salt: Uint8Array;
  /** Present when the records are sealed at rest. */
  readonly keyCheck: Uint8Array | undefined;
}

export const segmentName = (base: Position): string => `${String(base).padStart(16, '0')}.seg`;

/** The base position in a segment's file name, or undefined for any other file. */
export function segmentBase(name: string): Position | undefined {
  const found = /^(\d{16})\.seg$/.exec(name);
  return found === null ? undefined : Number(found[1]);
}

export const segmentSeed = (salt: Uint8Array): number => crc32(salt, VERSION);

/** Each copy: magic 4, version 1, sealed 1, zero 2, base 8, salt 16, key check 8, zero 4, CRC-32 4; big-endian. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const out = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC);
  out[4] = VERSION;
  out[5] = header.keyCheck === undefined ? 0 : 1;
  view.setBigUint64(8, BigInt(header.base));
  out.set(header.salt, 16);
  if (header.keyCheck !== undefined) out.set(header.keyCheck, 32);
  view.setUint32(COPY_BYTES - 4, crc32(out.subarray(0, COPY_BYTES - 4)));
  out.copyWithin(COPY_BYTES, 0, COPY_BYTES);
  return out;
}

/** The header out of whichever copy is intact, and whether one was not; undefined when neither is. */
export function decodeSegmentHeader(
  bytes: Uint8Array,
  base: Position,
): { header: SegmentHeader; isDamaged: boolean } | undefined {
  const first = decodeCopy(bytes, 0, base);
  const second = decodeCopy(bytes, COPY_BYTES, base);
  const header = first ?? second;
  if (header === undefined) return undefined;
  return { header, isDamaged: first === undefined || second === undefined };
}

function decodeCopy(bytes: Uint8Array, at: number, base: Position): SegmentHeader | undefined {
  if (bytes.length < at + COPY_BYTES) return undefined;
  const copy = bytes.subarray(at, at + COPY_BYTES);
  const view = new DataView(copy.buffer, copy.byteOffset, COPY_BYTES);
  if (view.getUint32(COPY_BYTES - 4) !== crc32(copy.subarray(0, COPY_BYTES - 4))) return undefined;
  if (view.getUint32(0) !== MAGIC || Number(view.getBigUint64(8)) !== base) return undefined;
  if (copy[4] !== VERSION) throw logFailure('segment-version', `version ${copy[4]}`);
  return { base, salt: copy.slice(16, 32), keyCheck: copy[5] === 1 ? copy.slice(32, 40) : undefined };
}

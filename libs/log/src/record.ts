import { crc32 } from 'node:zlib';

/**
 * A record: length (20 bits, big-endian) and header check (12 bits), CRC-32 (4 bytes), stored bytes.
 * Checksum and header check start from a value mixed out of the segment's salt, the record's offset and its length:
 * a record copied to another place, or bytes inside a payload that look like a record, never pass.
 */
export const RECORD_HEADER_BYTES = 8;

function startValue(segmentSeed: number, offset: number, length: number): number {
  let h = segmentSeed ^ Math.imul(offset, 0x9e3779b1) ^ Math.imul(length, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 13), 0x297a2d39);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Writes header and `stored` into `target` at `at`; `offset` is the record's place in its segment file. */
export function putRecord(target: Uint8Array, at: number, stored: Uint8Array, offset: number, segmentSeed: number) {
  const length = stored.length;
  const start = startValue(segmentSeed, offset, length);
  const sum = crc32(stored, start);
  target[at] = length >>> 12;
  target[at + 1] = length >>> 4;
  target[at + 2] = ((length & 0xf) << 4) | ((start >>> 8) & 0xf);
  target[at + 3] = start;
  target[at + 4] = sum >>> 24;
  target[at + 5] = sum >>> 16;
  target[at + 6] = sum >>> 8;
  target[at + 7] = sum;
  target.set(stored, at + RECORD_HEADER_BYTES);
}

/** The stored length that a header claims, or -1 when it is no header for this place. */
export function headerLength(bytes: Uint8Array, at: number, offset: number, segmentSeed: number): number {
  const length = (bytes[at]! << 12) | (bytes[at + 1]! << 4) | (bytes[at + 2]! >>> 4);
  const check = ((bytes[at + 2]! & 0xf) << 8) | bytes[at + 3]!;
  return (startValue(segmentSeed, offset, length) & 0xfff) === check ? length : -1;
}

/** Whether the stored bytes behind the header at `at` match its checksum. All of them must be in `bytes`. */
export function matchesChecksum(
  bytes: Uint8Array,
  at: number,
  length: number,
  offset: number,
  segmentSeed: number,
): boolean {
  const from = at + RECORD_HEADER_BYTES;
  const sum = crc32(bytes.subarray(from, from + length), startValue(segmentSeed, offset, length));
  const claimed = ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0;
  return sum === claimed;
}

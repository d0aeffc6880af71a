import { gatewayFailure } from './failures.ts';

/**
 * A journal record: a prefix of fixed length, then the message bytes as they came, so that a feed or a proof can point
 * into the journal. Prefix, big-endian: kind 5 bits, flags 4 bits, device number 23 bits, arrival in ms 48 bits. It stands
 * before every frame, so each of its bytes is 0.4 % of the disk.
 */
export const PREFIX_BYTES = 10;
/** Devices that one gateway can number. */
export const MAX_DEVICE_NUMBER = 2 ** 23 - 1;

export const RECORD = {
  /** The gateway started: counter, 4 bytes. */
  start: 1,
  /** Device number -> thumbprint, 32 bytes. */
  device: 2,
  beacon: 3,
  endorse: 4,
  manifest: 5,
  /** The opening as it came, with its tag. */
  opening: 6,
  keys: 7,
  frame: 8,
  /** The close's signed bytes, bare. */
  close: 9,
  /** A close that came before the one it follows is chained now: position of its record, 8 bytes. */
  chained: 10,
  /** The repair as it came. */
  repair: 11,
  /**
   * The root of a segment was recomputed after its close (flags 1) or two closes or roots disagree (flags 2): position of
   * the close.
   */
  segment: 12,
  sth: 13,
  /** The ledger holds the head of this size: 8 bytes. */
  anchored: 14,
  /** OK retired by the ledger. */
  retired: 15,
  /** What a device was told about an epoch: accepted (flags 1). Its `oh`. */
  accepted: 16,
  /** The ledger ended a consent: its name (`consentName`), UTF-8; or retired a device: its pseudonym, 32 hex digits. */
  revoked: 17,
} as const;
export type RecordKind = (typeof RECORD)[keyof typeof RECORD];

export const FLAG = {
  /** Came inside bulk. */
  bulk: 1,
  /** opening: the ledger could not confirm the manifest. */
  unconfirmed: 2,
  /** close: its chain was whole when it was written, so it has its place in the log. */
  chained: 4,
  /** close: every leaf stood before it and led to its root, so that it ends its segment by itself. */
  whole: 8,
  /** frame, opening: the clock was outside the skew bound. */
  clockUntrusted: 8,
  complete: 1,
  disputed: 2,
} as const;

export interface JournalRecord {
  readonly kind: RecordKind;
  readonly flags: number;
  /** 0: no device. */
  readonly deviceNumber: number;
  readonly arrivedMs: number;
  /** A view into the record. */
  readonly message: Uint8Array;
}

/** Writes the prefix into `target`. */
export function putPrefix(
  target: Uint8Array,
  kind: RecordKind,
  flags: number,
  device: number,
  arrivedMs: number,
): void {
  if (device > MAX_DEVICE_NUMBER) throw gatewayFailure('journal-format', 'more devices than the journal can number');
  const word = ((kind << 27) | (flags << 23) | device) >>> 0;
  target[0] = word >>> 24;
  target[1] = word >>> 16;
  target[2] = word >>> 8;
  target[3] = word;
  const high = Math.floor(arrivedMs / 2 ** 32);
  const low = arrivedMs >>> 0;
  target[4] = high >>> 8;
  target[5] = high;
  target[6] = low >>> 24;
  target[7] = low >>> 16;
  target[8] = low >>> 8;
  target[9] = low;
}

/** @throws Failure `journal-format` */
export function parseRecord(data: Uint8Array): JournalRecord {
  const word = (at: number) => ((data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!) >>> 0;
  const head = data.length < PREFIX_BYTES ? 0 : word(0);
  const kind = head >>> 27;
  if (data.length < PREFIX_BYTES) throw gatewayFailure('journal-format');
  if (kind < RECORD.start || kind > RECORD.revoked) throw gatewayFailure('journal-format', `record of kind ${kind}`);
  return {
    kind: kind as RecordKind,
    flags: (head >>> 23) & 0xf,
    deviceNumber: head & MAX_DEVICE_NUMBER,
    arrivedMs: ((data[4]! << 8) | data[5]!) * 2 ** 32 + word(6),
    message: data.subarray(PREFIX_BYTES),
  };
}

export function uint64(value: number): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value));
  return out;
}

export const readUint64 = (bytes: Uint8Array, at = 0): number =>
  Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at));

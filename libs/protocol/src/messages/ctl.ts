import { parseWhole, type Reader, Writer } from '../cbor.ts';
import { LIMITS } from '../limits.ts';
import { demand, refuse } from '../refusal.ts';
import type { BeaconLimits } from './bodies.ts';
import { readLimits, writeLimits } from './bodies-codec.ts';

export const CTL = {
  close: 5,
  repair: 6,
  bye: 7,
  bulk: 8,
  accept: 16,
  nack: 17,
  rekey: 18,
  progress: 20,
  err: 31,
} as const;
export type CtlNumber = (typeof CTL)[keyof typeof CTL];
const numbers: readonly number[] = Object.values(CTL);

/** MACed control message (SPEC clause CTL-1). Unverified. */
export interface Ctl {
  readonly kind: 'ctl';
  readonly mt: CtlNumber;
  readonly eh: Uint8Array;
  readonly n: number;
  readonly content: Uint8Array;
  readonly tag: Uint8Array;
  readonly raw: Uint8Array;
  readonly untaggedLength: number;
}

export function readCtl(r: Reader, raw: Uint8Array): Ctl {
  r.arrayOf(5);
  const mt = r.uint();
  demand(numbers.includes(mt), 'unknown-kind');
  const eh = r.bytesOf(8);
  const n = r.uint();
  const content = r.byteString(mt === CTL.bulk ? LIMITS.bulkBytes : LIMITS.messageBytes);
  const untaggedLength = r.at;
  const tag = r.bytesOf(8);
  return { kind: 'ctl', mt: mt as CtlNumber, eh, n, content, tag, raw, untaggedLength };
}

export function parseCtl(bytes: Uint8Array): Ctl {
  return parseWhole(bytes, LIMITS.messageBytes, (r) => readCtl(r, bytes));
}

export function encodeUntaggedCtl(mt: CtlNumber, eh: Uint8Array, n: number, content: Uint8Array): Uint8Array {
  return new Writer(content.length + 32).array(5).uint(mt).bytes(eh).uint(n).bytes(content).finish();
}

/** `count` numbers from `first` on. */
export interface Range {
  readonly first: number;
  readonly count: number;
}

export function writeRanges(w: Writer, ranges: readonly Range[]): void {
  w.list(ranges, (x) => w.array(2).uint(x.first).uint(x.count));
}

/** Ascending, disjoint, in all at most 4,096 numbers (SPEC clause ENC-9). */
export function readRanges(r: Reader, least: number): Range[] {
  let next = 0;
  let sum = 0;
  return r.list(LIMITS.segmentFrames, least, () => {
    r.arrayOf(2);
    const first = r.uint(LIMITS.seq);
    const count = r.uint(LIMITS.segmentFrames, 1);
    demand(first >= next, 'not-canonical');
    next = first + count;
    sum += count;
    demand(sum <= LIMITS.segmentFrames, 'out-of-range');
    return { first, count };
  });
}

const parseContent = <T>(content: Uint8Array, read: (r: Reader) => T): T =>
  parseWhole(content, LIMITS.messageBytes, read);

export interface Repair {
  readonly segment: number;
  readonly leaves: readonly { readonly seq: number; readonly leaf: Uint8Array }[];
  readonly eh?: Uint8Array;
}

export function encodeRepair(m: Repair): Uint8Array {
  const w = new Writer()
    .map(m.eh === undefined ? 2 : 3)
    .uint(1)
    .uint(m.segment)
    .uint(2);
  w.list(m.leaves, (l) => w.array(2).uint(l.seq).bytes(l.leaf));
  if (m.eh !== undefined) w.uint(4).bytes(m.eh);
  return w.finish();
}

export function parseRepair(content: Uint8Array): Repair {
  return parseContent(content, (r) => {
    const f = r.fields(3);
    const segment = f.required(1, () => r.uint(LIMITS.segment));
    let last = 0;
    const leaves = f.required(2, () =>
      r.list(LIMITS.segmentFrames, 0, () => {
        r.arrayOf(2);
        const seq = r.uint(LIMITS.seq, 1);
        demand(seq > last, 'not-canonical');
        last = seq;
        return { seq, leaf: r.bytesOf(32) };
      }),
    );
    const eh = f.optional(4, () => r.bytesOf(8));
    f.done();
    return { segment, leaves, ...(eh === undefined ? {} : { eh }) };
  });
}

/** reason: 0 sleep, 1 shutdown, 2 moving to another gateway. */
export interface Bye {
  readonly reason: 0 | 1 | 2;
  readonly backInMs?: number;
}

export function encodeBye(m: Bye): Uint8Array {
  const w = new Writer()
    .map(m.backInMs === undefined ? 1 : 2)
    .uint(1)
    .uint(m.reason);
  if (m.backInMs !== undefined) w.uint(2).uint(m.backInMs);
  return w.finish();
}

export function parseBye(content: Uint8Array): Bye {
  return parseContent(content, (r) => {
    const f = r.fields(2);
    const reason = f.required(1, () => r.uint(2) as 0 | 1 | 2);
    const backInMs = f.optional(2, () => r.uint());
    f.done();
    return { reason, ...(backInMs === undefined ? {} : { backInMs }) };
  });
}

/** Whole messages of older or offline epochs: openings, keys, closes (bare), frames, in that order. */
export function encodeBulk(messages: readonly Uint8Array[]): Uint8Array {
  const w = new Writer(1024);
  return w.list(messages, (m) => w.bytes(m)).finish();
}

export function parseBulk(content: Uint8Array): Uint8Array[] {
  return parseContent(content, (r) => r.list(LIMITS.segmentFrames, 1, () => r.byteString(LIMITS.bulkBytes, 1)));
}

export const ACCEPT_FLAG = { manifestUnconfirmed: 1, newerManifest: 2 } as const;

export interface Accept {
  readonly oh: Uint8Array;
  readonly timeMs: number;
  readonly flags: number;
  /** Every seq below, every segment below: on disk. */
  readonly durable?: { readonly seqBelow: number; readonly segmentBelow: number };
  readonly limits?: BeaconLimits;
}

export function encodeAccept(m: Accept): Uint8Array {
  const w = new Writer().map(3 + (m.durable === undefined ? 0 : 1) + (m.limits === undefined ? 0 : 1));
  w.uint(1).bytes(m.oh).uint(2).uint(m.timeMs).uint(3).uint(m.flags);
  if (m.durable !== undefined) w.uint(4).array(2).uint(m.durable.seqBelow).uint(m.durable.segmentBelow);
  if (m.limits !== undefined) {
    w.uint(5);
    writeLimits(w, m.limits);
  }
  return w.finish();
}

export function parseAccept(content: Uint8Array): Accept {
  return parseContent(content, (r) => {
    const f = r.fields(5);
    const oh = f.required(1, () => r.bytesOf(32));
    const timeMs = f.required(2, () => r.time());
    const flags = f.required(3, () => r.uint(3));
    const durable = f.optional(4, () => {
      r.arrayOf(2);
      return { seqBelow: r.uint(), segmentBelow: r.uint() };
    });
    const limits = f.optional(5, () => readLimits(r));
    f.done();
    return {
      oh,
      timeMs,
      flags,
      ...(durable === undefined ? {} : { durable }),
      ...(limits === undefined ? {} : { limits }),
    };
  });
}

export const WANT = { leaves: 1, frames: 2, close: 3, keys: 4 } as const;
export type NackWant = 1 | 2 | 3 | 4;

export interface Nack {
  readonly segment: number;
  readonly ranges?: readonly Range[];
  readonly want: NackWant;
  readonly eh?: Uint8Array;
}

export function encodeNack(m: Nack): Uint8Array {
  const w = new Writer()
    .map(2 + (m.ranges === undefined ? 0 : 1) + (m.eh === undefined ? 0 : 1))
    .uint(1)
    .uint(m.segment);
  if (m.ranges !== undefined) {
    w.uint(2);
    writeRanges(w, m.ranges);
  }
  w.uint(3).uint(m.want);
  if (m.eh !== undefined) w.uint(4).bytes(m.eh);
  return w.finish();
}

export function parseNack(content: Uint8Array): Nack {
  return parseContent(content, (r) => {
    const f = r.fields(4);
    const segment = f.required(1, () => r.uint(LIMITS.segment));
    const ranges = f.optional(2, () => readRanges(r, 1));
    const want = f.required(3, () => r.uint(4, 1) as NackWant);
    const eh = f.optional(4, () => r.bytesOf(8));
    f.done();
    return { segment, want, ...(ranges === undefined ? {} : { ranges }), ...(eh === undefined ? {} : { eh }) };
  });
}

/** 0 new prekey, 1 operator, 2 compromise. */
export interface Rekey {
  readonly reason: 0 | 1 | 2;
}

export function encodeRekey(m: Rekey): Uint8Array {
  return new Writer().map(1).uint(1).uint(m.reason).finish();
}

export function parseRekey(content: Uint8Array): Rekey {
  return parseContent(content, (r) => {
    const f = r.fields(1);
    const reason = f.required(1, () => r.uint(2) as 0 | 1 | 2);
    f.done();
    return { reason };
  });
}

/** Durable and cumulative: what the device may forget. */
export interface Progress {
  readonly seqBelow: number;
  readonly ranges?: readonly Range[];
  readonly segmentBelow?: number;
  readonly eh?: Uint8Array;
}

export function encodeProgress(m: Progress): Uint8Array {
  const optional = [m.ranges, m.segmentBelow, m.eh].filter((x) => x !== undefined).length;
  const w = new Writer()
    .map(1 + optional)
    .uint(1)
    .uint(m.seqBelow);
  if (m.ranges !== undefined) {
    w.uint(2);
    writeRanges(w, m.ranges);
  }
  if (m.segmentBelow !== undefined) w.uint(3).uint(m.segmentBelow);
  if (m.eh !== undefined) w.uint(4).bytes(m.eh);
  return w.finish();
}

export function parseProgress(content: Uint8Array): Progress {
  return parseContent(content, (r) => {
    const f = r.fields(4);
    const seqBelow = f.required(1, () => r.uint());
    const ranges = f.optional(2, () => readRanges(r, 1));
    const segmentBelow = f.optional(3, () => r.uint());
    const eh = f.optional(4, () => r.bytesOf(8));
    f.done();
    return {
      seqBelow,
      ...(ranges === undefined ? {} : { ranges }),
      ...(segmentBelow === undefined ? {} : { segmentBelow }),
      ...(eh === undefined ? {} : { eh }),
    };
  });
}

export const ERR = {
  malformed: 1,
  unknownEpoch: 2,
  staleCounter: 3,
  manifestStale: 4,
  manifestUnknown: 5,
  suiteRefused: 6,
  rate: 7,
  macFail: 8,
  rootMismatch: 9,
  seqGap: 10,
  beaconExpired: 11,
  revokedDevice: 12,
  useBulk: 13,
} as const;
export type ErrCode = (typeof ERR)[keyof typeof ERR];

export interface Err {
  readonly code: ErrCode;
  /** H of the message or `oh` answered. */
  readonly about?: Uint8Array;
  /** By code: seq (1, 8), retry ms (7), ledger's version (4), segment (9). */
  readonly number?: number;
  /** For the log, never parsed. */
  readonly text?: string;
  readonly eh?: Uint8Array;
}

export function encodeErr(m: Err): Uint8Array {
  const optional = [m.about, m.number, m.text, m.eh].filter((x) => x !== undefined).length;
  const w = new Writer()
    .map(1 + optional)
    .uint(1)
    .uint(m.code);
  if (m.about !== undefined) w.uint(2).bytes(m.about);
  if (m.number !== undefined) w.uint(3).uint(m.number);
  if (m.text !== undefined) w.uint(4).text(m.text);
  if (m.eh !== undefined) w.uint(5).bytes(m.eh);
  return w.finish();
}

export function parseErr(content: Uint8Array): Err {
  return parseContent(content, (r) => {
    const f = r.fields(5);
    const code = f.required(1, () => r.uint(13, 1) as ErrCode);
    const about = f.optional(2, () => r.bytesOf(32));
    const number = f.optional(3, () => r.uint());
    const text = f.optional(4, () => r.text(LIMITS.errTextBytes));
    const eh = f.optional(5, () => r.bytesOf(8));
    f.done();
    return {
      code,
      ...(about === undefined ? {} : { about }),
      ...(number === undefined ? {} : { number }),
      ...(text === undefined ? {} : { text }),
      ...(eh === undefined ? {} : { eh }),
    };
  });
}

/** An err that nobody could MAC: eight zero bytes and n = 0. A hint, never a command. */
export function isHint(ctl: Ctl): boolean {
  return ctl.mt === CTL.err && ctl.n === 0 && ctl.tag.every((b) => b === 0);
}

/** Checks the content of any ctl, so that a malformed one is refused before its epoch is looked up. */
export function checkCtlContent(ctl: Ctl): void {
  if (ctl.mt !== CTL.close) (contentParsers[ctl.mt] ?? (() => refuse('unknown-kind')))(ctl.content);
}

const contentParsers: Readonly<Record<number, (content: Uint8Array) => unknown>> = {
  [CTL.repair]: parseRepair,
  [CTL.bye]: parseBye,
  [CTL.bulk]: parseBulk,
  [CTL.accept]: parseAccept,
  [CTL.nack]: parseNack,
  [CTL.rekey]: parseRekey,
  [CTL.progress]: parseProgress,
  [CTL.err]: parseErr,
};

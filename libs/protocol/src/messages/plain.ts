import { parseWhole, type Reader, Writer } from '../cbor.ts';
import { LIMITS } from '../limits.ts';
import { demand, refuse } from '../refusal.ts';
import { type Range, readRanges, writeRanges } from './ctl.ts';

/** Messages that are arrays beginning with their number, 32 to 46 (SPEC clause MSG-6). */

export interface Opening {
  readonly kind: 'opening';
  readonly open: Uint8Array;
  readonly pre?: Uint8Array;
}
export interface Keys {
  readonly kind: 'keys';
  readonly eh: Uint8Array;
  readonly wraps: readonly Uint8Array[];
}
export interface Lost {
  readonly kind: 'lost';
  readonly nonce: Uint8Array;
}
export interface Gone {
  readonly kind: 'gone';
}
export interface Rack {
  readonly kind: 'rack';
  readonly eh: Uint8Array;
  readonly rid: Uint8Array;
  readonly seq: number;
  readonly sg: number;
  readonly missing: number;
  readonly timeMs: number;
  readonly tag: Uint8Array;
  readonly raw: Uint8Array;
  readonly untaggedLength: number;
}
export interface Leaves {
  readonly kind: 'leaves';
  readonly eh: Uint8Array;
  readonly sg: number;
  readonly first: number;
  readonly leaves: readonly Uint8Array[];
}
export interface Grant {
  readonly kind: 'grant';
  readonly eh: Uint8Array;
  readonly wrap: Uint8Array;
}
export interface ReceiptMessage {
  readonly kind: 'receipt';
  readonly eh: Uint8Array;
  /** null: receipt of the `open`. */
  readonly sg: number | null;
  readonly receipt: Uint8Array;
}
/** state: 0 missing, 1 gone (leaf only), 2 came. */
export interface Gaps {
  readonly kind: 'gaps';
  readonly eh: Uint8Array;
  readonly sg: number;
  readonly state: 0 | 1 | 2;
  readonly ranges: readonly Range[];
}
/** state: 0 no session, 1 session, 2 not forwarded. */
export interface Edge {
  readonly kind: 'edge';
  readonly timeMs: number;
  readonly epochs: readonly { readonly eh: Uint8Array; readonly lastMs: number; readonly state: 0 | 1 | 2 }[];
}
/** want: 1 leaves, 2 frames of the ranges, 3 close and receipt, 4 opening, own wrap and what goes before them. */
export interface Ask {
  readonly kind: 'ask';
  readonly eh: Uint8Array;
  readonly want: 1 | 2 | 3 | 4;
  readonly sg: number | null;
  readonly ranges: readonly Range[];
}

export type Plain = Opening | Keys | Lost | Gone | Rack | Leaves | Grant | ReceiptMessage | Gaps | Edge | Ask;

export const encodeOpening = (open: Uint8Array, pre?: Uint8Array): Uint8Array => {
  const w = new Writer(open.length + 32)
    .array(pre === undefined ? 2 : 3)
    .uint(32)
    .bytes(open);
  if (pre !== undefined) w.bytes(pre);
  return w.finish();
};
export const encodeKeys = (eh: Uint8Array, wraps: readonly Uint8Array[]): Uint8Array => {
  const w = new Writer(4096).array(3).uint(33).bytes(eh);
  return w.list(wraps, (x) => w.bytes(x)).finish();
};
export const encodeLost = (nonce: Uint8Array): Uint8Array => new Writer().array(2).uint(34).bytes(nonce).finish();
export const encodeGone = (): Uint8Array => new Writer().array(1).uint(35).finish();
export const encodeUntaggedRack = (m: Omit<Rack, 'kind' | 'tag' | 'raw' | 'untaggedLength'>): Uint8Array =>
  new Writer(64)
    .array(8)
    .uint(40)
    .bytes(m.eh)
    .bytes(m.rid)
    .uint(m.seq)
    .uint(m.sg)
    .uint(m.missing)
    .uint(m.timeMs)
    .finish();
export const encodeLeaves = (eh: Uint8Array, sg: number, first: number, leaves: readonly Uint8Array[]): Uint8Array => {
  const w = new Writer(64 + leaves.length * 34).array(5).uint(41).bytes(eh).uint(sg).uint(first);
  return w.list(leaves, (l) => w.bytes(l)).finish();
};
export const encodeGrant = (eh: Uint8Array, wrap: Uint8Array): Uint8Array =>
  new Writer(wrap.length + 32).array(3).uint(42).bytes(eh).bytes(wrap).finish();
export const encodeReceiptMessage = (eh: Uint8Array, sg: number | null, receipt: Uint8Array): Uint8Array => {
  const w = new Writer(receipt.length + 32).array(4).uint(43).bytes(eh);
  return (sg === null ? w.null() : w.uint(sg)).bytes(receipt).finish();
};
export const encodeGaps = (eh: Uint8Array, sg: number, state: 0 | 1 | 2, ranges: readonly Range[]): Uint8Array => {
  const w = new Writer().array(5).uint(44).bytes(eh).uint(sg).uint(state);
  writeRanges(w, ranges);
  return w.finish();
};
export const encodeEdge = (timeMs: number, epochs: Edge['epochs']): Uint8Array => {
  const w = new Writer().array(3).uint(45).uint(timeMs);
  return w.list(epochs, (e) => w.array(3).bytes(e.eh).uint(e.lastMs).uint(e.state)).finish();
};
export const encodeAsk = (
  eh: Uint8Array,
  want: 1 | 2 | 3 | 4,
  sg: number | null,
  ranges: readonly Range[],
): Uint8Array => {
  const w = new Writer().array(5).uint(46).bytes(eh).uint(want);
  if (sg === null) w.null();
  else w.uint(sg);
  writeRanges(w, ranges);
  return w.finish();
};

/** Reads the message whose number stands behind the array head; `r` is at the head. */
export function readPlain(r: Reader, raw: Uint8Array): Plain {
  const count = r.array(8, 1);
  const number = r.uint();
  const items = (...allowed: number[]) => demand(allowed.includes(count), 'wrong-length');
  switch (number) {
    case 32: {
      items(2, 3);
      const open = r.byteString(LIMITS.openBytes, 1);
      return count === 3 ? { kind: 'opening', open, pre: r.bytesOf(8) } : { kind: 'opening', open };
    }
    case 33:
      items(3);
      return {
        kind: 'keys',
        eh: r.bytesOf(8),
        wraps: r.list(LIMITS.recipients, 1, () => r.byteString(LIMITS.wrapBytes, 1)),
      };
    case 34:
      items(2);
      return { kind: 'lost', nonce: r.bytesOf(16) };
    case 35:
      items(1);
      return { kind: 'gone' };
    case 40: {
      items(8);
      const head = {
        eh: r.bytesOf(8),
        rid: r.bytesOf(8),
        seq: r.uint(LIMITS.seq),
        sg: r.uint(LIMITS.segment),
        missing: r.uint(),
        timeMs: r.time(),
      };
      const untaggedLength = r.at;
      return { kind: 'rack', ...head, tag: r.bytesOf(8), raw, untaggedLength };
    }
    case 41:
      items(5);
      return {
        kind: 'leaves',
        eh: r.bytesOf(8),
        sg: r.uint(LIMITS.segment),
        first: r.uint(LIMITS.seq, 1),
        leaves: r.list(LIMITS.segmentFrames, 1, () => r.bytesOf(32)),
      };
    case 42:
      items(3);
      return { kind: 'grant', eh: r.bytesOf(8), wrap: r.byteString(LIMITS.messageBytes, 1) };
    case 43:
      items(4);
      return {
        kind: 'receipt',
        eh: r.bytesOf(8),
        sg: r.orNull(() => r.uint(LIMITS.segment)),
        receipt: r.byteString(8_192, 1),
      };
    case 44:
      items(5);
      return {
        kind: 'gaps',
        eh: r.bytesOf(8),
        sg: r.uint(LIMITS.segment),
        state: r.uint(2) as 0 | 1 | 2,
        ranges: readRanges(r, 1),
      };
    case 45:
      items(3);
      return {
        kind: 'edge',
        timeMs: r.time(),
        epochs: r.list(LIMITS.edgeEpochs, 0, () => {
          r.arrayOf(3);
          return { eh: r.bytesOf(8), lastMs: r.time(), state: r.uint(2) as 0 | 1 | 2 };
        }),
      };
    case 46:
      items(5);
      return {
        kind: 'ask',
        eh: r.bytesOf(8),
        want: r.uint(4, 1) as 1 | 2 | 3 | 4,
        sg: r.orNull(() => r.uint(LIMITS.segment)),
        ranges: readRanges(r, 0),
      };
    default:
      return refuse('unknown-kind');
  }
}

/** Parses a message that must be of one kind. */
export function parsePlain<K extends Plain['kind']>(bytes: Uint8Array, kind: K): Extract<Plain, { kind: K }> {
  const message = parseWhole(bytes, LIMITS.messageBytes, (r) => readPlain(r, bytes));
  demand(message.kind === kind, 'unknown-kind');
  return message as Extract<Plain, { kind: K }>;
}

import { type CryptoProvider, concat } from '@pulseseal/crypto';
import {
  type CborValue,
  encodeItem,
  LIMITS,
  parseFrame,
  parseSigned,
  parseWhole,
  type Reader,
  Writer,
} from '@pulseseal/protocol';
import { verifiedClose } from './closes.ts';
import { type Epoch, newSegment, type Segment, type VerifiedClose } from './epoch.ts';
import { limits } from './limits.ts';
import { createRangeSet, type RangeSet } from './ranges.ts';

/** How far each epoch came: written before the feed is acknowledged, so that a restart goes on in mid-epoch. */
export interface EpochProgress {
  readonly received: RangeSet;
  apply(epoch: Epoch): void;
}

const VERSION = 2;
const STATES = ['open', 'sealed', 'disputed'] as const;

/** One checkpoint in the making: a ward's epochs are too many for one go beside live frames. */
export interface CheckpointPass {
  /** Encodes the next so many epochs as they are now. False: all are done. */
  advance(epochs: number): boolean;
  /** The checkpoint, once `advance` answered false. */
  finish(): Uint8Array;
}

/**
 * Of the epochs that there are now. Each may be encoded later, with more of its messages in it: those are seen as
 * repeated after a restart. What is acknowledged afterwards must have been taken before the pass began.
 */
export function beginCheckpoint(epochs: Iterable<Epoch>): CheckpointPass {
  const all = [...epochs];
  const parts = [new Writer(16).array(2).uint(VERSION).array(all.length).finish()];
  return {
    advance(count) {
      const end = Math.min(all.length, parts.length - 1 + count);
      while (parts.length - 1 < end) parts.push(encodeItem(encodeProgress(all[parts.length - 1]!)));
      return parts.length - 1 < all.length;
    },
    finish: () => concat(...parts),
  };
}

function encodeProgress(epoch: Epoch): CborValue {
  const { nextClose } = epoch;
  return [
    epoch.ridHex,
    epoch.ehHex,
    epoch.received.pairs().map(([first, last]) => [first, last]),
    epoch.newestSegment,
    epoch.highestOpened,
    epoch.leastDelayMs === undefined ? null : Math.round(epoch.leastDelayMs),
    epoch.isAnnounced ? 1 : 0,
    epoch.sealedBelow,
    [...epoch.sealedBeyond],
    [nextClose.segment, nextClose.firstSeq, nextClose.previous],
    [...epoch.missing].map(([seq, m]) => [seq, m.stream, (m.isTold ? 1 : 0) | (m.isProved ? 2 : 0)]),
    [...epoch.segments.values()].map(encodeSegment),
    epoch.waiting.map(({ frame, payload, arrivedMs }) => [frame.raw, payload, arrivedMs]),
    [...epoch.secondCloses].map((second) => [...second]),
  ];
}

function encodeSegment(s: Segment): CborValue {
  const frames = [...s.frames];
  return [
    s.sg,
    STATES.indexOf(s.state),
    s.opened,
    s.isAnchored ? 1 : 0,
    s.close === undefined ? null : encodeClose(s.close),
    s.receipt === undefined ? null : [s.receipt.size, s.receipt.root],
    frames.map(([seq, { st }]) => [seq, st]),
    concat(...frames.map(([, { leaf }]) => leaf)),
  ];
}

function encodeClose({ firstSeq, count, isLast, root, entry, raw }: VerifiedClose): CborValue {
  return [firstSeq, count, isLast ? 1 : 0, root, entry, raw ?? null];
}

/** What the entries do not say themselves. */
interface Origin {
  /** 1: closes are whole messages, leaf tables are kept and second closes are not. */
  readonly version: number;
  readonly wallMs: number;
  readonly crypto: CryptoProvider;
}

/** By `<rid>/<eh>`. @throws Refusal for a version or a form that is not known */
export function parseCheckpoint(bytes: Uint8Array, wallMs: number, crypto: CryptoProvider) {
  const most = limits.devices * (limits.liveEpochs + limits.historyEpochs);
  return parseWhole(bytes, bytes.length, (r) => {
    r.arrayOf(2);
    const origin = { version: r.uint(VERSION, 1), wallMs, crypto };
    return new Map(r.list(most, 0, () => readProgress(r, origin)));
  });
}

function readProgress(r: Reader, origin: Origin): readonly [string, EpochProgress] {
  r.arrayOf(origin.version === 1 ? 13 : 14);
  const name = `${r.text(16)}/${r.text(16)}`;
  const received = createRangeSet(r.list(LIMITS.seq, 0, () => readPair(r)));
  const newestSegment = r.uint();
  const highestOpened = r.uint();
  const leastDelayMs = r.orNull(() => r.int()) ?? undefined;
  const isAnnounced = r.uint(1) === 1;
  const sealedBelow = r.uint();
  const sealedBeyond = r.list(LIMITS.segment, 0, () => r.uint());
  r.arrayOf(3);
  const nextClose = { segment: r.uint(), firstSeq: r.uint(), previous: r.bytesOf(32).slice() };
  const missing = r.list(limits.missing, 0, () => {
    r.arrayOf(3);
    const seq = r.uint();
    const stream = r.orNull(() => r.uint());
    const flags = r.uint(3);
    return [
      seq,
      { stream, sinceWallMs: origin.wallMs, isTold: (flags & 1) !== 0, isProved: (flags & 2) !== 0 },
    ] as const;
  });
  const segments = r.list(limits.segments, 0, () => readSegment(r, origin));
  const waiting = r.list(limits.withoutCard, 0, () => {
    r.arrayOf(3);
    return { frame: parseFrame(r.byteString().slice()), payload: r.byteString().slice(), arrivedMs: r.uint() };
  });
  const seconds = origin.version === 1 ? [] : r.list(limits.secondCloses, 0, () => readSecond(r));
  return [
    name,
    {
      received,
      apply(epoch) {
        for (const [first, last] of received.pairs()) for (let n = first; n <= last; n++) epoch.received.add(n);
        Object.assign(epoch, { newestSegment, highestOpened, leastDelayMs, isAnnounced, sealedBelow, nextClose });
        for (const sg of sealedBeyond) epoch.sealedBeyond.add(sg);
        for (const [seq, known] of missing) epoch.missing.set(seq, known);
        for (const [sg, raw] of seconds) epoch.secondCloses.set(sg, raw);
        epoch.waiting.push(...waiting);
        for (const segment of segments) epoch.segments.set(segment.sg, segment);
      },
    },
  ];
}

function readPair(r: Reader): readonly [number, number] {
  r.arrayOf(2);
  return [r.uint(), r.uint()];
}

function readSecond(r: Reader): readonly [number, Uint8Array] {
  r.arrayOf(2);
  return [r.uint(), r.byteString().slice()];
}

function readClose(r: Reader, { version, wallMs: atWallMs, crypto }: Origin): VerifiedClose {
  if (version === 1) {
    const raw = r.byteString();
    return { ...verifiedClose(parseSigned(raw, 'close').body, raw, crypto, atWallMs), raw: undefined };
  }
  r.arrayOf(6);
  const [firstSeq, count, isLast] = [r.uint(), r.uint(), r.uint(1) === 1] as const;
  const [root, entry] = [r.bytesOf(32).slice(), r.bytesOf(32).slice()] as const;
  return { firstSeq, count, isLast, root, entry, atWallMs, raw: r.orNull(() => r.byteString())?.slice() };
}

function readSegment(r: Reader, origin: Origin): Segment {
  r.arrayOf(origin.version === 1 ? 9 : 8);
  const segment = newSegment(r.uint());
  segment.state = STATES[r.uint(2)]!;
  segment.opened = r.uint();
  segment.isAnchored = r.uint(1) === 1;
  segment.close = r.orNull(() => readClose(r, origin)) ?? undefined;
  const table = origin.version === 1 ? r.orNull(() => r.byteString()) : null;
  if (table !== null) segment.table = sliced(table);
  segment.receipt =
    r.orNull(() => {
      r.arrayOf(2);
      return { size: r.uint(), root: r.bytesOf(32).slice() };
    }) ?? undefined;
  const places = r.list(limits.heldFrames, 0, () => readPair(r));
  const leaves = sliced(r.byteString());
  for (const [i, [seq, st]] of places.entries()) segment.frames.set(seq, { st, leaf: leaves[i]! });
  return segment;
}

function sliced(bytes: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 32) out.push(bytes.slice(at, at + 32));
  return out;
}

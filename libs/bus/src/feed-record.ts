import { busFailure } from './failures.ts';
import { MAX_ITEMS_PER_RECORD, RECORD_TARGET_BYTES } from './limits.ts';

/** Names a record of another log, or a part of it, instead of repeating its bytes. */
export interface Reference {
  readonly log: string;
  readonly position: number;
  /** Where the message begins in the record; default 0. */
  readonly offset?: number;
  /** Default: to the end of the record. */
  readonly length?: number;
}

/**
 * What one message is: its bytes, or where they are. `tail`: the end of the message; the same object in neighbouring items
 * (a signature that many messages carry) is written once a record.
 */
export type FeedItem =
  | { readonly topic: string; readonly body: Uint8Array; readonly tail?: Uint8Array }
  | { readonly topic: string; readonly reference: Reference };

export interface FeedRecord {
  /** How far the publisher had come in its own source when it wrote this. */
  readonly upstreamPosition: number | undefined;
  readonly items: readonly FeedItem[];
}

/**
 * Layout: version 1; upstream position + 1, or 0; count; items. Numbers are LEB128. An item: flags; bytes of the topic
 * shared with the item before; rest of the topic with its length; then the body with its length and its tail with its
 * length (where there is one that is not as before), or the log's name (unless as before), the distance to the position of the reference before, offset, and length + 1.
 */
const VERSION = 1;
const IS_REFERENCE = 1;
const SAME_LOG = 2;
/** The position lies before that of the reference before. */
const BACKWARDS = 4;
const HAS_TAIL = 8;
const SAME_TAIL = 16;

/** Cuts `items` into records below the target size, the upstream position in the last of them only. */
export function encodeFeedRecords(items: readonly FeedItem[], upstreamPosition: number | undefined): Uint8Array[] {
  const records: Uint8Array[] = [];
  let from = 0;
  do {
    let count = 0;
    let tail: Uint8Array | undefined;
    for (let bytes = 0; from + count < items.length && count < MAX_ITEMS_PER_RECORD; count++) {
      const item = items[from + count]!;
      bytes += sizeEstimate(item);
      if ('body' in item && item.tail !== undefined && item.tail !== tail) {
        tail = item.tail;
        bytes += tail.length;
      }
      if (count > 0 && bytes > RECORD_TARGET_BYTES) break;
    }
    const isLast = from + count === items.length;
    records.push(encodeRecord(items.slice(from, from + count), isLast ? upstreamPosition : undefined));
    from += count;
  } while (from < items.length);
  return records;
}

const sizeEstimate = (item: FeedItem): number => item.topic.length + ('body' in item ? item.body.length : 24);

function encodeRecord(items: readonly FeedItem[], upstreamPosition: number | undefined): Uint8Array {
  const out = createSink(items.reduce((sum, item) => sum + sizeEstimate(item) + 16, 32));
  out.number(VERSION);
  out.number(upstreamPosition === undefined ? 0 : upstreamPosition + 1);
  out.number(items.length);
  let lastTopic: Uint8Array = new Uint8Array(0);
  let lastLog = '';
  let lastPosition = 0;
  let lastTail: Uint8Array | undefined;
  for (const item of items) {
    const topic = Buffer.from(item.topic);
    const shared = sharedLength(lastTopic, topic);
    const reference = 'reference' in item ? item.reference : undefined;
    const isSameLog = reference?.log === lastLog;
    const step = reference === undefined ? 0 : reference.position - lastPosition;
    const tail = 'body' in item ? item.tail : undefined;
    const tailFlags = tail === undefined ? 0 : tail === lastTail ? HAS_TAIL | SAME_TAIL : HAS_TAIL;
    const referenceFlags = reference === undefined ? 0 : IS_REFERENCE | (isSameLog ? SAME_LOG : 0);
    out.number(referenceFlags | (step < 0 ? BACKWARDS : 0) | tailFlags);
    out.number(shared);
    out.block(topic.subarray(shared));
    lastTopic = topic;
    if ('body' in item) {
      out.block(item.body);
      if (tail !== undefined && tail !== lastTail) out.block(tail);
      lastTail = tail ?? lastTail;
      continue;
    }
    const { log, position, offset = 0, length } = item.reference;
    if (!isSameLog) out.block(Buffer.from(log));
    out.number(Math.abs(step));
    out.number(offset);
    out.number(length === undefined ? 0 : length + 1);
    lastLog = log;
    lastPosition = position;
  }
  return out.bytes();
}

/** Throws `bus-message-damaged` for anything that `encodeFeedRecords` does not write. */
export function decodeFeedRecord(bytes: Uint8Array): FeedRecord {
  const source = createSource(bytes);
  if (source.number() !== VERSION) throw busFailure('bus-message-damaged', 'version');
  const upstream = source.number();
  const count = source.number();
  if (count > MAX_ITEMS_PER_RECORD) throw busFailure('bus-message-damaged', 'count');
  const items: FeedItem[] = [];
  let lastTopic = Buffer.alloc(0);
  let lastLog = '';
  let lastPosition = 0;
  let lastTail: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    const flags = source.number();
    const shared = source.number();
    if (shared > lastTopic.length) throw busFailure('bus-message-damaged', 'topic');
    lastTopic = Buffer.concat([lastTopic.subarray(0, shared), source.block()]);
    const topic = lastTopic.toString();
    if ((flags & IS_REFERENCE) === 0) {
      const body = source.block();
      if ((flags & HAS_TAIL) === 0) items.push({ topic, body });
      else {
        if ((flags & SAME_TAIL) === 0) lastTail = source.block();
        if (lastTail === undefined) throw busFailure('bus-message-damaged', 'tail');
        items.push({ topic, body, tail: lastTail });
      }
      continue;
    }
    if ((flags & SAME_LOG) === 0) lastLog = Buffer.from(source.block()).toString();
    const distance = source.number();
    lastPosition += (flags & BACKWARDS) === 0 ? distance : -distance;
    if (!Number.isSafeInteger(lastPosition) || lastPosition < 0) throw busFailure('bus-message-damaged', 'position');
    const offset = source.number();
    const length = source.number();
    const part = length === 0 ? { offset } : { offset, length: length - 1 };
    items.push({ topic, reference: { log: lastLog, position: lastPosition, ...part } });
  }
  if (!source.isAtEnd()) throw busFailure('bus-message-damaged', 'trailing bytes');
  return { upstreamPosition: upstream === 0 ? undefined : upstream - 1, items };
}

function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const most = Math.min(a.length, b.length);
  let n = 0;
  while (n < most && a[n] === b[n]) n++;
  return n;
}

function createSink(capacity: number) {
  let buffer = new Uint8Array(capacity);
  let used = 0;
  const reserve = (length: number) => {
    if (used + length <= buffer.length) return;
    const grown = new Uint8Array(Math.max(buffer.length * 2, used + length));
    grown.set(buffer.subarray(0, used));
    buffer = grown;
  };
  const number = (value: number) => {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('a feed number must be a safe integer');
    reserve(8);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) buffer[used++] = (rest % 128) | 128;
    buffer[used++] = rest;
  };
  return {
    number,
    block(bytes: Uint8Array) {
      number(bytes.length);
      reserve(bytes.length);
      buffer.set(bytes, used);
      used += bytes.length;
    },
    bytes: () => buffer.subarray(0, used),
  };
}

function createSource(bytes: Uint8Array) {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw busFailure('bus-message-damaged', 'cut short');
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
    }
    throw busFailure('bus-message-damaged', 'number');
  };
  return {
    number,
    block(): Uint8Array {
      const length = number();
      if (at + length > bytes.length) throw busFailure('bus-message-damaged', 'cut short');
      at += length;
      return bytes.subarray(at - length, at);
    },
    isAtEnd: () => at === bytes.length,
  };
}

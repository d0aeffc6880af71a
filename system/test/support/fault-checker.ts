import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLogReader } from '@pulseseal/log';

/**
 * The independent checker: knows the device's account lines and the bytes of the gateway's journal, and none of the code
 * of either side but the log's reader. An epoch is named by `eh`, the first 8 bytes of its opening's hash, as hex.
 */
export interface DeviceEpoch {
  readonly device: string;
  readonly eh: string;
  readonly boot: number;
  readonly epoch: number;
  sent: number;
  readonly acknowledged: Set<number>;
  readonly dropped: Set<number>;
  readonly refused: Set<number>;
}

/** Reads every `<name>.acks` of a folder: one JSON line an entry, later lines of an epoch add to earlier ones. */
export function readDeviceAccounts(folder: string): DeviceEpoch[] {
  const epochs: DeviceEpoch[] = [];
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.acks'))) {
    const own = new Map<string, DeviceEpoch>();
    const lines = readFileSync(join(folder, file), 'utf8').split('\n');
    // The last one may be torn; whole ones end in a line feed.
    for (const text of lines.slice(0, -1)) {
      const line = JSON.parse(text) as Record<'a' | 'd' | 'r', [number, number][] | undefined> &
        Record<'b' | 'n' | 's', number> & { e: string };
      const known = own.get(line.e);
      const epoch = known ?? {
        device: file.slice(0, -'.acks'.length),
        eh: line.e,
        boot: line.b,
        epoch: line.n,
        sent: 0,
        acknowledged: new Set(),
        dropped: new Set(),
        refused: new Set(),
      };
      own.set(line.e, epoch);
      epoch.sent = Math.max(epoch.sent, line.s);
      for (const [first, count] of line.d ?? []) for (let i = 0; i < count; i++) epoch.dropped.add(first + i);
      for (const [first, count] of line.r ?? []) for (let i = 0; i < count; i++) epoch.refused.add(first + i);
      // A leaf that came by repair lets `progress` pass a dropped frame: no acknowledgement of the frame.
      for (const [first, count] of line.a ?? [])
        for (let i = 0; i < count; i++)
          if (!epoch.dropped.has(first + i) && !epoch.refused.has(first + i)) epoch.acknowledged.add(first + i);
    }
    epochs.push(...own.values());
  }
  return epochs;
}

export interface StoredFrame {
  readonly seq: number;
  readonly sg: number;
  readonly st: number;
  readonly dt: number;
  /** The journal's own note: 1 came by bulk, 8 its clock is not trusted. */
  readonly flags: number;
  readonly raw: Uint8Array;
}

export interface StoredClose {
  readonly position: number;
  readonly segment: number;
  readonly first: number;
  readonly count: number;
}

export interface StoredEpoch {
  readonly frames: Map<number, StoredFrame>;
  /** Numbers that stand in the journal more than once. */
  doubled: number;
  readonly closes: StoredClose[];
}

export interface JournalContent {
  readonly epochs: Map<string, StoredEpoch>;
  /** Records of kind `opening`, by the gateway's number of the device. */
  readonly openings: Map<number, number>;
  /** The openings' bytes, with their notes: 1 came by bulk, 2 the ledger was away. */
  readonly opened: { readonly flags: number; readonly message: Uint8Array }[];
  /** Messages with wraps. */
  readonly keys: Uint8Array[];
  /** Positions of closes whose segment was found complete. */
  readonly complete: Set<number>;
  readonly disputed: Set<number>;
  readonly damaged: number;
}

/** Prefix of a journal record: kind 5 bits, flags 4 bits, device 23 bits; arrival 6 bytes. */
const PREFIX_BYTES = 10;
const KIND = { opening: 6, keys: 7, frame: 8, close: 9, segment: 12 } as const;
/** Flag of a close that ended its segment by itself: every leaf stood before it. */
const WHOLE = 8;

export async function readJournal(dir: string): Promise<JournalContent> {
  const content: JournalContent & { damaged: number } = {
    epochs: new Map(),
    openings: new Map(),
    opened: [],
    keys: [],
    complete: new Set(),
    disputed: new Set(),
    damaged: 0,
  };
  const reader = await openLogReader({ dir });
  const epochOf = (eh: string): StoredEpoch => {
    const known = content.epochs.get(eh) ?? { frames: new Map(), doubled: 0, closes: [] };
    content.epochs.set(eh, known);
    return known;
  };
  try {
    for (let at = 0; ; ) {
      const page = await reader.readFrom(at, { maxBytes: 1 << 20 });
      content.damaged += page.damaged.length;
      for (const { position, data } of page.records) {
        const message = data.subarray(PREFIX_BYTES);
        const head = new DataView(data.buffer, data.byteOffset).getUint32(0);
        const [kind, flags, device] = [head >>> 27, (head >>> 23) & 15, head & 0x7fffff];
        if (kind === KIND.opening) {
          content.openings.set(device, (content.openings.get(device) ?? 0) + 1);
          content.opened.push({ flags, message: message.slice() });
        } else if (kind === KIND.keys) content.keys.push(message.slice());
        else if (kind === KIND.frame) {
          const { eh, ...frame } = headOfFrame(message);
          const epoch = epochOf(eh);
          if (epoch.frames.has(frame.seq)) epoch.doubled++;
          else epoch.frames.set(frame.seq, { ...frame, flags });
        } else if (kind === KIND.close) {
          const { eh, ...close } = headOfClose(message);
          epochOf(eh).closes.push({ ...close, position });
          if ((flags & WHOLE) !== 0) content.complete.add(position);
        } else if (kind === KIND.segment) {
          const close = Number(new DataView(message.buffer, message.byteOffset).getBigUint64(0));
          if (flags === 1) content.complete.add(close);
          else content.disputed.add(close);
        }
      }
      if (page.next === at) return content;
      at = page.next;
    }
  } finally {
    await reader.close();
  }
}

/** Just enough CBOR: definite lengths, as the journal holds only canonical messages. */
function item(bytes: Uint8Array, at: number): { major: number; value: number; next: number } {
  const info = bytes[at]! & 31;
  const size = info < 24 ? 0 : 2 ** (info - 24);
  let value = size === 0 ? info : 0;
  for (let i = 1; i <= size; i++) value = value * 256 + bytes[at + i]!;
  return { major: bytes[at]! >> 5, value, next: at + 1 + size };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** [ft, eh, sg, st, seq, dt, ct, gt] */
function headOfFrame(raw: Uint8Array): Omit<StoredFrame, 'flags'> & { eh: string } {
  if (raw[0] !== 0x88 || raw[2] !== 0x48) throw new Error('not a frame');
  const numbers: number[] = [];
  for (let i = 0, at = 11; i < 4; i++) {
    const read = item(raw, at);
    numbers.push(read.value);
    at = read.next;
  }
  const [sg = 0, st = 0, seq = 0, dt = 0] = numbers;
  return { eh: hex(raw.subarray(3, 11)), sg, st, seq, dt, raw: raw.slice() };
}

/** COSE_Sign1: [protected, {}, payload, signature]; payload = map with 2 oh, 3 segment, 4 first, 5 count. */
function headOfClose(raw: Uint8Array): { eh: string; segment: number; first: number; count: number } {
  let at = raw[0]! >> 5 === 6 ? item(raw, 0).next : 0;
  at = item(raw, at).next;
  const head = item(raw, at);
  at = head.next + head.value;
  at = item(raw, at).next;
  const payload = item(raw, at);
  return readCloseBody(raw.subarray(payload.next, payload.next + payload.value));
}

function readCloseBody(body: Uint8Array) {
  const map = item(body, 0);
  let at = map.next;
  const fields = new Map<number, number | Uint8Array>();
  for (let i = 0; i < map.value && fields.size < 5; i++) {
    const key = item(body, at);
    const value = item(body, key.next);
    const isBytes = value.major === 2 || value.major === 3;
    fields.set(key.value, isBytes ? body.subarray(value.next, value.next + value.value) : value.value);
    at = isBytes ? value.next + value.value : value.next;
  }
  const [, oh, segment, first, count] = [...fields.values()];
  return {
    eh: hex((oh as Uint8Array).subarray(0, 8)),
    segment: segment as number,
    first: first as number,
    count: count as number,
  };
}

export interface Verdict {
  readonly sent: number;
  readonly acknowledged: number;
  readonly stored: number;
  readonly dropped: number;
  /** Acknowledged and not stored. */
  readonly lost: string[];
  /** Sent, and neither stored nor accounted for as dropped or refused. */
  readonly unaccounted: string[];
  readonly doubled: number;
  /** Times or segments that run against the numbers, within one stream of one epoch. */
  readonly disorder: string[];
  /** Closes without a complete segment; frames that no close covers; chains with a hole. */
  readonly unsealed: string[];
}

/** Holds what the devices were promised against what is on the gateway's disk. */
export function judge(devices: readonly DeviceEpoch[], journal: JournalContent): Verdict {
  const verdict = {
    sent: 0,
    acknowledged: 0,
    stored: 0,
    dropped: 0,
    doubled: 0,
    lost: [] as string[],
    unaccounted: [] as string[],
    disorder: [] as string[],
    unsealed: [] as string[],
  };
  for (const epoch of devices) {
    const stored = journal.epochs.get(epoch.eh);
    const name = (seq: number) => `${epoch.device} ${epoch.eh} ${seq}`;
    verdict.sent += epoch.sent;
    verdict.acknowledged += epoch.acknowledged.size;
    verdict.dropped += epoch.dropped.size;
    for (const seq of epoch.acknowledged) if (stored?.frames.has(seq) !== true) verdict.lost.push(name(seq));
    for (let seq = 1; seq <= epoch.sent; seq++) {
      const isKnown = stored?.frames.has(seq) === true || epoch.dropped.has(seq) || epoch.refused.has(seq);
      if (!isKnown) verdict.unaccounted.push(name(seq));
    }
    if (stored === undefined) continue;
    verdict.stored += stored.frames.size;
    verdict.doubled += stored.doubled;
    verdict.disorder.push(...disorderOf(stored).map((what) => `${epoch.device} ${epoch.eh} ${what}`));
    verdict.unsealed.push(...unsealedOf(stored, journal).map((what) => `${epoch.device} ${epoch.eh} ${what}`));
  }
  return verdict;
}

function disorderOf({ frames }: StoredEpoch): string[] {
  const faults: string[] = [];
  const last = new Map<number, number>();
  let segment = 0;
  for (const [seq, frame] of [...frames].sort(([a], [b]) => a - b)) {
    if (frame.sg < segment) faults.push(`frame ${seq} goes back to segment ${frame.sg}`);
    segment = frame.sg;
    // Cards carry the time of the sample behind them and are made before it.
    if (frame.dt < (last.get(frame.st) ?? 0)) faults.push(`frame ${seq} goes back in time`);
    last.set(frame.st, frame.dt);
  }
  return faults;
}

function unsealedOf({ frames, closes }: StoredEpoch, journal: JournalContent): string[] {
  const faults: string[] = [];
  let next = 1;
  for (const [i, close] of [...closes].sort((a, b) => a.segment - b.segment).entries()) {
    if (close.segment !== i || close.first !== next) faults.push(`segment ${close.segment} does not follow`);
    next = close.first + close.count;
    if (!journal.complete.has(close.position)) faults.push(`segment ${close.segment} is not complete`);
    if (journal.disputed.has(close.position)) faults.push(`segment ${close.segment} is disputed`);
  }
  for (const seq of frames.keys()) if (seq >= next) faults.push(`frame ${seq} is in no close`);
  return faults;
}

/** What stands in the spool of a device. Own binary form: read back by the same device alone. */
export type SpoolRecord =
  | {
      readonly kind: 'epoch';
      readonly eh: string;
      readonly oh: Uint8Array;
      readonly boot: number;
      readonly epoch: number;
      readonly offline: boolean;
      /** Opening and keys are durable at the gateway; then both are empty. */
      readonly accepted: boolean;
      readonly open: Uint8Array;
      readonly keys: Uint8Array;
      /** Set when compaction has dropped the frames that would tell it. */
      readonly nextSeq: number;
    }
  | {
      readonly kind: 'segment';
      readonly eh: string;
      readonly sg: number;
      readonly firstSeq: number;
      readonly kcv: ReadonlyMap<number, Uint8Array>;
    }
  | {
      readonly kind: 'frame';
      readonly eh: string;
      readonly sg: number;
      readonly seq: number;
      readonly dt: number;
      readonly urgent: boolean;
      readonly raw: Uint8Array;
    }
  /** A frame that is gone while its leaf is still needed. */
  | {
      readonly kind: 'leaf';
      readonly eh: string;
      readonly sg: number;
      readonly seq: number;
      readonly dt: number;
      readonly leaf: Uint8Array;
    }
  | {
      readonly kind: 'close';
      readonly eh: string;
      readonly sg: number;
      readonly last: boolean;
      readonly raw: Uint8Array;
    }
  /** A close that is durable at the gateway: its hash carries the chain on. */
  | {
      readonly kind: 'closed';
      readonly eh: string;
      readonly sg: number;
      readonly last: boolean;
      readonly hash: Uint8Array;
    }
  | {
      readonly kind: 'acked';
      readonly eh: string;
      readonly accepted: boolean;
      readonly frames: readonly (readonly [first: number, count: number])[];
      readonly closes: readonly number[];
    }
  | {
      readonly kind: 'gone';
      readonly eh: string;
      readonly why: 'dropped' | 'refused';
      readonly frames: readonly (readonly [first: number, count: number])[];
    }
  /** Nothing of this epoch is owed any more. */
  | { readonly kind: 'done'; readonly eh: string };

const kinds = ['epoch', 'segment', 'frame', 'leaf', 'close', 'closed', 'acked', 'gone', 'done'] as const;

/** Writer over one buffer that grows. */
function createWriter() {
  let buffer = Buffer.allocUnsafe(256);
  let at = 0;
  const room = (bytes: number) => {
    if (at + bytes <= buffer.length) return;
    const next = Buffer.allocUnsafe(Math.max(buffer.length * 2, at + bytes));
    buffer.copy(next, 0, 0, at);
    buffer = next;
  };
  return {
    byte(value: number) {
      room(1);
      buffer[at++] = value;
    },
    number(value: number) {
      room(8);
      at = buffer.writeDoubleBE(value, at);
    },
    bytes(value: Uint8Array) {
      room(4 + value.length);
      at = buffer.writeUInt32BE(value.length, at);
      buffer.set(value, at);
      at += value.length;
    },
    done: () => new Uint8Array(buffer.buffer, buffer.byteOffset, at),
  };
}

type Writer = ReturnType<typeof createWriter>;

export function encodeRecord(record: SpoolRecord): Uint8Array {
  const w = createWriter();
  w.byte(kinds.indexOf(record.kind));
  w.bytes(Buffer.from(record.eh, 'hex'));
  writeBody(w, record);
  return w.done();
}

function writeBody(w: Writer, record: SpoolRecord): void {
  switch (record.kind) {
    case 'epoch':
      w.bytes(record.oh);
      for (const n of [record.boot, record.epoch, record.nextSeq]) w.number(n);
      w.byte((record.offline ? 1 : 0) | (record.accepted ? 2 : 0));
      w.bytes(record.open);
      w.bytes(record.keys);
      return;
    case 'segment':
      for (const n of [record.sg, record.firstSeq, record.kcv.size]) w.number(n);
      for (const [scope, kcv] of record.kcv) {
        w.number(scope);
        w.bytes(kcv);
      }
      return;
    case 'frame':
      for (const n of [record.sg, record.seq, record.dt]) w.number(n);
      w.byte(record.urgent ? 1 : 0);
      w.bytes(record.raw);
      return;
    case 'leaf':
      for (const n of [record.sg, record.seq, record.dt]) w.number(n);
      w.bytes(record.leaf);
      return;
    case 'close':
      w.number(record.sg);
      w.byte(record.last ? 1 : 0);
      w.bytes(record.raw);
      return;
    case 'closed':
      w.number(record.sg);
      w.byte(record.last ? 1 : 0);
      w.bytes(record.hash);
      return;
    case 'acked':
      w.byte(record.accepted ? 1 : 0);
      writeRanges(w, record.frames);
      w.number(record.closes.length);
      for (const sg of record.closes) w.number(sg);
      return;
    case 'gone':
      w.byte(record.why === 'dropped' ? 0 : 1);
      writeRanges(w, record.frames);
      return;
    case 'done':
      return;
  }
}

function writeRanges(w: Writer, ranges: readonly (readonly [number, number])[]): void {
  w.number(ranges.length);
  for (const [first, count] of ranges) {
    w.number(first);
    w.number(count);
  }
}

/** The record, or undefined when it is not one (another version, damage that the checksum missed). */
export function decodeRecord(bytes: Uint8Array): SpoolRecord | undefined {
  try {
    return readRecord(bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readRecord(bytes: Uint8Array): SpoolRecord | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const byte = () => buffer.readUInt8(at++);
  const number = () => {
    at += 8;
    return buffer.readDoubleBE(at - 8);
  };
  const chunk = (): Uint8Array => {
    const length = buffer.readUInt32BE(at);
    at += 4;
    if (at + length > bytes.length) throw new RangeError('record is short');
    at += length;
    return bytes.slice(at - length, at);
  };
  const list = <T>(read: () => T): T[] => Array.from({ length: number() }, read);
  const ranges = () => list(() => [number(), number()] as const);
  const kind = kinds[byte()];
  const eh = Buffer.from(chunk()).toString('hex');
  switch (kind) {
    case 'epoch': {
      const oh = chunk();
      const [boot, epoch, nextSeq] = [number(), number(), number()];
      const flags = byte();
      return {
        kind,
        eh,
        oh,
        boot,
        epoch,
        nextSeq,
        offline: (flags & 1) !== 0,
        accepted: (flags & 2) !== 0,
        open: chunk(),
        keys: chunk(),
      };
    }
    case 'segment': {
      const [sg, firstSeq] = [number(), number()];
      return { kind, eh, sg, firstSeq, kcv: new Map(list(() => [number(), chunk()] as const)) };
    }
    case 'frame':
      return { kind, eh, sg: number(), seq: number(), dt: number(), urgent: byte() === 1, raw: chunk() };
    case 'leaf':
      return { kind, eh, sg: number(), seq: number(), dt: number(), leaf: chunk() };
    case 'close':
      return { kind, eh, sg: number(), last: byte() === 1, raw: chunk() };
    case 'closed':
      return { kind, eh, sg: number(), last: byte() === 1, hash: chunk() };
    case 'acked':
      return { kind, eh, accepted: byte() === 1, frames: ranges(), closes: list(number) };
    case 'gone':
      return { kind, eh, why: byte() === 0 ? 'dropped' : 'refused', frames: ranges() };
    case 'done':
      return { kind, eh };
    case undefined:
      return undefined;
  }
}

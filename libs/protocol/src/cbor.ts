import { LIMITS } from './limits.ts';
import { refuse } from './refusal.ts';

/**
 * Strict pull decoder for core deterministic CBOR (RFC 8949 section 4.2.1). It never builds a tree: the caller asks for
 * exactly what the CDDL names next, so that no input can make it allocate more than its own slices (SPEC clause ENC-3).
 */
export class Reader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** Major type of the next item (0 to 7) without consuming it. */
  peekMajor(): number {
    if (this.at >= this.end) refuse('truncated');
    return this.bytes[this.at]! >> 5;
  }

  isNull(): boolean {
    if (this.at >= this.end) refuse('truncated');
    return this.bytes[this.at] === 0xf6;
  }

  #head(major: number): number {
    if (this.at >= this.end) refuse('truncated');
    const first = this.bytes[this.at]!;
    if (first >> 5 !== major) refuse('wrong-type');
    this.at++;
    const info = first & 31;
    if (info < 24) return info;
    if (info > 27) refuse('not-canonical');
    const width = 1 << (info - 24);
    if (this.at + width > this.end) refuse('truncated');
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + this.bytes[this.at + i]!;
    this.at += width;
    const least = width === 1 ? 24 : width === 2 ? 0x100 : width === 4 ? 0x10000 : 0x100000000;
    if (value < least) refuse('not-canonical');
    if (value > LIMITS.integer) refuse('out-of-range');
    return value;
  }

  uint(max: number = LIMITS.integer, min = 0): number {
    const value = this.#head(0);
    if (value > max || value < min) refuse('out-of-range');
    return value;
  }

  /** Milliseconds since 1970 that RFC 3339 can print: a later one would break every consumer's clock arithmetic. */
  time(): number {
    return this.uint(LIMITS.timeMs);
  }

  int(): number {
    if (this.peekMajor() === 1) {
      const value = this.#head(1);
      if (value >= LIMITS.integer) refuse('out-of-range');
      return -1 - value;
    }
    return this.#head(0);
  }

  /** A byte string of exactly `length` bytes, as a view of the received buffer. */
  bytesOf(length: number): Uint8Array {
    const got = this.#head(2);
    if (got !== length) refuse('wrong-length');
    return this.#take(got);
  }

  byteString(max: number = LIMITS.messageBytes, min = 0): Uint8Array {
    const got = this.#head(2);
    if (got > max || got < min) refuse('wrong-length');
    return this.#take(got);
  }

  text(maxBytes: number): string {
    const got = this.#head(3);
    if (got > maxBytes) refuse('wrong-length');
    const raw = this.#take(got);
    try {
      return strictUtf8.decode(raw);
    } catch {
      return refuse('not-canonical');
    }
  }

  #take(length: number): Uint8Array {
    const to = this.at + length;
    if (to > this.end) refuse('truncated');
    const out = this.bytes.subarray(this.at, to);
    this.at = to;
    return out;
  }

  array(max: number, min = 0): number {
    const count = this.#head(4);
    if (count > max || count < min) refuse('out-of-range');
    return count;
  }

  /** An array of exactly `count` items. */
  arrayOf(count: number): void {
    if (this.#head(4) !== count) refuse('wrong-length');
  }

  map(max: number): number {
    const count = this.#head(5);
    if (count > max) refuse('unknown-field');
    return count;
  }

  tag(number: number): void {
    if (this.#head(6) !== number) refuse('wrong-type');
  }

  null(): void {
    if (!this.isNull()) refuse('wrong-type');
    this.at++;
  }

  /** Steps over a float (SenML payloads alone may hold one). */
  skipFloat(): boolean {
    const first = this.bytes[this.at];
    const width = first === 0xf9 ? 2 : first === 0xfa ? 4 : first === 0xfb ? 8 : 0;
    if (width === 0) return false;
    if (this.at + 1 + width > this.end) refuse('truncated');
    this.at += 1 + width;
    return true;
  }

  orNull<T>(read: () => T): T | null {
    if (!this.isNull()) return read();
    this.at++;
    return null;
  }

  list<T>(max: number, min: number, read: () => T): T[] {
    const count = this.array(max, min);
    const out: T[] = [];
    for (let i = 0; i < count; i++) out.push(read());
    return out;
  }

  /** A map from ascending unsigned integers. */
  uintMap<T>(max: number, min: number, keyMax: number, read: () => T): Map<number, T> {
    const count = this.#head(5);
    if (count > max || count < min) refuse('out-of-range');
    const out = new Map<number, T>();
    let last = -1;
    for (let i = 0; i < count; i++) {
      const key = this.uint(keyMax);
      if (key === last) refuse('duplicate-key');
      if (key < last) refuse('not-canonical');
      last = key;
      out.set(key, read());
    }
    return out;
  }

  /** Fields of a map whose keys come in the one canonical order. */
  fields(max: number): Fields {
    return new Fields(this, this.map(max));
  }

  done(): void {
    if (this.at !== this.end) refuse('trailing-bytes');
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Walks the fields of one map in canonical order: order, duplicates, absence and strangers are refused as they come. */
export class Fields {
  readonly #reader: Reader;
  #left: number;
  #next: number | undefined;
  #last: number | undefined;

  constructor(reader: Reader, count: number) {
    this.#reader = reader;
    this.#left = count;
    this.#pull();
  }

  #pull(): void {
    if (this.#left === 0) {
      this.#next = undefined;
      return;
    }
    this.#left--;
    const key = this.#reader.int();
    if (this.#last === key) refuse('duplicate-key');
    if (this.#last !== undefined && !follows(key, this.#last)) refuse('not-canonical');
    this.#last = key;
    this.#next = key;
  }

  required<T>(key: number, read: () => T): T {
    if (this.#next !== key) this.#missing(key);
    const value = read();
    this.#pull();
    return value;
  }

  optional<T>(key: number, read: () => T): T | undefined {
    if (this.#next !== key) return undefined;
    return this.required(key, read);
  }

  #missing(key: number): never {
    return refuse(this.#next === undefined || follows(this.#next, key) ? 'missing-field' : 'unknown-field');
  }

  done(): void {
    if (this.#next !== undefined) refuse('unknown-field');
  }
}

/** Bytewise order of encoded keys: unsigned ones first, then negative ones, each by magnitude. */
function follows(key: number, before: number): boolean {
  return key < 0 === before < 0 ? Math.abs(key) > Math.abs(before) : key < 0;
}

/** Short ASCII, as most texts of the protocol are: written without an encoder's detour. */
function isAscii(text: string): boolean {
  if (text.length > 64) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Deterministic encoder; grows by doubling. */
export class Writer {
  #buffer: Uint8Array;
  #at = 0;

  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(Math.max(capacity, 16));
  }

  #room(length: number): void {
    if (this.#at + length <= this.#buffer.length) return;
    let capacity = this.#buffer.length * 2;
    while (capacity < this.#at + length) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = grown;
  }

  head(major: number, value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an encodable number: ${value}`);
    this.#room(9);
    const b = this.#buffer;
    const m = major << 5;
    if (value < 24) b[this.#at++] = m | value;
    else if (value < 0x100) {
      b[this.#at++] = m | 24;
      b[this.#at++] = value;
    } else if (value < 0x10000) {
      b[this.#at++] = m | 25;
      b[this.#at++] = value >> 8;
      b[this.#at++] = value & 255;
    } else {
      const wide = value >= 0x100000000;
      b[this.#at++] = m | (wide ? 27 : 26);
      if (wide) this.#word(Math.floor(value / 0x100000000));
      this.#word(value % 0x100000000);
    }
    return this;
  }

  #word(value: number): void {
    this.#buffer[this.#at++] = value >>> 24;
    this.#buffer[this.#at++] = (value >>> 16) & 255;
    this.#buffer[this.#at++] = (value >>> 8) & 255;
    this.#buffer[this.#at++] = value & 255;
  }

  uint(value: number): this {
    return this.head(0, value);
  }

  int(value: number): this {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not an encodable number: ${value}`);
    return value < 0 ? this.head(1, -1 - value) : this.head(0, value);
  }

  bytes(value: Uint8Array): this {
    this.head(2, value.length);
    return this.raw(value);
  }

  text(value: string): this {
    if (isAscii(value)) {
      this.head(3, value.length);
      this.#room(value.length);
      for (let i = 0; i < value.length; i++) this.#buffer[this.#at++] = value.charCodeAt(i);
      return this;
    }
    // A lone surrogate would silently become another character.
    if (!value.isWellFormed()) throw new RangeError('not a Unicode text');
    const raw = utf8Encoder.encode(value);
    this.head(3, raw.length);
    return this.raw(raw);
  }

  array(count: number): this {
    return this.head(4, count);
  }

  map(count: number): this {
    return this.head(5, count);
  }

  tag(number: number): this {
    return this.head(6, number);
  }

  null(): this {
    this.#room(1);
    this.#buffer[this.#at++] = 0xf6;
    return this;
  }

  bytesOrNull(value: Uint8Array | null): this {
    return value === null ? this.null() : this.bytes(value);
  }

  /** Already encoded bytes. */
  raw(value: Uint8Array): this {
    this.#room(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  list<T>(items: readonly T[], write: (item: T) => void): this {
    this.array(items.length);
    for (const item of items) write(item);
    return this;
  }

  uintMap<T>(map: ReadonlyMap<number, T>, write: (item: T) => void): this {
    this.map(map.size);
    for (const key of [...map.keys()].sort((a, b) => a - b)) {
      this.uint(key);
      write(map.get(key) as T);
    }
    return this;
  }

  get length(): number {
    return this.#at;
  }

  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#at);
  }

  /** For secrets: what was written stays in the finished bytes alone, as long as the capacity given was enough. */
  erase(): void {
    this.#buffer.fill(0);
  }
}

const utf8Encoder = new TextEncoder();

/** Small fixed structures: text, bytes, integers, null and arrays of them. */
export type CborValue = string | number | Uint8Array | null | readonly CborValue[];

export function encodeItem(value: CborValue): Uint8Array {
  const w = new Writer();
  write(w, value);
  return w.finish();
}

function write(w: Writer, value: CborValue): void {
  if (value === null) w.null();
  else if (typeof value === 'string') w.text(value);
  else if (typeof value === 'number') w.int(value);
  else if (value instanceof Uint8Array) w.bytes(value);
  else w.list(value, (item) => write(w, item));
}

/** Parses one whole message with `read`; anything behind it is refused. */
export function parseWhole<T>(bytes: Uint8Array, maxBytes: number, read: (r: Reader) => T): T {
  if (bytes.length > maxBytes) refuse('too-large');
  const r = new Reader(bytes);
  const value = read(r);
  r.done();
  return value;
}

import { type CborValue, decodeItem, encodeItem } from '@pulseseal/protocol';
import { requireThat } from './failures.ts';
import { MAX_UINT } from './limits.ts';

/** Deterministic CBOR of a small fixed structure. */
export function encode(value: CborValue): Uint8Array {
  return encodeItem(value);
}

/** Reads the places of one array in order. Refuses by `argument-malformed`, naming `what`. */
export interface Fields {
  uint(): number;
  bytes(length?: number): Uint8Array;
  text(): string;
  bytesOrNull(length: number): Uint8Array | null;
  list<T>(read: (fields: Fields) => T): T[];
  byteStrings(length?: number): Uint8Array[];
  /** Refuses what is left over. */
  end(): void;
  readonly left: number;
}

/** One deterministic array, whole. Other items, other spellings and trailing bytes are refused. */
export function fieldsOf(bytes: Uint8Array, what: string): Fields {
  return over(decodeItem(bytes), what);
}

function over(value: CborValue, what: string): Fields {
  requireThat(Array.isArray(value), 'argument-malformed', `${what}: array expected`);
  const items: readonly CborValue[] = value;
  let at = 0;
  const take = (): CborValue => {
    requireThat(at < items.length, 'argument-malformed', `${what}: ${items.length} places are too few`);
    return items[at++]!;
  };
  const fields: Fields = {
    uint() {
      const item = take();
      requireThat(
        typeof item === 'number' && Number.isInteger(item) && item >= 0 && item <= MAX_UINT,
        'argument-malformed',
        `${what}: place ${at - 1} is no unsigned integer`,
      );
      return item;
    },
    bytes(length) {
      const item = take();
      requireThat(
        item instanceof Uint8Array && (length === undefined || item.length === length),
        'argument-malformed',
        `${what}: place ${at - 1} is no byte string${length === undefined ? '' : ` of ${length}`}`,
      );
      return item;
    },
    text() {
      const item = take();
      requireThat(typeof item === 'string', 'argument-malformed', `${what}: place ${at - 1} is no text`);
      return item;
    },
    bytesOrNull(length) {
      if (at < items.length && items[at] === null) {
        at++;
        return null;
      }
      return fields.bytes(length);
    },
    list(read) {
      const inner = over(take(), what);
      const out = [];
      while (inner.left > 0) out.push(read(inner));
      return out;
    },
    byteStrings: (length) => fields.list((inner) => inner.bytes(length)),
    end: () => requireThat(at === items.length, 'argument-malformed', `${what}: ${items.length} places are too many`),
    get left() {
      return items.length - at;
    },
  };
  return fields;
}

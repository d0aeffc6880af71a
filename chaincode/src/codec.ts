import { type CborValue, encodeItem, Reader } from '@pulseseal/protocol';
import { requireThat } from './failures.ts';

/** Deterministic CBOR of a small fixed structure. */
export function encode(value: CborValue): Uint8Array {
  return encodeItem(value);
}

/** Reads the places of one array in order. Wrong ones are refused: by the reader's Refusal or `argument-malformed`. */
export interface Places {
  uint(): number;
  bytes(length?: number): Uint8Array;
  text(): string;
  bytesOrNull(length?: number): Uint8Array | null;
  list<T>(read: (places: Places) => T): T[];
  byteStrings(length?: number): Uint8Array[];
  readonly left: number;
}

/** Reads one array, whole; other spellings, places left over and trailing bytes are refused. */
export function parsePlaces<T>(bytes: Uint8Array, what: string, read: (places: Places) => T): T {
  const reader = new Reader(bytes);
  const value = readArray(reader, what, read);
  reader.done();
  return value;
}

function readArray<T>(reader: Reader, what: string, read: (places: Places) => T): T {
  // Every item has at least one byte, so the bytes themselves bound the count.
  const places = placesOf(reader, reader.array(reader.end), what);
  const value = read(places);
  requireThat(places.left === 0, 'argument-malformed', `${what}: ${places.left} places too many`);
  return value;
}

function placesOf(reader: Reader, count: number, what: string): Places {
  let left = count;
  const take = () => {
    requireThat(left > 0, 'argument-malformed', `${what}: places are missing`);
    left--;
  };
  const bytes = (length?: number) => (length === undefined ? reader.byteString(reader.end) : reader.bytesOf(length));
  const places: Places = {
    uint() {
      take();
      return reader.uint();
    },
    bytes(length) {
      take();
      return bytes(length);
    },
    text() {
      take();
      return reader.text(reader.end);
    },
    bytesOrNull(length) {
      take();
      return reader.orNull(() => bytes(length));
    },
    list(read) {
      take();
      return readArray(reader, what, (inner) => {
        const out = [];
        while (inner.left > 0) out.push(read(inner));
        return out;
      });
    },
    byteStrings: (length) => places.list((inner) => inner.bytes(length)),
    get left() {
      return left;
    },
  };
  return places;
}

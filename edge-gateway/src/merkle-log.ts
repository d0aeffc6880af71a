import type { CryptoProvider } from '@pulseseal/crypto';

/** Where hashes of whole subtrees are kept: level 0 are leaves, node (k, i) covers leaves [i x 2^k, (i + 1) x 2^k). */
export interface NodeStore {
  node(level: number, index: number): Uint8Array | undefined;
  putNode(level: number, index: number, hash: Uint8Array): void;
}

const NODE_PREFIX = Uint8Array.of(1);

/** Nodes kept in memory, twice: those of the newest thousand entries and what lies above them; about 0.5 MB. */
const CACHED_NODES = 2_048;
/** Indexes stay below it (entries of a log), levels below 2^8. */
const LEVEL_STEP = 2 ** 45;

/**
 * RFC 9162 section 2.1 over stored nodes: appending costs one hash on average, a proof reads about log2(size) nodes.
 * Memory holds the newest ones, because each new head proves its newest entries.
 */
export interface MerkleLog {
  /** Stores the interior nodes that the new leaf (already at level 0) completes. */
  append(index: number, leaf: Uint8Array): void;
  root(size: number): Uint8Array;
  inclusion(index: number, size: number): Uint8Array[];
  consistency(oldSize: number, newSize: number): Uint8Array[];
  /** After a rollback of the store: what is in memory may not be on disk. */
  forget(): void;
}

export function createMerkleLog(store: NodeStore, crypto: CryptoProvider): MerkleLog {
  const join = (left: Uint8Array, right: Uint8Array) => crypto.sha256Parts(NODE_PREFIX, left, right);
  let newest = new Map<number, Uint8Array>();
  let older = new Map<number, Uint8Array>();
  const keep = (level: number, index: number, hash: Uint8Array) => {
    newest.set(level * LEVEL_STEP + index, hash);
    if (newest.size < CACHED_NODES) return;
    older = newest;
    newest = new Map();
  };
  const stored = (level: number, index: number): Uint8Array => {
    const place = level * LEVEL_STEP + index;
    const known = newest.get(place);
    if (known !== undefined) return known;
    const hash = older.get(place) ?? store.node(level, index);
    if (hash === undefined) throw new RangeError(`tree node ${level}/${index} is not stored`);
    keep(level, index, hash);
    return hash;
  };
  /** Hash of the tree over leaves [start, start + size). */
  const hashOf = (start: number, size: number): Uint8Array => {
    const level = Math.log2(size);
    if (Number.isInteger(level) && start % size === 0) return stored(level, start / size);
    const left = splitOf(size);
    return join(hashOf(start, left), hashOf(start + left, size - left));
  };
  const path = (index: number, start: number, size: number, out: Uint8Array[]): void => {
    if (size <= 1) return;
    const left = splitOf(size);
    if (index < left) {
      path(index, start, left, out);
      out.push(hashOf(start + left, size - left));
    } else {
      path(index - left, start + left, size - left, out);
      out.push(hashOf(start, left));
    }
  };
  const proof = (oldSize: number, start: number, size: number, isWhole: boolean, out: Uint8Array[]): void => {
    if (oldSize === size) {
      if (!isWhole) out.push(hashOf(start, size));
      return;
    }
    const left = splitOf(size);
    if (oldSize <= left) {
      proof(oldSize, start, left, isWhole, out);
      out.push(hashOf(start + left, size - left));
    } else {
      proof(oldSize - left, start + left, size - left, false, out);
      out.push(hashOf(start, left));
    }
  };
  return {
    append(index, leaf) {
      keep(0, index, leaf);
      let hash = leaf;
      let level = 0;
      let at = index;
      while (at % 2 === 1) {
        hash = join(stored(level, at - 1), hash);
        level++;
        at = (at - 1) / 2;
        store.putNode(level, at, hash);
        keep(level, at, hash);
      }
    },
    root: (size) => (size === 0 ? crypto.sha256(new Uint8Array(0)) : hashOf(0, size)),
    inclusion(index, size) {
      const out: Uint8Array[] = [];
      path(index, 0, size, out);
      return out;
    },
    consistency(oldSize, newSize) {
      const out: Uint8Array[] = [];
      if (oldSize > 0 && oldSize < newSize) proof(oldSize, 0, newSize, true, out);
      return out;
    },
    forget() {
      newest.clear();
      older.clear();
    },
  };
}

/** The largest power of two below `size`. */
function splitOf(size: number): number {
  let left = 1;
  while (left * 2 < size) left *= 2;
  return left;
}

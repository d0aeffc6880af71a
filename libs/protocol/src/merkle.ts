import { type CryptoProvider, equalBytes } from '@pulseseal/crypto/browser';
import { refuse } from './refusal.ts';

/** RFC 9162 section 2.1 trees (SPEC clauses LOG-2 and LOG-3). Leaves are given as hashes. */

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

/** Entry of the evidence log: SHA-256(0x00 || whole message). */
export function logLeaf(message: Uint8Array, crypto: CryptoProvider): Uint8Array {
  return crypto.sha256Parts(LEAF, message);
}

export function nodeHash(left: Uint8Array, right: Uint8Array, crypto: CryptoProvider): Uint8Array {
  return crypto.sha256Parts(NODE, left, right);
}

/** By doubling: a logarithm rounds to a whole number far from a power of two. */
function levelOf(n: number): number | undefined {
  let level = 0;
  for (let power = 1; power < n; power *= 2) level++;
  return 2 ** level === n ? level : undefined;
}

/** Largest power of two below `n` (n >= 2). */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

export function merkleRoot(leaves: readonly Uint8Array[], crypto: CryptoProvider): Uint8Array {
  if (leaves.length === 0) return crypto.sha256(new Uint8Array(0));
  let level: readonly Uint8Array[] = leaves;
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) next.push(nodeHash(level[i]!, level[i + 1]!, crypto));
    if (level.length % 2 === 1) next.push(level[level.length - 1]!);
    level = next;
  }
  return level[0]!;
}

/** Gives the hash of the complete subtree of `2^level` leaves beginning at `index * 2^level`. */
export type SubtreeSource = (level: number, index: number) => Uint8Array;

/** Root of leaves [from, to) from complete subtrees. */
function rangeRoot(from: number, to: number, subtree: SubtreeSource, crypto: CryptoProvider): Uint8Array {
  const size = to - from;
  const level = levelOf(size);
  if (level !== undefined && from % size === 0) return subtree(level, from / size);
  const k = split(size);
  return nodeHash(rangeRoot(from, from + k, subtree, crypto), rangeRoot(from + k, to, subtree, crypto), crypto);
}

/** PATH(index, D[size]), leaf to root. */
function inclusionIn(
  index: number,
  from: number,
  to: number,
  subtree: SubtreeSource,
  crypto: CryptoProvider,
  out: Uint8Array[],
): void {
  if (to - from === 1) return;
  const middle = from + split(to - from);
  if (index < middle) {
    inclusionIn(index, from, middle, subtree, crypto, out);
    out.push(rangeRoot(middle, to, subtree, crypto));
  } else {
    inclusionIn(index, middle, to, subtree, crypto, out);
    out.push(rangeRoot(from, middle, subtree, crypto));
  }
}

/** SUBPROOF(m, D[from:to], whole). */
function consistencyIn(
  m: number,
  from: number,
  to: number,
  whole: boolean,
  subtree: SubtreeSource,
  crypto: CryptoProvider,
  out: Uint8Array[],
): void {
  if (m === to) {
    if (!whole) out.push(rangeRoot(from, to, subtree, crypto));
    return;
  }
  const middle = from + split(to - from);
  if (m <= middle) {
    consistencyIn(m, from, middle, whole, subtree, crypto, out);
    out.push(rangeRoot(middle, to, subtree, crypto));
  } else {
    consistencyIn(m, middle, to, false, subtree, crypto, out);
    out.push(rangeRoot(from, middle, subtree, crypto));
  }
}

export interface MerkleTree {
  readonly size: number;
  /** Adds a leaf hash; its index. */
  append(leaf: Uint8Array): number;
  leaf(index: number): Uint8Array;
  root(size?: number): Uint8Array;
  inclusion(index: number, size?: number): Uint8Array[];
  consistency(oldSize: number, newSize?: number): Uint8Array[];
}

/** An append-only tree that keeps complete subtrees (2 x 32 B a leaf): roots and proofs cost O(log n). */
export function createMerkleTree(crypto: CryptoProvider): MerkleTree {
  const levels: Uint8Array[][] = [[]];
  const subtree: SubtreeSource = (level, index) => levels[level]![index]!;
  const bound = (size: number) => {
    if (size < 0 || size > levels[0]!.length) throw new RangeError('beyond the tree');
    return size;
  };
  return {
    get size() {
      return levels[0]!.length;
    },
    append(leaf) {
      const index = levels[0]!.length;
      levels[0]!.push(leaf);
      for (let level = 0; levels[level]!.length % 2 === 0; level++) {
        const below = levels[level]!;
        if (levels.length === level + 1) levels.push([]);
        levels[level + 1]!.push(nodeHash(below[below.length - 2]!, below[below.length - 1]!, crypto));
      }
      return index;
    },
    leaf: (index) => levels[0]![index]!,
    root(size = levels[0]!.length) {
      return bound(size) === 0 ? crypto.sha256(new Uint8Array(0)) : rangeRoot(0, size, subtree, crypto);
    },
    inclusion(index, size = levels[0]!.length) {
      if (index < 0 || index >= bound(size)) throw new RangeError('no such leaf in the tree');
      const out: Uint8Array[] = [];
      inclusionIn(index, 0, size, subtree, crypto, out);
      return out;
    },
    consistency(oldSize, newSize = levels[0]!.length) {
      if (oldSize < 0 || oldSize > bound(newSize)) throw new RangeError('sizes must rise');
      const out: Uint8Array[] = [];
      if (oldSize > 0 && oldSize < newSize) consistencyIn(oldSize, 0, newSize, true, subtree, crypto, out);
      return out;
    },
  };
}

export function treeOf(leaves: readonly Uint8Array[], crypto: CryptoProvider): MerkleTree {
  const tree = createMerkleTree(crypto);
  for (const leaf of leaves) tree.append(leaf);
  return tree;
}

export function inclusionPath(leaves: readonly Uint8Array[], index: number, crypto: CryptoProvider): Uint8Array[] {
  return treeOf(leaves, crypto).inclusion(index);
}

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** Root that leaf and path lead to (RFC 9162 section 2.1.3.2). @throws Refusal path-invalid on a path of the wrong shape */
export function rootFromInclusion(claim: InclusionClaim, crypto: CryptoProvider): Uint8Array {
  if (claim.index >= claim.size) refuse('path-invalid');
  let fn = claim.index;
  let sn = claim.size - 1;
  let hash = claim.leaf;
  for (const step of claim.path) {
    if (sn === 0) refuse('path-invalid');
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(step, hash, crypto);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else hash = nodeHash(hash, step, crypto);
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0) refuse('path-invalid');
  return hash;
}

export function verifyInclusion(claim: InclusionClaim & { readonly root: Uint8Array }, crypto: CryptoProvider): void {
  if (!equalBytes(rootFromInclusion(claim, crypto), claim.root)) refuse('path-invalid');
}

export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** RFC 9162 section 2.1.4.2. An empty old tree is consistent with all, equal sizes with an equal root and no path. */
export function verifyConsistency(c: ConsistencyClaim, crypto: CryptoProvider): void {
  const fail = () => refuse('consistency-invalid');
  if (c.oldSize > c.newSize) fail();
  if (c.oldSize === 0) {
    if (c.path.length !== 0) fail();
    return;
  }
  if (c.oldSize === c.newSize) {
    if (c.path.length !== 0 || !equalBytes(c.oldRoot, c.newRoot)) fail();
    return;
  }
  const path = levelOf(c.oldSize) !== undefined ? [c.oldRoot, ...c.path] : [...c.path];
  if (path.length === 0) fail();
  let fn = c.oldSize - 1;
  let sn = c.newSize - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  let fr = path[0]!;
  let sr = path[0]!;
  for (const step of path.slice(1)) {
    if (sn === 0) fail();
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(step, fr, crypto);
      sr = nodeHash(step, sr, crypto);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else sr = nodeHash(sr, step, crypto);
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0 || !equalBytes(fr, c.oldRoot) || !equalBytes(sr, c.newRoot)) fail();
}

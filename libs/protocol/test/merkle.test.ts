import { concat, toHex, utf8 } from '@pulseseal/crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attempt,
  createMerkleTree,
  inclusionPath,
  logId,
  logLeaf,
  merkleRoot,
  nodeHash,
  treeOf,
  verifyConsistency,
  verifyInclusion,
} from '../src/mod.ts';
import { flipBit, native, portable } from './fixture.ts';
import { vectorText } from './vectors.ts';

/** The eight entries of the Certificate Transparency reference tests, with their published roots. */
const entries = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const leaves = entries.map((e) => logLeaf(Buffer.from(e, 'hex'), native));
const numbered = (n: number) => Array.from({ length: n }, (_, i) => native.sha256(utf8(`leaf ${i}`)));
const holds = (run: () => void) => attempt(run).ok;

describe('RFC 9162 trees', () => {
  it('have the published roots, the empty one too [LOG-2]', () => {
    expect(toHex(merkleRoot([], native))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    for (const crypto of [native, portable])
      roots.forEach((root, i) => {
        expect(toHex(merkleRoot(leaves.slice(0, i + 1), crypto))).toBe(root);
        expect(toHex(treeOf(leaves.slice(0, i + 1), crypto).root())).toBe(root);
      });
    expect(inclusionPath(leaves, 0, native).map(toHex)).toEqual([
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ]);
  });

  it('prove every leaf and every growth up to 40 leaves, and are those of the vectors [LOG-2] [LOG-3]', () => {
    const all = numbered(40);
    for (let size = 1; size <= 40; size++) {
      const tree = treeOf(all.slice(0, size), native);
      const root = tree.root();
      expect(root).toEqual(merkleRoot(all.slice(0, size), native));
      for (let index = 0; index < size; index++)
        verifyInclusion({ index, size, leaf: all[index]!, path: tree.inclusion(index), root }, native);
      for (let oldSize = 0; oldSize <= size; oldSize++) {
        const claim = {
          oldSize,
          newSize: size,
          oldRoot: tree.root(oldSize),
          newRoot: root,
          path: tree.consistency(oldSize),
        };
        verifyConsistency(claim, native);
      }
    }
    const file = JSON.parse(vectorText('trees.json')) as {
      readonly leaves: readonly string[];
      readonly sizes: readonly { size: number; root: string; inclusion: string[][]; consistency: string[][] }[];
    };
    expect(file.sizes.length).toBe(18);
    for (const crypto of [native, portable])
      for (const v of file.sizes) {
        const tree = treeOf(
          file.leaves.slice(0, v.size).map((l) => Buffer.from(l, 'hex')),
          crypto,
        );
        expect(toHex(tree.root())).toBe(v.root);
        v.inclusion.forEach((path, i) => {
          expect(tree.inclusion(i).map(toHex)).toEqual(path);
        });
        v.consistency.forEach((path, old) => {
          expect(tree.consistency(old).map(toHex)).toEqual(path);
        });
      }
  });

  it('withstand the known attacks [LOG-2] [LOG-3] [SEG-4]', () => {
    const three = numbered(3);
    const root = merkleRoot(three, native);
    // Duplicate last leaf: a tree that pads by repeating would give four leaves the root of three.
    expect(merkleRoot([...three, three[2]!], native)).not.toEqual(root);
    // Second preimage: an inner node passed off as a leaf, with and without the leaf prefix.
    const inner = nodeHash(three[0]!, three[1]!, native);
    expect(merkleRoot([inner, three[2]!], native)).toEqual(root);
    expect(holds(() => verifyInclusion({ index: 0, size: 3, leaf: inner, path: [three[2]!], root }, native))).toBe(
      false,
    );
    expect(logLeaf(concat(three[0]!, three[1]!), native)).not.toEqual(inner);
    // Truncation: the first two leaves with the root of three, and a size that hides the rest.
    expect(holds(() => verifyInclusion({ index: 0, size: 2, leaf: three[0]!, path: [three[1]!], root }, native))).toBe(
      false,
    );
    // Reordering.
    expect(merkleRoot([three[1]!, three[0]!, three[2]!], native)).not.toEqual(root);
    // A fork shown as growth.
    const tree = treeOf(numbered(7), native);
    const forked = treeOf([...numbered(3), ...numbered(7).slice(4), native.sha256(utf8('fork'))], native);
    const claim = {
      oldSize: 5,
      newSize: 7,
      oldRoot: tree.root(5),
      newRoot: forked.root(),
      path: forked.consistency(5),
    };
    expect(holds(() => verifyConsistency(claim, native))).toBe(false);
  });

  it('refuse every claim with another index, size, path or bit [LOG-2] [LOG-3]', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 33 }),
        fc.nat(),
        fc.nat(40),
        fc.nat(40),
        fc.nat(),
        (size, pick, index, other, bit) => {
          const all = numbered(size);
          const place = pick % size;
          const tree = treeOf(all, native);
          const path = tree.inclusion(place);
          const root = tree.root();
          const claim = { index: place, size, leaf: all[place]!, path, root };
          if (index !== place) expect(holds(() => verifyInclusion({ ...claim, index }, native))).toBe(false);
          expect(holds(() => verifyInclusion({ ...claim, leaf: flipBit(all[place]!, bit % 256) }, native))).toBe(false);
          expect(holds(() => verifyInclusion({ ...claim, path: [...path, root] }, native))).toBe(false);
          if (path.length > 0) {
            const damaged = path.map((step, i) => (i === bit % path.length ? flipBit(step, bit % 256) : step));
            expect(holds(() => verifyInclusion({ ...claim, path: damaged }, native))).toBe(false);
            expect(holds(() => verifyInclusion({ ...claim, path: path.slice(1) }, native))).toBe(false);
          }
          const old = other % (size + 1);
          const growth = {
            oldSize: old,
            newSize: size,
            oldRoot: tree.root(old),
            newRoot: root,
            path: tree.consistency(old),
          };
          if (old > 0) {
            expect(
              holds(() => verifyConsistency({ ...growth, oldRoot: flipBit(growth.oldRoot, bit % 256) }, native)),
            ).toBe(false);
            expect(holds(() => verifyConsistency({ ...growth, newRoot: flipBit(root, bit % 256) }, native))).toBe(
              false,
            );
          }
          expect(holds(() => verifyConsistency({ ...growth, path: [...growth.path, root] }, native))).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('take no size near a power of two for one [LOG-3]', () => {
    const root = numbered(1)[0]!;
    for (const oldSize of [2 ** 49 + 1, 2 ** 52 - 1, 2 ** 53 - 2])
      expect(
        holds(() =>
          verifyConsistency({ oldSize, newSize: oldSize + 1, oldRoot: root, newRoot: root, path: [] }, native),
        ),
      ).toBe(false);
    expect(() => createMerkleTree(native).root(1)).toThrow(RangeError);
    expect(() => createMerkleTree(native).inclusion(0)).toThrow(RangeError);
    expect(() => createMerkleTree(native).consistency(1)).toThrow(RangeError);
  });

  it('belong to one gateway and tenant [LOG-1]', () => {
    const gateway = numbered(1)[0]!;
    expect(logId(gateway, 'a', native)).toEqual(native.sha256(concat(utf8('ps1 log'), gateway, utf8('a'))));
    expect(logId(gateway, 'b', native)).not.toEqual(logId(gateway, 'a', native));
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNativeCrypto } from '@pulseseal/crypto';
import { createMerkleTree } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteCatalogue } from '../src/adapters/catalogue-sqlite.ts';
import { createMerkleLog } from '../src/merkle-log.ts';

const crypto = createNativeCrypto();
const leafOf = (i: number) => crypto.sha256(Buffer.from(`entry ${i}`));

describe('the tree over the index', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'edge-tree-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const open = () => {
    const catalogue = openSqliteCatalogue(join(dir, 'index.db'));
    const tree = createMerkleLog(catalogue, crypto);
    const append = (from: number, to: number) => {
      for (let i = from; i < to; i++) tree.append(catalogue.addEntry(i * 10 + 1, leafOf(i)), leafOf(i));
    };
    return { catalogue, tree, append };
  };

  it('gives the roots and paths of RFC 9162, from memory, across commits, rollbacks and starts', () => {
    const reference = createMerkleTree(crypto);
    for (let i = 0; i < 700; i++) reference.append(leafOf(i));
    const compare = (tree: ReturnType<typeof open>['tree'], size: number) => {
      expect(tree.root(size)).toEqual(reference.root(size));
      for (const index of [0, 1, 59, 60, 61, 119, 120, 200, size - 1].filter((i) => i < size))
        expect(tree.inclusion(index, size)).toEqual(reference.inclusion(index, size));
      expect(tree.consistency(Math.floor(size / 3) + 1, size)).toEqual(
        reference.consistency(Math.floor(size / 3) + 1, size),
      );
    };
    const first = open();
    first.append(0, 130);
    compare(first.tree, 130);
    first.catalogue.commit(1);
    first.append(130, 400);
    compare(first.tree, 400);
    first.catalogue.rollback();
    first.tree.forget();
    expect(first.catalogue.entryCount).toBe(130);
    compare(first.tree, 130);
    first.append(130, 301);
    first.catalogue.commit(2);
    first.catalogue.close();
    const second = open();
    compare(second.tree, 301);
    second.append(301, 700);
    compare(second.tree, 700);
    compare(second.tree, 301);
    second.catalogue.commit(3);
    const reader = openSqliteCatalogue(join(dir, 'index.db'), true);
    compare(createMerkleLog(reader, crypto), 700);
    reader.close();
    second.catalogue.close();
  });
});

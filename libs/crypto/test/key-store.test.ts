import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryKeyStore, openSealedFileKeyStore, utf8 } from '@pulseseal/crypto';
import { createSystemRandom, Failure } from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyStoreContract } from './key-store.contract.ts';
import { flipBit } from './vectors.ts';

const random = createSystemRandom();
const clock = createManualClock();
const passphrase = 'correct horse battery';
/** The least cost that the opener accepts: the tests open many stores. */
const cost = { memoryKib: 8_192, passes: 1, lanes: 1 };

let root = '';
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pulseseal-keys-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const freshPath = (): string => join(root, `${count++}`, 'keys.sealed');
const open = (path: string, change: { passphrase?: string } = {}) =>
  openSealedFileKeyStore({ path, passphrase, random, clock, cost, ...change });

async function codeOf(task: Promise<unknown>): Promise<string> {
  try {
    await task;
    return 'accepted';
  } catch (error) {
    if (error instanceof Failure) return `${error.code} ${error.detail}`.trim();
    throw error;
  }
}

keyStoreContract('memory', async () => {
  const own = createManualClock();
  return { store: createMemoryKeyStore(own), clock: own };
});

keyStoreContract('sealed file', async () => {
  const own = createManualClock();
  return {
    store: await openSealedFileKeyStore({ path: freshPath(), passphrase, random, clock: own, cost }),
    clock: own,
  };
});

test('a memory store holds at most 1,024 entries, and an old one can still be replaced', async () => {
  const store = createMemoryKeyStore(clock);
  for (let i = 0; i < 1024; i++) await store.put(`k${i}`, Uint8Array.of(1));
  expect(await codeOf(store.put('one-more', Uint8Array.of(1)))).toBe('key-store-full');
  await store.put('k7', Uint8Array.of(2));
  expect(await store.get('k7')).toEqual(Uint8Array.of(2));
});

describe('sealed file', () => {
  test('opens again with the same pass phrase, in private folder and file, and leaves nothing beside itself', async () => {
    const path = freshPath();
    const store = await open(path);
    await store.put('owner', utf8('PLANTED-SECRET-VALUE'));
    const again = await open(path);
    expect(await again.get('owner')).toEqual(utf8('PLANTED-SECRET-VALUE'));
    expect(await again.list()).toEqual([{ name: 'owner', createdMs: clock.nowMs() }]);
    expect((await lstat(path)).mode & 0o777).toBe(0o600);
    expect((await lstat(join(path, '..'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(path, '..'))).toEqual(['keys.sealed']);
    const raw = (await readFile(path)).toString('latin1');
    expect(raw).not.toContain('PLANTED-SECRET');
    expect(raw).not.toContain(Buffer.from('PLANTED-SECRET-VALUE').toString('base64url').slice(0, 20));
    expect(raw).not.toContain('owner');
  });

  test('default cost is the second recommendation of RFC 9106', async () => {
    const path = freshPath();
    await openSealedFileKeyStore({ path, passphrase, random, clock });
    const header = (await readFile(path, 'latin1')).split('\n')[0] ?? '';
    expect(JSON.parse(header)).toMatchObject({ kdf: 'argon2id', memoryKib: 65_536, passes: 3, lanes: 4 });
  });

  test('a wrong or short pass phrase is refused by name, and the file stays as it was', async () => {
    const path = freshPath();
    await (await open(path)).put('owner', utf8('x'));
    const before = await readFile(path);
    expect(await codeOf(open(path, { passphrase: 'correct horse batterx' }))).toBe('key-store-wrong-passphrase');
    expect(await codeOf(open(path, { passphrase: 'short' }))).toBe('key-store-weak-passphrase');
    expect(await readFile(path)).toEqual(before);
  });

  test('any flipped bit, a cut file and foreign content are refused by name', async () => {
    const path = freshPath();
    await (await open(path)).put('owner', utf8('x'));
    const intact = new Uint8Array(await readFile(path));
    for (let bit = 0; bit < intact.length * 8; bit += 41) {
      await writeFile(path, flipBit(intact, bit), { mode: 0o600 });
      expect(await codeOf(open(path)), `bit ${bit}`).toMatch(/^key-store-(damaged|wrong-passphrase)/);
    }
    for (const content of [
      new Uint8Array(0),
      intact.subarray(0, 100),
      intact.subarray(0, intact.length - 1),
      utf8('{}\n'),
    ]) {
      await writeFile(path, content);
      expect(await codeOf(open(path))).toMatch(/^key-store-(damaged|wrong-passphrase)/);
    }
    await writeFile(path, intact);
    expect(await (await open(path)).get('owner')).toEqual(utf8('x'));
  });

  test('a header that asks for huge memory is refused before it is used', async () => {
    const path = freshPath();
    await open(path);
    const text = (await readFile(path)).toString('latin1').replace('"memoryKib":8192', '"memoryKib":999999999');
    await writeFile(path, text, 'latin1');
    expect(await codeOf(open(path))).toContain('key-store-damaged key derivation parameters');
  });

  test.each([0o640, 0o604, 0o660, 0o622])('file mode %o is refused with the command that mends it', async (mode) => {
    const path = freshPath();
    await open(path);
    await chmod(path, mode);
    expect(await codeOf(open(path))).toBe(`key-store-file-open-to-others chmod 600 '${path}'`);
    await chmod(path, 0o600);
    expect(await codeOf(open(path))).toBe('accepted');
  });

  test.each([0o750, 0o705, 0o777])('folder mode %o is refused with the command that mends it', async (mode) => {
    const path = freshPath();
    await open(path);
    const folder = join(path, '..');
    await chmod(folder, mode);
    expect(await codeOf(open(path))).toBe(`key-store-folder-open-to-others chmod 700 '${folder}'`);
    await chmod(folder, 0o700);
    expect(await codeOf(open(path))).toBe('accepted');
  });

  test('a link or a folder in place of the file is refused', async () => {
    const path = freshPath();
    await open(path);
    await rename(path, `${path}.moved`);
    await symlink(`${path}.moved`, path);
    expect(await codeOf(open(path))).toBe(`key-store-not-a-file ${path}`);
    await rm(path);
    await mkdir(path);
    expect(await codeOf(open(path))).toBe(`key-store-not-a-file ${path}`);
  });

  test('a crash that left a half-written new file costs nothing', async () => {
    const path = freshPath();
    await (await open(path)).put('owner', utf8('x'));
    await writeFile(`${path}.new`, 'half');
    const again = await open(path);
    expect(await again.get('owner')).toEqual(utf8('x'));
    // It may as well be the rewrite of another process that is under way: only the next one of ours replaces it.
    expect(await readdir(join(path, '..'))).toEqual(['keys.sealed', 'keys.sealed.new']);
    await again.put('other', utf8('y'));
    expect(await readdir(join(path, '..'))).toEqual(['keys.sealed']);
  });

  test('a second writer is noticed instead of losing keys', async () => {
    const path = freshPath();
    const first = await open(path);
    const second = await open(path);
    await second.put('theirs', utf8('2'));
    expect(await codeOf(first.put('mine', utf8('1')))).toBe(`key-store-changed-by-another ${path}`);
    expect(await first.get('mine')).toBeUndefined();
    const again = await open(path);
    expect((await again.list()).map((item) => item.name)).toEqual(['theirs']);
  });
});

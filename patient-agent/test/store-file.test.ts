import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryKeyStore, createNativeCrypto } from '@pulseseal/crypto';
import { createSeededRandom } from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openArchive } from '../src/archive.ts';
import { createFileAgentStore } from '../src/mod.ts';
import type { AgentState } from '../src/state.ts';

/** Set: the next writes to a file take this many bytes, then the disk is full. */
const disk = vi.hoisted(() => ({ leftBytes: Number.POSITIVE_INFINITY }));
vi.mock('node:fs', async (load) => {
  const real = await load<typeof import('node:fs')>();
  const writeSync = (fd: number, bytes: Uint8Array, at = 0, length = bytes.length) => {
    if (disk.leftBytes <= 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    const written = real.writeSync(fd, bytes, at, Math.min(length, disk.leftBytes));
    disk.leftBytes -= written;
    return written;
  };
  return { ...real, writeSync };
});

let dir: string;
beforeEach(() => {
  disk.leftBytes = Number.POSITIVE_INFINITY;
  dir = mkdtempSync(join(tmpdir(), 'vault-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const path = () => join(dir, 'ada.vault');
const recordBytes = 100;
const entry = (i: number) => new Uint8Array(recordBytes).fill(i % 251, 2).fill(1, 0, 2);
const fill = (count: number) => {
  const store = createFileAgentStore(dir, 'ada');
  for (let i = 0; i < count; i++) store.appendVault(entry(i));
  store.close();
  return readFileSync(path());
};
const read = () => createFileAgentStore(dir, 'ada').readVault();

describe('the vault file', () => {
  it('with a flipped bit in any byte of any entry is damaged, and stays as it is', () => {
    const whole = fill(4);
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << (at % 8);
      writeFileSync(path(), damaged);
      expect(read, `bit in byte ${at}`).toThrow(expect.objectContaining({ code: 'vault-damaged' }));
      expect(readFileSync(path()).equals(damaged)).toBe(true);
    }
  });

  it('loses an entry that was being written, cut at any byte or with zeros where the disk had not got to', () => {
    const whole = fill(3);
    const frame = whole.length / 3;
    for (let length = 2 * frame; length < whole.length; length++) {
      const rest = Buffer.alloc(whole.length);
      whole.copy(rest, 0, 0, length);
      for (const torn of [whole.subarray(0, length), ...(length < whole.length - 16 ? [rest] : [])]) {
        writeFileSync(path(), torn);
        expect(read().length).toBe(2);
        expect(readFileSync(path()).equals(whole.subarray(0, 2 * frame))).toBe(true);
      }
    }
  });

  it('holds no half entry of a full disk before the next whole one', () => {
    fill(2);
    const store = createFileAgentStore(dir, 'ada');
    disk.leftBytes = 50;
    expect(() => store.appendVault(entry(2))).toThrow('ENOSPC');
    disk.leftBytes = Number.POSITIVE_INFINITY;
    store.appendVault(entry(3));
    store.close();
    expect(read().map((record) => record[9])).toEqual([0, 1, 3]);
  });

  it('that is damaged destroys no vault key, and the agent says what to do', async () => {
    const clock = createManualClock(Date.UTC(2026, 0, 1));
    const random = createSeededRandom(1);
    const keys = createMemoryKeyStore(clock);
    const state = { archiveRid: random.bytes(8), vaultGeneration: 1 } as AgentState;
    const open = () =>
      openArchive({
        keys,
        store: createFileAgentStore(dir, 'ada'),
        random,
        crypto: createNativeCrypto(),
        state,
        save: () => {},
        name: (part) => `ada.${part}`,
      });
    const { vault } = await open();
    for (let i = 0; i < 3; i++) {
      const oh = Buffer.alloc(32, i).toString('hex');
      vault.add({ oh, device: oh, boot: 1, epoch: i, t0Ms: 0 }, new Map([[0, random.bytes(32)]]));
    }
    const file = readFileSync(path());
    file[60]! ^= 1;
    writeFileSync(path(), file);
    const before = (await keys.list()).map((item) => item.name);
    await expect(open()).rejects.toThrow('Restore the folder from a backup');
    expect((await keys.list()).map((item) => item.name)).toEqual(before);
    file[60]! ^= 1;
    writeFileSync(path(), file);
    expect((await open()).vault.list().length).toBe(3);
  });
});

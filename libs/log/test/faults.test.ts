import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { longFactor } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import { type Log, openCursor, openLog, openLogReader, verifyLog } from '../src/mod.ts';
import { createFaultyFileSystem, type DiskOperation, type Fault } from './faulty-file-system.ts';
import { bytes, count, numbered, numbers, readAll, text, useFolder } from './helpers.ts';

const folder = useFolder();
const small = { segmentBytes: 4_000, maxRecordBytes: 500, maxBatchBytes: 4_000 };

/** Appends numbers one after another and two at a time, recovering after each failure; answers what was acknowledged. */
async function appendThrough(log: Log, from: number, to: number, isEnough: () => boolean = () => false) {
  const acknowledged = new Map<number, number>();
  const failures: unknown[] = [];
  for (let i = from; i < to && !isEnough(); i++) {
    const results = await Promise.allSettled([log.append(numbered(i, 100)), log.append(numbered(++i, 60))]);
    for (const [k, result] of results.entries()) {
      if (result.status === 'fulfilled') acknowledged.set(i - 1 + k, result.value);
      else failures.push(result.reason);
    }
    if (log.failed !== undefined) {
      await expect(log.append(bytes('refused while failed'))).rejects.toMatchObject({ code: 'log-failed' });
      await log.recover();
    }
  }
  return { acknowledged, failures };
}

async function expectKept(log: Pick<Log, 'read' | 'readFrom'>, acknowledged: ReadonlyMap<number, number>) {
  for (const [i, position] of acknowledged) expect(text(await log.read(position))).toMatch(new RegExp(`^${i};`));
  const all = await readAll(log);
  expect(all.damaged).toEqual([]);
  const read = numbers(all.records);
  expect(read).toEqual([...new Set(read)].sort((a, b) => a - b));
  return read;
}

const faults: readonly { name: string; code: string; fault: Fault }[] = [
  { name: 'EIO', code: 'disk-error', fault: { errno: 'EIO' } },
  { name: 'ENOSPC', code: 'disk-full', fault: { errno: 'ENOSPC' } },
  { name: 'ENOSPC after 70 bytes', code: 'disk-full', fault: { errno: 'ENOSPC', tornBytes: 70 } },
  { name: 'EROFS', code: 'disk-read-only', fault: { errno: 'EROFS' } },
];

describe('the n-th write or sync fails', () => {
  it('for n = 1..200: it is named, nothing acknowledged is lost, and the log goes on', async () => {
    const rounds = longFactor() > 1 ? faults.length : 1;
    let named = 0;
    for (let n = 1; n <= 200; n++) {
      for (let round = 0; round < rounds; round++) {
        const { code, fault } = faults[(n + round) % faults.length]!;
        const dir = join(folder.dir, `${n}-${round}`);
        let seen = 0;
        const isCounted = (o: DiskOperation) => o.path.endsWith('.seg') || o.kind === 'syncFolder';
        const plan = (o: DiskOperation) => (isCounted(o) && ++seen === n ? fault : undefined);
        const log = await openLog({ dir, ...small, fs: createFaultyFileSystem(plan) });
        const { acknowledged, failures } = await appendThrough(log, 0, 300, () => seen > n + 12);
        expect(seen).toBeGreaterThan(n);
        expect(failures.length).toBeGreaterThan(0);
        for (const f of failures) expect(f).toMatchObject({ code });
        named += failures.length;
        // Who was refused is not in the log either: the batch failed as a whole.
        expect(await expectKept(log, acknowledged)).toEqual([...acknowledged.keys()]);
        await log.close();
        const again = await openLog({ dir, ...small });
        expect(again.recovery).toMatchObject({ cutBytes: 0, damaged: [] });
        const kept = (await readAll(again)).records;
        expect(numbers(kept)).toEqual([...acknowledged.keys()]);
        expect(kept.map((r) => r.position)).toEqual([...acknowledged.values()]);
        await again.close();
        await rm(dir, { recursive: true });
      }
    }
    expect(named).toBeGreaterThanOrEqual(200);
  });

  it('and the process dies before it recovers: nothing acknowledged is lost', async () => {
    for (let n = 1; n <= 60; n++) {
      const dir = join(folder.dir, `${n}`);
      let seen = 0;
      const { fault } = faults[n % faults.length]!;
      const plan = (o: DiskOperation) => (o.path.endsWith('.seg') && ++seen >= n ? fault : undefined);
      const log = await openLog({ dir, ...small, fs: createFaultyFileSystem(plan) });
      const acknowledged = new Map<number, number>();
      for (let i = 0; log.failed === undefined; i++)
        await log.append(numbered(i)).then(
          (p) => acknowledged.set(i, p),
          () => {},
        );
      await log.close();
      const again = await openLog({ dir, ...small });
      await expectKept(again, acknowledged);
      await again.append(numbered(999));
      await again.close();
    }
  });

  it('again and again: recover rejects by name while the disk refuses, and passes once it does not', async () => {
    const disk = { isFull: false };
    const fs = createFaultyFileSystem((o) =>
      disk.isFull && ['write', 'sync', 'truncate', 'syncFolder'].includes(o.kind) ? { errno: 'ENOSPC' } : undefined,
    );
    const log = await openLog({ dir: folder.dir, ...small, fs });
    await log.append(numbered(0));
    disk.isFull = true;
    const waiting = [1, 2, 3].map((i) => log.append(numbered(i)));
    for (const w of waiting) await expect(w).rejects.toMatchObject({ code: 'disk-full' });
    expect(log.failed).toMatchObject({ code: 'disk-full' });
    await expect(log.recover()).rejects.toMatchObject({ code: 'disk-full' });
    expect(numbers((await readAll(log)).records)).toEqual([0]);
    disk.isFull = false;
    await log.recover();
    expect(log.failed).toBe(undefined);
    await log.append(numbered(4));
    expect(numbers((await readAll(log)).records)).toEqual([0, 4]);
    await log.close();
  });

  it('short writes are finished, not failed', async () => {
    const fs = createFaultyFileSystem((o) => (o.kind === 'write' ? { shortBytes: 33 } : undefined));
    const log = await openLog({ dir: folder.dir, ...small, fs });
    await log.appendMany(count(5).map((i) => numbered(i, 100)));
    expect(numbers((await readAll(log)).records)).toEqual(count(5));
    await log.close();
  });

  it('a reader never sees what a failed sync took back', async () => {
    let isFailing = false;
    const fs = createFaultyFileSystem((o) => (isFailing && o.kind === 'sync' ? { errno: 'EIO' } : undefined));
    const log = await openLog({ dir: folder.dir, ...small, fs });
    const reader = await openLogReader({ dir: folder.dir });
    await log.append(numbered(0));
    isFailing = true;
    await expect(log.append(numbered(1))).rejects.toMatchObject({ code: 'disk-error' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const seen = await readAll(reader);
    expect(numbers(seen.records)).toEqual([0]);
    isFailing = false;
    await log.recover();
    await log.append(numbered(2));
    await log.close();
    expect(numbers((await readAll(reader, seen.next)).records)).toEqual([2]);
    await reader.close();
  });

  it('a cursor that could not be saved says so, keeps its old place, and saves later', async () => {
    let isFailing = false;
    const fs = createFaultyFileSystem((o) => (isFailing && o.kind === 'sync' ? { errno: 'EIO' } : undefined));
    const path = join(folder.dir, 'cursor');
    const cursor = await openCursor(path, fs);
    await cursor.save(10);
    isFailing = true;
    await expect(cursor.save(20)).rejects.toMatchObject({ code: 'disk-error' });
    expect(cursor.position).toBe(10);
    isFailing = false;
    await cursor.save(20);
    await cursor.close();
    expect((await openAndClose(path)).position).toBe(20);
  });
});

async function openAndClose(path: string) {
  const cursor = await openCursor(path);
  await cursor.close();
  return cursor;
}

describe('a real full disk of 2 MB', () => {
  const mount = join('/tmp', `pulseseal-full-${process.pid}`);
  const mounted = tryMount(mount);
  if (!mounted) console.warn('SKIPPED: a 2 MB tmpfs needs root and mount');

  it.skipIf(!mounted)(
    'stops acknowledging by name, loses nothing acknowledged, goes on after space was freed',
    async () => {
      try {
        const dir = join(mount, 'log');
        await mkdir(dir);
        await writeFile(join(mount, 'ballast'), new Uint8Array(600_000));
        const settings = { dir, segmentBytes: 500_000 };
        const log = await openLog({ ...settings, maxRecordBytes: 4_000, maxBatchBytes: 500_000 });
        const acknowledged = new Map<number, number>();
        let i = 0;
        const fill = async () => {
          while (log.failed === undefined && i < 5_000) {
            const from = i;
            i += 4;
            const results = await Promise.allSettled(count(4, from).map((k) => log.append(numbered(k, 1_000))));
            for (const [k, r] of results.entries()) {
              if (r.status === 'fulfilled') acknowledged.set(from + k, r.value);
              else expect(r.reason).toMatchObject({ code: 'disk-full' });
            }
          }
        };
        await fill();
        expect(log.failed).toMatchObject({ code: 'disk-full' });
        const before = acknowledged.size;
        expect(before).toBeGreaterThan(500);
        await expectKept(log, acknowledged);
        await rm(join(mount, 'ballast'));
        await log.recover();
        await fill();
        expect(acknowledged.size).toBeGreaterThan(before + 300);
        await log.close();
        const again = await openLog({ ...settings, maxRecordBytes: 4_000, maxBatchBytes: 500_000 });
        await expectKept(again, acknowledged);
        await again.close();
        expect((await verifyLog(dir)).damaged).toEqual([]);
      } finally {
        execFileSync('umount', [mount]);
        await rm(mount, { recursive: true });
      }
    },
  );
});

function tryMount(path: string): boolean {
  try {
    execFileSync('mkdir', ['-p', path]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createManualClock } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import { openLog, openLogReader, verifyLog } from '../src/mod.ts';
import { createFaultyFileSystem, type DiskOperation } from './faulty-file-system.ts';
import { bytes, count, numbered, numbers, readAll, text, useFolder } from './helpers.ts';

const folder = useFolder();

describe('appending', () => {
  it('gives rising positions, reads each record back, and goes on after reopening', async () => {
    let log = await openLog({ dir: folder.dir });
    const first = await Promise.all(count(100).map((i) => log.append(numbered(i))));
    expect([...first].sort((a, b) => a - b)).toEqual(first);
    expect(text(await log.read(first[42]!))).toMatch(/^42;/);
    await log.close();
    log = await openLog({ dir: folder.dir });
    expect(log.recovery).toEqual({ cutBytes: 0, damaged: [], records: 0 });
    const more = await log.appendMany(count(10, 100).map((i) => numbered(i)));
    expect(more[0]).toBeGreaterThan(first.at(-1)!);
    expect(numbers((await readAll(log)).records)).toEqual(count(110));
    await log.close();
  });

  it('takes empty records and records of the largest size, and refuses larger ones by name', async () => {
    const log = await openLog({ dir: folder.dir });
    const positions = await log.appendMany([new Uint8Array(0), new Uint8Array(256 * 1024).fill(9), bytes('x')]);
    expect((await log.read(positions[0]!)).length).toBe(0);
    expect((await log.read(positions[1]!)).length).toBe(256 * 1024);
    await expect(log.append(new Uint8Array(256 * 1024 + 1))).rejects.toMatchObject({ code: 'record-too-large' });
    expect((await readAll(log)).records.length).toBe(3);
    await log.close();
  });

  it('copies what it is given: the caller may use its buffer again at once', async () => {
    const log = await openLog({ dir: folder.dir });
    const buffer = bytes('before');
    const position = log.enqueue(buffer);
    buffer.set(bytes('after!'));
    await log.synced(position);
    expect(text(await log.read(position))).toBe('before');
    await log.close();
  });

  it('rolls segments, syncs the folder for each, and reads across them', async () => {
    const operations: DiskOperation[] = [];
    const fs = createFaultyFileSystem(
      () => undefined,
      (o) => operations.push(o),
    );
    const settings = { dir: folder.dir, segmentBytes: 2_000, maxRecordBytes: 500, maxBatchBytes: 2_000, fs };
    const log = await openLog(settings);
    for (const i of count(200)) await log.append(numbered(i, 100));
    const segments = (await readdir(folder.dir)).filter((n) => n.endsWith('.seg'));
    expect(segments.length).toBeGreaterThan(10);
    expect(operations.filter((o) => o.kind === 'syncFolder').length).toBe(segments.length);
    for (const name of segments) expect((await stat(join(folder.dir, name))).size).toBeLessThanOrEqual(2_000);
    const all = await readAll(log);
    expect(numbers(all.records)).toEqual(count(200));
    expect(all.damaged).toEqual([]);
    for (const record of all.records) expect(await log.read(record.position)).toEqual(record.data);
    await log.close();
    expect((await verifyLog(folder.dir)).records).toBe(200);
  });

  it('honours maxRecords and maxBytes and says where to go on', async () => {
    const log = await openLog({ dir: folder.dir });
    await log.appendMany(count(50).map((i) => numbered(i, 1000)));
    const few = await log.readFrom(0, { maxRecords: 7 });
    expect(numbers(few.records)).toEqual(count(7));
    const some = await log.readFrom(few.next, { maxBytes: 3_000 });
    expect(numbers(some.records)).toEqual([7, 8, 9]);
    expect((await log.readFrom(log.endPosition)).records).toEqual([]);
    await log.close();
  });

  it('refuses reading where no record begins', async () => {
    const log = await openLog({ dir: folder.dir });
    const position = await log.append(bytes('record'));
    await expect(log.read(log.endPosition)).rejects.toMatchObject({ code: 'position-unknown' });
    await expect(log.read(0)).rejects.toMatchObject({ code: 'position-unknown' });
    await expect(log.read(position + 1)).rejects.toMatchObject({ code: 'record-damaged' });
    await log.close();
  });

  it('adds 8 bytes to a record on disk, and makes files and folders for the owner alone', async () => {
    const dir = join(folder.dir, 'new', 'log');
    const log = await openLog({ dir });
    await log.appendMany(count(1000).map((i) => numbered(i, 256)));
    await log.close();
    expect((await stat(join(dir, '0000000000000000.seg'))).size).toBe(96 + 1000 * (256 + 8));
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['a segment too small for its largest record', { segmentBytes: 1000 }],
    ['a segment beyond 1 GiB', { segmentBytes: 2 ** 31 }],
    ['a record beyond the length field', { maxRecordBytes: 2 ** 20 }],
    ['a bound that is no number', { maxPendingBytes: Number.NaN }],
  ])('refuses settings with %s', async (_, wrong) => {
    await expect(openLog({ dir: folder.dir, ...wrong })).rejects.toMatchObject({ code: 'log-settings' });
  });
});

describe('group commit', () => {
  /** A disk whose syncs of segments wait until they are let go. */
  function slowDisk() {
    const waiting: (() => void)[] = [];
    const happened: string[] = [];
    const inner = createFaultyFileSystem(
      () => undefined,
      (o) => {
        if (o.path.endsWith('.seg')) happened.push(o.kind);
      },
    );
    const fs: typeof inner = {
      ...inner,
      async open(path, mode) {
        const file = await inner.open(path, mode);
        if (!path.endsWith('.seg')) return file;
        const sync = async () => {
          await new Promise<void>((resolve) => waiting.push(resolve));
          await file.sync();
        };
        return { ...file, sync };
      },
    };
    return { fs, happened, waiting };
  }
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  it('resolves callers only after the sync of their batch, and shares one sync among all that came during the last', async () => {
    const { fs, happened, waiting } = slowDisk();
    const log = await openLog({ dir: folder.dir, fs });
    happened.length = 0;
    const acknowledged: number[] = [];
    const append = (i: number) => log.append(numbered(i)).then(() => acknowledged.push(i) && happened.push(`ack ${i}`));
    const firsts = [0, 1, 2].map(append);
    await until(() => waiting.length === 1);
    const seconds = [3, 4, 5, 6].map(append);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(acknowledged).toEqual([]);
    expect(log.endPosition).toBe(0);
    expect((await log.readFrom(0)).records).toEqual([]);
    waiting.shift()!();
    await Promise.all(firsts);
    expect(acknowledged).toEqual([0, 1, 2]);
    await until(() => waiting.length === 1);
    expect(numbers((await readAll(log)).records)).toEqual([0, 1, 2]);
    waiting.shift()!();
    await Promise.all(seconds);
    expect(happened).toEqual([
      'open',
      'write',
      'sync',
      'ack 0',
      'ack 1',
      'ack 2',
      'write',
      'sync',
      'ack 3',
      'ack 4',
      'ack 5',
      'ack 6',
    ]);
    await log.close();
  });

  it('tells commits in order, with ends that hold the records', async () => {
    const log = await openLog({ dir: folder.dir });
    const ends: number[] = [];
    const stop = log.onCommit((end) => ends.push(end));
    for (const i of count(5)) expect(await log.append(numbered(i))).toBeLessThan(ends.at(-1)!);
    stop();
    await log.append(numbered(5));
    expect(ends.length).toBe(5);
    expect([...ends].sort((a, b) => a - b)).toEqual(ends);
    await log.close();
  });

  it('refuses with log-full beyond maxPendingBytes, takes all or nothing of a list, and takes again after the sync', async () => {
    const { fs, waiting } = slowDisk();
    const log = await openLog({ dir: folder.dir, fs, maxRecordBytes: 1000, maxPendingBytes: 10_000 });
    let taken = 0;
    const refusal = (() => {
      for (; taken < 100; taken++) {
        try {
          log.enqueue(numbered(taken, 500));
        } catch (error) {
          return error;
        }
      }
      return undefined;
    })();
    expect(refusal).toMatchObject({ code: 'log-full', kind: 'retry-later' });
    expect(log.pendingBytes).toBeLessThanOrEqual(10_000);
    await expect(log.append(numbered(0, 500))).rejects.toMatchObject({ code: 'log-full' });
    await until(() => waiting.length === 1);
    waiting.shift()!();
    await log.flush();
    await expect(log.appendMany(count(30).map((i) => numbered(i, 500)))).rejects.toMatchObject({ code: 'log-full' });
    const again = log.append(numbered(taken, 500));
    await until(() => waiting.length === 1);
    waiting.shift()!();
    await again;
    expect(numbers((await readAll(log)).records)).toEqual(count(taken + 1));
    await log.close();
  });

  it('waits flushDelayMs for more when idle', async () => {
    const clock = createManualClock();
    const log = await openLog({ dir: folder.dir, flushDelayMs: 5, clock });
    let isDone = false;
    const position = log.append(bytes('x')).then(() => {
      isDone = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isDone).toBe(false);
    clock.advance(5);
    await position;
    await log.close();
  });

  it('syncs on close what was taken, and refuses afterwards', async () => {
    const log = await openLog({ dir: folder.dir });
    const pending = log.append(bytes('last words'));
    await log.close();
    await pending;
    await expect(log.append(bytes('x'))).rejects.toMatchObject({ code: 'log-closed' });
    expect((await verifyLog(folder.dir)).records).toBe(1);
  });
});

describe('one writer', () => {
  it('is refused a second time by name, in the same process and in another, and let in after close', async () => {
    const log = await openLog({ dir: folder.dir });
    await expect(openLog({ dir: folder.dir })).rejects.toMatchObject({ code: 'log-locked' });
    const { execFileSync } = await import('node:child_process');
    const script = `import { openLog } from ${JSON.stringify(join(import.meta.dirname, '../src/mod.ts'))};
      await openLog({ dir: ${JSON.stringify(folder.dir)} }).then(() => console.log('in'), (e) => console.log(e.code));`;
    const other = () =>
      execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script], { encoding: 'utf8' }).trim();
    expect(other()).toBe('log-locked');
    await log.append(bytes('still mine'));
    await log.close();
    expect(other()).toBe('in');
    await (await openLog({ dir: folder.dir })).close();
  });
});

describe('retention', () => {
  const settings = () => ({ dir: folder.dir, segmentBytes: 2_000, maxRecordBytes: 500, maxBatchBytes: 2_000 });
  const size = async () => {
    let sum = 0;
    for (const name of await readdir(folder.dir))
      if (name.endsWith('.seg')) sum += (await stat(join(folder.dir, name))).size;
    return sum;
  };

  it('keeps at most maxBytes in whole segments, the newest ones', async () => {
    const log = await openLog({ ...settings(), retention: { maxBytes: 10_000 } });
    for (const i of count(300)) await log.append(numbered(i, 100));
    await log.flush();
    expect(await size()).toBeLessThanOrEqual(12_000);
    expect(await size()).toBeGreaterThan(6_000);
    const kept = numbers((await readAll(log)).records);
    expect(kept).toEqual(count(kept.length, 300 - kept.length));
    await expect(log.readFrom(500)).rejects.toMatchObject({ code: 'position-trimmed' });
    await log.close();
  });

  it('never removes what is still needed, whatever the bound', async () => {
    const needed = { position: 0 };
    const log = await openLog({ ...settings(), retention: { maxBytes: 5_000, keepFrom: () => needed.position } });
    const positions = [];
    for (const i of count(200)) positions.push(await log.append(numbered(i, 100)));
    expect(log.startPosition).toBe(0);
    needed.position = positions[150]!;
    for (const i of count(50, 200)) await log.append(numbered(i, 100));
    expect(log.startPosition).toBeLessThanOrEqual(positions[150]!);
    expect(log.startPosition).toBeGreaterThan(positions[100]!);
    expect(text(await log.read(positions[150]!))).toMatch(/^150;/);
    await log.close();
  });

  it('trims on request, and readers learn that a position is gone', async () => {
    const log = await openLog(settings());
    const positions = await log.appendMany(count(100).map((i) => numbered(i, 100)));
    const reader = await openLogReader({ dir: folder.dir });
    expect(numbers((await readAll(reader)).records)).toEqual(count(100));
    await log.trim(positions[60]!);
    await reader.close();
    const later = await openLogReader({ dir: folder.dir });
    expect(await later.startPosition()).toBe(log.startPosition);
    await expect(later.readFrom(positions[0]!)).rejects.toMatchObject({ code: 'position-trimmed' });
    const rest = numbers((await readAll(later)).records);
    expect(rest.at(-1)).toBe(99);
    expect(rest[0]).toBeLessThanOrEqual(60);
    await later.close();
    await log.close();
    expect((await readFile(join(folder.dir, 'synced'))).length).toBe(24);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createSeededRandom, createSystemClock } from '@pulseseal/runtime';
import { longFactor } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import { openCursor, openLog, openLogReader, readCursor, verifyLog } from '../src/mod.ts';
import { bytes, count, numbered, numbers, readAll, useFolder } from './helpers.ts';
import { createPowerCutDisk } from './power-cut-disk.ts';

const folder = useFolder();

function startWriter(dir: string, from: number) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writer-process.ts'), dir, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: number[] = [];
  const lines = createInterface({ input: child.stdout });
  const first = once(lines, 'line');
  lines.on('line', (line) => acknowledged.push(Number(line)));
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]);
  return { child, acknowledged, first, ended };
}

describe('kill -9 of the writing process', () => {
  it('in a loop: every acknowledged record is there once and in order', async () => {
    const rounds = 10 * longFactor();
    const random = createSeededRandom(20);
    let next = 0;
    let total = 0;
    for (let round = 0; round < rounds; round++) {
      const writer = startWriter(folder.dir, next);
      await writer.first;
      await new Promise((resolve) => setTimeout(resolve, random.unit() * 80));
      writer.child.kill('SIGKILL');
      await writer.ended;
      total += writer.acknowledged.length;
      const log = await openLog({ dir: folder.dir });
      expect(log.recovery.damaged).toEqual([]);
      const stored = numbers((await readAll(log)).records);
      expect(stored).toEqual(count(stored.length));
      for (const i of writer.acknowledged) expect(i).toBeLessThan(stored.length);
      next = stored.length;
      await log.close();
    }
    expect(total).toBeGreaterThan(rounds * 20);
    expect((await verifyLog(folder.dir)).records).toBe(next);
  });
});

describe('a cut of the power', () => {
  it('at any moment, with any beginning of what was not synced on the disk: nothing acknowledged is lost', async () => {
    const cuts = 60 * longFactor();
    for (let seed = 0; seed < cuts; seed++) {
      const random = createSeededRandom(seed);
      const dir = join(folder.dir, `${seed}`);
      const settings = { dir, segmentBytes: 3_000, maxRecordBytes: 500, maxBatchBytes: 3_000 };
      const acknowledged: number[] = [];
      let next = 0;
      for (let life = 0; life < 3; life++) {
        const disk = createPowerCutDisk(random);
        const log = await openLog({ ...settings, fs: disk });
        const stored = numbers((await readAll(log)).records);
        expect(log.recovery.damaged, `seed ${seed}`).toEqual([]);
        expect(stored, `seed ${seed}`).toEqual(count(stored.length));
        for (const i of acknowledged) expect(i, `seed ${seed}`).toBeLessThan(stored.length);
        next = stored.length;
        const stopAt = next + Math.floor(random.unit() * 60);
        let isOff = false;
        while (next < stopAt && log.failed === undefined) {
          const i = next++;
          const done = log.append(numbered(i, 10 + Math.floor(random.unit() * 200))).then(
            () => {
              if (!isOff) acknowledged.push(i);
            },
            () => {},
          );
          if (random.unit() < 0.4) await done;
        }
        await new Promise((resolve) => setTimeout(resolve, random.unit() < 0.5 ? 0 : 1));
        isOff = true;
        disk.cut();
        await log.close().catch(() => {});
      }
    }
  });
});

describe('a reader in another process than the writer', () => {
  it('sees every synced record once and in order while they are written, woken by the writer', async () => {
    const reader = await openLogReader({ dir: join(folder.dir, 'log') });
    expect(await reader.endPosition()).toBe(0);
    const writer = startWriter(join(folder.dir, 'log'), 0);
    const clock = createSystemClock();
    try {
      let next = 0;
      const seen: number[] = [];
      while (seen.length < 3_000) {
        expect(await reader.waitForMore(next, { clock, timeoutMs: 5_000 })).toBe(true);
        const read = await reader.readFrom(next);
        expect(read.damaged).toEqual([]);
        seen.push(...numbers(read.records));
        next = read.next;
      }
      expect(seen).toEqual(count(seen.length));
    } finally {
      writer.child.kill('SIGKILL');
      await writer.ended;
      await reader.close();
    }
  });

  it('is woken within a few milliseconds, and waits no longer than asked', async () => {
    const clock = createSystemClock();
    const log = await openLog({ dir: folder.dir });
    const reader = await openLogReader({ dir: folder.dir });
    expect(await reader.waitForMore(0, { clock, timeoutMs: 30 })).toBe(false);
    expect(await reader.waitForMore(0, { clock, timeoutMs: 5_000, signal: AbortSignal.timeout(30) })).toBe(false);
    const delays: number[] = [];
    let next = 0;
    for (const i of count(9)) {
      const woken = reader.waitForMore(next, { clock, timeoutMs: 5_000 }).then(() => clock.monotonicMs());
      await new Promise((resolve) => setTimeout(resolve, 10));
      await log.append(numbered(i));
      const synced = clock.monotonicMs();
      delays.push((await woken) - synced);
      next = (await reader.readFrom(next)).next;
    }
    // The poll alone would take 100 ms in the middle.
    expect(delays.sort((a, b) => a - b)[4]).toBeLessThan(50);
    await reader.close();
    await log.close();
  });

  it('reads a stopped log whose mark of the last sync is lost or older', async () => {
    const log = await openLog({ dir: folder.dir });
    await log.appendMany(count(20).map((i) => numbered(i)));
    await log.close();
    await writeFile(join(folder.dir, 'synced'), bytes('no mark at all, but some junk'));
    const reader = await openLogReader({ dir: folder.dir });
    expect(numbers((await readAll(reader)).records)).toEqual(count(20));
    await reader.close();
  });
});

describe('a cursor', () => {
  const path = () => join(folder.dir, 'cursors', 'care');

  it('keeps its place over reopening, never goes back, and is readable by others', async () => {
    expect(await readCursor(path())).toEqual({ position: 0, part: 0 });
    let cursor = await openCursor(path());
    expect(cursor.position).toBe(0);
    await cursor.save(100);
    await cursor.save(60);
    await cursor.save(100, 3);
    await cursor.save(100, 2);
    expect([cursor.position, cursor.part]).toEqual([100, 3]);
    expect(await readCursor(path())).toEqual({ position: 100, part: 3 });
    await cursor.close();
    cursor = await openCursor(path());
    expect([cursor.position, cursor.part, cursor.wasDamaged]).toEqual([100, 3, false]);
    await Promise.all(count(50).map((i) => cursor.save(200 + i)));
    expect(cursor.position).toBe(249);
    await cursor.close();
  });

  it('survives a torn write of either place with the place before', async () => {
    const cursor = await openCursor(path());
    for (let i = 1; i <= 7; i++) await cursor.save(i * 1_000);
    await cursor.close();
    const { readFile } = await import('node:fs/promises');
    const whole = await readFile(path());
    const slots = [0, 4096];
    const newest = whole.readBigUInt64BE(4) > whole.readBigUInt64BE(4100) ? 0 : 1;
    for (let at = 0; at < 20; at++) {
      const torn = Buffer.from(whole);
      torn[slots[newest]! + at]! ^= 0x40;
      await writeFile(path(), torn);
      const again = await openCursor(path());
      expect([again.position, again.wasDamaged]).toEqual([6_000, false]);
      await again.save(7_000);
      await again.close();
      expect((await readCursor(path())).position).toBe(7_000);
    }
  });

  it('says so when both places are damaged, and begins anew', async () => {
    await (await openCursor(path())).close();
    await writeFile(path(), new Uint8Array(8_192).fill(9));
    const cursor = await openCursor(path());
    expect([cursor.position, cursor.wasDamaged]).toEqual([0, true]);
    await cursor.save(5);
    await cursor.close();
    expect((await readCursor(path())).position).toBe(5);
  });
});

describe('opening a long log', () => {
  it('looks at the tail only: under half a second with 400,000 records, mark or none', async () => {
    const { rm } = await import('node:fs/promises');
    const log = await openLog({ dir: folder.dir });
    const record = new Uint8Array(300).fill(1);
    for (let i = 0; i < 400; i++) {
      log.enqueueMany(Array.from({ length: 1000 }, () => record));
      await log.flush();
    }
    await log.close();
    for (const hasMark of [true, false]) {
      if (!hasMark) await rm(join(folder.dir, 'synced'));
      const begunMs = performance.now();
      const again = await openLog({ dir: folder.dir });
      expect(performance.now() - begunMs).toBeLessThan(500);
      await again.close();
    }
  });
});

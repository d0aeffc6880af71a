import { copyFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { longFactor } from '@pulseseal/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRecordSeal, openLog, openLogReader, verifyLog } from '../src/mod.ts';
import { createFaultyFileSystem } from './faulty-file-system.ts';
import { bytes, count, numbered, numbers, readAll, useFolder } from './helpers.ts';

const folder = useFolder();
const SEGMENT = '0000000000000000.seg';

/** A log of `n` records whose mark of the last sync stands before the last one, as after a cut of power. */
async function logWithUnmarkedTail(dir: string, n: number, length = 40) {
  const log = await openLog({ dir });
  const positions = await log.appendMany(count(n - 1).map((i) => numbered(i, length)));
  await log.close();
  await copyFile(join(dir, 'synced'), join(dir, 'older'));
  const again = await openLog({ dir });
  positions.push(await again.append(numbered(n - 1, length)));
  const end = again.endPosition;
  await again.close();
  await copyFile(join(dir, 'older'), join(dir, 'synced'));
  return { positions, end };
}

describe('a torn tail', () => {
  it('is cut at every byte of the last record, is reported, and the log goes on behind', async () => {
    const { positions, end } = await logWithUnmarkedTail(folder.dir, 5);
    const whole = await readFile(join(folder.dir, SEGMENT));
    const mark = await readFile(join(folder.dir, 'older'));
    const last = positions[4]!;
    for (let size = last; size < end; size++) {
      await writeFile(join(folder.dir, SEGMENT), whole.subarray(0, size));
      await writeFile(join(folder.dir, 'synced'), mark);
      const torn = await verifyLog(folder.dir);
      expect(torn.tornTail).toEqual(size === last ? undefined : { position: last, bytes: size - last });
      const log = await openLog({ dir: folder.dir });
      expect(log.recovery.cutBytes).toBe(size - last);
      if (size > last) expect(log.recovery.cutAt).toBe(last);
      expect(log.recovery.damaged).toEqual([]);
      expect(await log.append(numbered(77))).toBe(last);
      expect(numbers((await readAll(log)).records)).toEqual([0, 1, 2, 3, 77]);
      await log.close();
    }
  });

  it('is cut too when the bytes are there but wrong, and with no mark of a sync at all', async () => {
    const { positions } = await logWithUnmarkedTail(folder.dir, 5);
    const file = join(folder.dir, SEGMENT);
    const whole = await readFile(file);
    for (const junk of [new Uint8Array(48), whole.subarray(96, 144), Buffer.alloc(5_000, 0xa5)]) {
      await writeFile(file, Buffer.concat([whole.subarray(0, positions[4]!), junk]));
      await rm(join(folder.dir, 'synced'));
      const log = await openLog({ dir: folder.dir });
      expect(log.recovery).toMatchObject({ cutBytes: junk.length, cutAt: positions[4], damaged: [], records: 4 });
      await log.close();
    }
  });

  it('that is whole is kept, and synced before anybody may read it', async () => {
    await logWithUnmarkedTail(folder.dir, 5);
    const operations: string[] = [];
    const fs = createFaultyFileSystem(
      () => undefined,
      (o) => operations.push(`${o.kind} ${basename(o.path)}`),
    );
    const log = await openLog({ dir: folder.dir, fs });
    expect(log.recovery).toMatchObject({ cutBytes: 0, records: 1 });
    await log.close();
    expect(operations).toContain(`sync ${SEGMENT}`);
    expect(operations.indexOf(`sync ${SEGMENT}`)).toBeLessThan(operations.indexOf('write synced'));
  });

  it('of a segment that only began is removed with it', async () => {
    const settings = { dir: folder.dir, segmentBytes: 1_000, maxRecordBytes: 300, maxBatchBytes: 1_000 };
    let log = await openLog(settings);
    await log.appendMany(count(30).map((i) => numbered(i, 100)));
    await log.close();
    const end = log.endPosition;
    for (const size of [0, 10, 47, 60, 95]) {
      await writeFile(join(folder.dir, `${String(end).padStart(16, '0')}.seg`), new Uint8Array(size).fill(7));
      log = await openLog(settings);
      expect(log.recovery).toMatchObject({ cutBytes: size, damaged: [] });
      expect(log.endPosition).toBe(end);
      await log.close();
    }
    log = await openLog(settings);
    await log.append(numbered(30, 100));
    expect(numbers((await readAll(log)).records)).toEqual(count(31));
    await log.close();
  });

  it('synced bytes that are gone are damage, not a tail: their positions are never given again', async () => {
    const log = await openLog({ dir: folder.dir });
    const positions = await log.appendMany(count(10).map((i) => numbered(i)));
    const end = log.endPosition;
    await log.close();
    await truncate(join(folder.dir, SEGMENT), positions[6]!);
    expect((await verifyLog(folder.dir)).damaged).toEqual([{ position: positions[6], reason: 'bytes-missing' }]);
    const again = await openLog({ dir: folder.dir });
    expect(again.recovery.damaged).toEqual([{ position: positions[6], reason: 'bytes-missing' }]);
    expect(await again.append(numbered(10))).toBeGreaterThan(end);
    const all = await readAll(again);
    expect(numbers(all.records)).toEqual([0, 1, 2, 3, 4, 5, 10]);
    expect(all.damaged).toEqual([{ position: positions[6], reason: 'bytes-missing' }]);
    await again.close();
  });
});

describe('a segment whose first write was torn', () => {
  it('is dropped at whatever byte the write ended, zeros behind it or not, and nothing of it is called damage', async () => {
    const settings = { dir: folder.dir, segmentBytes: 300, maxRecordBytes: 150 };
    const log = await openLog(settings);
    await log.append(numbered(0, 150));
    await log.close();
    const mark = await readFile(join(folder.dir, 'synced'));
    const longer = await openLog(settings);
    const begun = longer.endPosition;
    await longer.append(numbered(1, 150));
    await longer.close();
    const path = join(folder.dir, `${String(begun).padStart(16, '0')}.seg`);
    const whole = await readFile(path);
    for (let written = 0; written < whole.length; written++) {
      for (const size of [written, whole.length]) {
        const torn = Buffer.alloc(size);
        whole.copy(torn, 0, 0, written);
        // Zeros at its end are what it would be whole.
        if (torn.equals(whole)) continue;
        await writeFile(path, torn);
        await writeFile(join(folder.dir, 'synced'), mark);
        const again = await openLog(settings);
        expect(again.recovery.damaged, `${written} of ${size}`).toEqual([]);
        expect(again.recovery.cutBytes).toBeGreaterThanOrEqual(Math.max(0, size - 96));
        expect(again.endPosition).toBeGreaterThanOrEqual(begun);
        const all = await readAll(again);
        expect([numbers(all.records), all.damaged], `${written} of ${size}`).toEqual([[0], []]);
        await again.close();
      }
    }
  });
});

describe('a flipped bit', () => {
  it('at any place is named with its position, and costs its own record only', async () => {
    const log = await openLog({ dir: folder.dir });
    const lengths = [0, 1, 40, 130, 17, 3, 50, 8];
    const positions = await log.appendMany(lengths.map((length, i) => new Uint8Array(length).fill(i)));
    const end = log.endPosition;
    await log.close();
    const file = join(folder.dir, SEGMENT);
    const whole = await readFile(file);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const at = bit >>> 3;
      const copy = Buffer.from(whole);
      copy[at]! ^= 1 << (bit & 7);
      await writeFile(file, copy);
      const reader = await openLogReader({ dir: folder.dir });
      const all = await readAll(reader);
      await reader.close();
      const where = positions.findLastIndex((p) => p <= at);
      // The 4 bytes of padding of a header's copy are under its checksum too.
      if (where < 0) {
        expect(all.damaged).toEqual([{ position: 0, reason: 'segment-header-copy' }]);
        expect(all.records.length).toBe(8);
        continue;
      }
      expect(all.damaged.map((d) => d.position)).toEqual([positions[where]]);
      expect(all.records.map((r) => r.position)).toEqual(positions.filter((_, i) => i !== where));
      expect(all.next).toBe(end);
    }
    await writeFile(file, whole);
  });

  it('is found by verifyLog and by opening the record, and a writer goes on behind it', async () => {
    const log = await openLog({ dir: folder.dir });
    const positions = await log.appendMany(count(6).map((i) => numbered(i)));
    await log.close();
    const file = join(folder.dir, SEGMENT);
    const whole = await readFile(file);
    whole[positions[2]! + 20]! ^= 1;
    await writeFile(file, whole);
    expect(await verifyLog(folder.dir)).toMatchObject({
      records: 5,
      damaged: [{ position: positions[2], reason: 'checksum' }],
    });
    for (const hasMark of [true, false]) {
      if (!hasMark) await rm(join(folder.dir, 'synced'));
      const again = await openLog({ dir: folder.dir });
      // With the mark nothing before the last sync is looked at on opening.
      expect(again.recovery.damaged.length).toBe(hasMark ? 0 : 1);
      expect(again.recovery.cutBytes).toBe(0);
      await expect(again.read(positions[2]!)).rejects.toMatchObject({ code: 'record-damaged' });
      await again.append(numbered(9));
      await again.close();
    }
  });

  it('in both copies of a header names the segment, and reading goes on at the next', async () => {
    const settings = { dir: folder.dir, segmentBytes: 1_000, maxRecordBytes: 300, maxBatchBytes: 1_000 };
    const log = await openLog(settings);
    const positions = await log.appendMany(count(40).map((i) => numbered(i, 100)));
    await log.close();
    const names = (await readdir(folder.dir)).filter((n) => n.endsWith('.seg')).sort();
    const victim = join(folder.dir, names[1]!);
    const content = await readFile(victim);
    content[20]! ^= 1;
    content[70]! ^= 1;
    await writeFile(victim, content);
    const [base, next] = [Number.parseInt(names[1]!, 10), Number.parseInt(names[2]!, 10)];
    const again = await openLog(settings);
    const all = await readAll(again);
    expect(all.damaged).toEqual([{ position: base, reason: 'segment-header' }]);
    expect(numbers(all.records)).toEqual(count(40).filter((i) => positions[i]! < base || positions[i]! >= next));
    await again.close();
  });

  it('anywhere, many of them: what is read was written, in order, and nothing missing goes unreported', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(200), { minLength: 1, maxLength: 20 }),
        fc.array(
          fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.integer({ min: 1, max: 255 })),
          {
            minLength: 1,
            maxLength: 6,
          },
        ),
        async (lengths, flips) => {
          const dir = join(folder.dir, `round-${round++}`);
          const log = await openLog({ dir });
          const written = lengths.map((length, i) => new Uint8Array(length).fill(i + 1));
          const positions = await log.appendMany(written);
          const end = log.endPosition;
          await log.close();
          const file = join(dir, SEGMENT);
          const content = await readFile(file);
          for (const [place, mask] of flips) content[96 + Math.floor(place * (content.length - 96))]! ^= mask;
          await writeFile(file, content);
          const reader = await openLogReader({ dir });
          const all = await readAll(reader);
          await reader.close();
          const read = new Map(all.records.map((r) => [r.position, r.data]));
          for (const [i, position] of positions.entries()) {
            const found = read.get(position);
            if (found !== undefined) expect(Buffer.compare(found, written[i]!)).toBe(0);
          }
          expect([...read.keys()].every((p) => positions.includes(p))).toBe(true);
          expect(read.size < positions.length).toBe(all.damaged.length > 0);
          expect(all.next).toBe(end);
        },
      ),
      { numRuns: 60 * longFactor() },
    );
  });

  it('a record moved to another place does not pass for one written there', async () => {
    const log = await openLog({ dir: folder.dir });
    const positions = await log.appendMany(count(4).map((i) => numbered(i)));
    await log.close();
    const file = join(folder.dir, SEGMENT);
    const content = await readFile(file);
    content.copyWithin(positions[1]!, positions[2]!, positions[3]!);
    await writeFile(file, content);
    const verified = await verifyLog(folder.dir);
    expect(verified.damaged.map((d) => d.position)).toEqual([positions[1]]);
    expect(verified.records).toBe(3);
  });
});

describe('sealing at rest', () => {
  const key = new Uint8Array(32).map((_, i) => i * 7);
  const seal = createRecordSeal(key);
  const secret = bytes('heart rate 72 of patient Anna');

  it('leaves no plaintext on disk, reads back, and is verified with and without the key', async () => {
    const log = await openLog({ dir: folder.dir, seal });
    const positions = await log.appendMany(count(50).map(() => secret));
    await log.close();
    const stored = new Set<string>();
    for (const name of await readdir(folder.dir)) {
      const content = await readFile(join(folder.dir, name));
      expect(content.includes('heart')).toBe(false);
      expect(content.includes(key)).toBe(false);
      if (name.endsWith('.seg'))
        for (const p of positions) stored.add(content.subarray(p + 8, p + 8 + secret.length).toString('hex'));
    }
    expect(stored.size).toBe(50);
    const reader = await openLogReader({ dir: folder.dir, seal });
    for (const record of (await readAll(reader)).records) expect(record.data).toEqual(secret);
    await reader.close();
    expect((await verifyLog(folder.dir)).records).toBe(50);
    expect((await verifyLog(folder.dir, { seal })).damaged).toEqual([]);
  });

  it('refuses a wrong key, a missing key and a needless key by name', async () => {
    const log = await openLog({ dir: folder.dir, seal });
    const position = await log.append(secret);
    await log.close();
    const other = createRecordSeal(new Uint8Array(32).fill(1));
    await expect(openLog({ dir: folder.dir, seal: other })).rejects.toMatchObject({ code: 'seal-wrong-key' });
    await expect(openLog({ dir: folder.dir })).rejects.toMatchObject({ code: 'seal-missing' });
    const reader = await openLogReader({ dir: folder.dir, seal: other });
    await expect(reader.read(position)).rejects.toMatchObject({ code: 'seal-wrong-key' });
    await reader.close();
    await expect(verifyLog(folder.dir, { seal: other })).rejects.toMatchObject({ code: 'seal-wrong-key' });
    const plain = join(folder.dir, 'plain');
    await (await openLog({ dir: plain })).close();
    const first = await openLog({ dir: plain });
    await first.append(bytes('open'));
    await first.close();
    await expect(openLog({ dir: plain, seal })).rejects.toMatchObject({ code: 'seal-unexpected' });
  });

  it('never seals twice at one place: a reopened log takes a new segment with a salt of its own', async () => {
    for (let run = 0; run < 3; run++) {
      const log = await openLog({ dir: folder.dir, seal });
      await log.append(secret);
      await log.close();
    }
    const salts = new Set<string>();
    for (const name of await readdir(folder.dir))
      if (name.endsWith('.seg')) salts.add((await readFile(join(folder.dir, name))).subarray(16, 32).toString('hex'));
    expect(salts.size).toBe(3);
    const log = await openLog({ dir: folder.dir, seal });
    expect((await readAll(log)).records.length).toBe(3);
    await log.close();
  });

  it('reports a record whose checksum was made right again after a change', async () => {
    const salt = new Uint8Array(16).fill(3);
    const segment = seal.forSegment(salt);
    const sealed = segment.seal(4711, secret);
    expect(segment.open(4711, sealed)).toEqual(secret);
    expect(segment.open(4712, sealed)).toBe(undefined);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const copy = sealed.slice();
      copy[bit >>> 3]! ^= 1 << (bit & 7);
      expect(segment.open(4711, copy)).toBe(undefined);
    }
    expect(segment.open(4711, sealed.subarray(0, 15))).toBe(undefined);
  });
});

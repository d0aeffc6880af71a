import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccount } from '../src/device/account.ts';
import { decodeRecord, encodeRecord, type SpoolRecord } from '../src/device/spool-records.ts';
import { createFileFlash, createMemoryFlash, type Flash } from '../src/mod.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flash-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const bytes = (...values: number[]) => new Uint8Array(values);
const makers: [string, () => { open: () => Flash }][] = [
  [
    'memory',
    () => {
      const flash = createMemoryFlash();
      return { open: () => flash };
    },
  ],
  ['file', () => ({ open: () => createFileFlash(dir, 'device') })],
];

describe.each(makers)('a flash in %s', (_name, make) => {
  it('gives back what was written, after it was opened again', () => {
    const { open } = make();
    const flash = open();
    expect(flash.readState()).toBeUndefined();
    expect(flash.readRecords()).toEqual([]);
    flash.writeState(bytes(1, 2));
    flash.append(bytes(3));
    flash.append(bytes(4, 5));
    flash.appendAccount('a\n');
    flash.close();
    const again = open();
    expect([...again.readState()!]).toEqual([1, 2]);
    expect(again.readRecords().map((record) => [...record!])).toEqual([[3], [4, 5]]);
    expect(again.readAccount()).toBe('a\n');
    again.rewrite([bytes(9)]);
    again.append(bytes(8));
    again.rewriteAccount('b\n');
    again.appendAccount('c\n');
    again.close();
    const last = open();
    expect(last.readRecords().map((record) => [...record!])).toEqual([[9], [8]]);
    expect(last.readAccount()).toBe('b\nc\n');
    last.close();
  });
});

describe('a flash in a file', () => {
  it('cuts a torn tail at any byte and goes on behind the last whole record', () => {
    const flash = createFileFlash(dir, 'device');
    for (let i = 0; i < 4; i++) flash.append(new Uint8Array(10).fill(i));
    flash.close();
    const path = join(dir, 'device.spool');
    const whole = readFileSync(path);
    for (let length = whole.length; length >= 0; length--) {
      writeFileSync(path, whole.subarray(0, length));
      const torn = createFileFlash(dir, 'device');
      const records = torn.readRecords();
      expect(records.length).toBe(Math.floor(length / 18));
      torn.append(bytes(7));
      torn.close();
      const again = createFileFlash(dir, 'device');
      expect(again.readRecords().length).toBe(records.length + 1);
      again.close();
    }
  });

  it('names a flipped bit in any record but keeps all others, and cuts an unfinished line of the account', () => {
    const flash = createFileFlash(dir, 'device');
    for (let i = 0; i < 1_000; i++) flash.append(new Uint8Array(10).fill(i % 251, 1));
    flash.appendAccount('{"e":"00","b":1,"n":1,"s":3}\n');
    flash.close();
    const path = join(dir, 'device.spool');
    const whole = readFileSync(path);
    for (const at of [...Array(54).keys(), ...Array.from({ length: 36 }, (_, i) => whole.length - 36 + i)]) {
      const file = Buffer.from(whole);
      file[at]! ^= 1 << (at % 8);
      writeFileSync(path, file);
      const again = createFileFlash(dir, 'device');
      const records = again.readRecords();
      again.close();
      expect(records.length, `bit in byte ${at}`).toBe(1_000);
      expect(records.flatMap((record, i) => (record === undefined ? [i] : []))).toEqual([Math.floor(at / 18)]);
      expect(records.every((record, i) => record === undefined || record[9] === i % 251)).toBe(true);
    }
    appendFileSync(join(dir, 'device.acks'), '{"e":"01"');
    const again = createFileFlash(dir, 'device');
    expect(openAccount(again).list()).toMatchObject([{ eh: '00', sent: 3 }]);
    again.close();
    expect(readFileSync(join(dir, 'device.acks'), 'utf8').endsWith('\n')).toBe(true);
  });

  it('cuts what the disk had not got to: the rest of the last record and whole ones, all zeros', () => {
    const flash = createFileFlash(dir, 'device');
    for (let i = 0; i < 6; i++) flash.append(new Uint8Array(40).fill(i + 1));
    flash.close();
    const path = join(dir, 'device.spool');
    const whole = readFileSync(path);
    for (let length = 0; length <= whole.length - 16; length++) {
      writeFileSync(path, Buffer.concat([whole.subarray(0, length), Buffer.alloc(whole.length - length)]));
      const torn = createFileFlash(dir, 'device');
      expect(torn.readRecords().length).toBe(Math.floor(length / 48));
      torn.close();
      expect(readFileSync(path).length).toBe(Math.floor(length / 48) * 48);
    }
  });

  it('syncs beside rewrite and close, and a sync that was asked for meanwhile covers what came meanwhile', async () => {
    const flash = createFileFlash(dir, 'device');
    flash.append(bytes(1));
    const syncs = [flash.sync()];
    flash.append(bytes(2));
    syncs.push(flash.sync(), flash.sync());
    expect(syncs[1]).toBe(syncs[2]);
    expect(syncs[0]).not.toBe(syncs[1]);
    flash.rewrite([bytes(3)]);
    flash.append(bytes(4));
    await Promise.all(syncs);
    const last = flash.sync();
    flash.close();
    await last;
    const again = createFileFlash(dir, 'device');
    expect(again.readRecords().map((record) => [...record!])).toEqual([[3], [4]]);
    again.close();
  });
});

describe('records of the spool', () => {
  it('come back as they were, and anything else is no record', () => {
    const eh = 'aabbccddeeff0011';
    const raw = fc.uint8Array({ maxLength: 40 });
    const n = fc.integer({ min: 0, max: 2 ** 48 });
    const ranges = fc.array(fc.tuple(n, n), { maxLength: 5 });
    const record = fc.oneof(
      fc.record({ kind: fc.constant('frame'), eh: fc.constant(eh), sg: n, seq: n, dt: n, urgent: fc.boolean(), raw }),
      fc.record({ kind: fc.constant('close'), eh: fc.constant(eh), sg: n, last: fc.boolean(), raw }),
      fc.record({
        kind: fc.constant('acked'),
        eh: fc.constant(eh),
        accepted: fc.boolean(),
        frames: ranges,
        closes: fc.array(n),
      }),
      fc.record({
        kind: fc.constant('gone'),
        eh: fc.constant(eh),
        why: fc.constantFrom('dropped', 'refused'),
        frames: ranges,
      }),
    ) as fc.Arbitrary<SpoolRecord>;
    fc.assert(
      fc.property(record, (r) => {
        expect(decodeRecord(encodeRecord(r))).toEqual(r);
      }),
    );
    fc.assert(
      fc.property(record, fc.nat(), (r, cut) => {
        const encoded = encodeRecord(r);
        const short = encoded.subarray(0, cut % encoded.length);
        // Never throws: a record of another version must not keep a device from starting.
        decodeRecord(short);
      }),
    );
  });
});

describe('the account', () => {
  it('never counts a frame as acknowledged whose leaf alone arrived', () => {
    const account = openAccount(createMemoryFlash());
    const epoch = { eh: '00', boot: 1, epoch: 1, nextSeq: 11 };
    account.note(epoch, { acked: [[1, 2]], dropped: [[3, 2]], refused: [[7, 1]] });
    account.note(epoch, { acked: [[3, 8]], dropped: [], refused: [] });
    expect(account.list()[0]!.acknowledged).toEqual([
      [1, 2],
      [5, 2],
      [8, 3],
    ]);
  });
});

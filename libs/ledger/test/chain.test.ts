import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPortableCrypto } from '@pulseseal/crypto';
import { createNodeFileSystem, type FileSystem, openLog } from '@pulseseal/log';
import { longFactor } from '@pulseseal/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEvidenceLog, filled, pseudonym, saltedKeyHash, tenant } from '../../../chaincode/test/actors.ts';
import { sealBlock } from '../src/local/block-record.ts';
import { pack, unpack } from '../src/local/frames.ts';
import { createLocalLedger, ledgerCalls, submitCall } from '../src/mod.ts';
import { actors, clock, codeOf, createActing, crypto, genesis, openLocal, temporaryFolder } from './ground.ts';

const { operator, gateway, owner, stranger } = actors;
/** Places tried in each record: the long run looks closer. */
const places = 24 * Math.min(20, longFactor());

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const dir = (name: string) => join(folder.dir, name);
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

/** A chain of genesis and four blocks. */
async function writeChain(at: string): Promise<void> {
  const ledger = await openLocal(at);
  const acting = createActing((await ledger.identity()).ledgerId);
  await acting.submit(ledger, operator, ledgerCalls.registerGateway(gateway.key, tenant));
  await acting.submit(ledger, owner, ledgerCalls.registerDevice(pseudonym, owner.key, saltedKeyHash, crypto));
  const evidence = createEvidenceLog(gateway, crypto);
  const first = evidence.head(4, null);
  await submitCall(ledger, ledgerCalls.anchorTreeHead(first, evidence.consistency(0, 4)));
  await submitCall(
    ledger,
    ledgerCalls.anchorTreeHead(evidence.head(9, crypto.sha256(first)), evidence.consistency(4, 9)),
  );
  await ledger.close();
}

async function recordsOf(at: string): Promise<Uint8Array[]> {
  const log = await openLog({ dir: at });
  const { records } = await log.readFrom(0);
  await log.close();
  return records.map((record) => record.data.slice());
}

/** Writes records as their author would, with right checksums: an intruder with the disk, not a failing one. */
async function rewrite(at: string, records: readonly Uint8Array[]): Promise<void> {
  const log = await openLog({ dir: at });
  await log.appendMany(records);
  await log.close();
}

/** The message that a start fails with, or 'opened'. */
async function startOf(at: string): Promise<string> {
  try {
    await (await openLocal(at)).close();
    return 'opened';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe('a chain that was altered refuses to start and names the block', () => {
  test('a flipped bit anywhere in a record with a right checksum', async () => {
    await writeChain(dir('good'));
    const records = await recordsOf(dir('good'));
    expect(records).toHaveLength(5);
    let tried = 0;
    for (const [height, record] of records.entries()) {
      const step = Math.ceil(record.length / places);
      for (let at = 0; at < record.length; at += step) {
        const altered = record.slice();
        altered[at]! ^= 1 << (at % 8);
        const place = dir(`altered-${height}-${at}`);
        await rewrite(place, records.with(height, altered));
        const message = await startOf(place);
        expect(message, `block ${height}, byte ${at}`).toMatch(/^chain-damaged/);
        expect(message).toContain(`block ${height}:`);
        tried++;
      }
    }
    expect(tried).toBeGreaterThan(100);
  });

  test('a flipped byte on the disk', async () => {
    await writeChain(dir('good'));
    const [segment] = (await readdir(dir('good'))).filter((name) => !/lock|synced/.test(name));
    const path = join(dir('good'), segment!);
    const good = await readFile(path);
    const step = Math.ceil(good.length / (4 * places));
    for (let at = 0; at < good.length; at += step) {
      const bad = Buffer.from(good);
      bad[at]! ^= 0x10;
      await writeFile(path, bad);
      expect(await startOf(dir('good')), `byte ${at}`).toMatch(/^chain-damaged/);
    }
    await writeFile(path, good);
    expect(await startOf(dir('good'))).toBe('opened');
  });

  test('blocks left out, repeated or in another order', async () => {
    await writeChain(dir('good'));
    const r = await recordsOf(dir('good'));
    const cases: [string, Uint8Array[]][] = [
      ['block 2:', [r[0]!, r[1]!, r[3]!, r[4]!]],
      ['block 3:', [r[0]!, r[1]!, r[2]!, r[2]!]],
      ['block 1:', [r[0]!, r[2]!, r[1]!]],
      ['block 0:', r.slice(1)],
    ];
    for (const [i, [named, records]] of cases.entries()) {
      await rewrite(dir(`case-${i}`), records);
      expect(await startOf(dir(`case-${i}`))).toContain(named);
    }
  });

  test('a block signed by another key, and a write set that its block does not cover', async () => {
    await writeChain(dir('good'));
    const records = await recordsOf(dir('good'));
    const effects = { writes: [{ key: 'operator', value: filled(3, 1) }], events: [] };
    const call = { bytes: filled(3, 2), effects };
    const forged = sealBlock(
      { height: 5, previous: filled(32, 0), timeMs: 0 },
      clock.nowMs(),
      [call],
      stranger,
      crypto,
    );
    await rewrite(dir('forged'), [...records, forged.record]);
    expect(await startOf(dir('forged'))).toContain('block 5: signed for another ledger key');
    const parts = unpack(records[2]!);
    const other = unpack(forged.record)[1]!;
    await rewrite(dir('effects'), records.with(2, pack(parts.with(1, other))));
    expect(await startOf(dir('effects'))).toContain('block 2: write sets differ');
  });
});

test('a folder of another ledger is refused', async () => {
  await writeChain(dir('good'));
  const other = async (changes: object) => {
    const log = await openLog({ dir: dir('good') });
    const opened = createLocalLedger({ log, crypto, signer: actors.ledger, clock, genesis, ...changes });
    const code = await codeOf(opened);
    await log.close();
    return code;
  };
  expect(await other({ genesis: { ...genesis, name: 'another network' } })).toBe('genesis-mismatch');
  expect(await other({ genesis: { ...genesis, operatorKey: stranger.key } })).toBe('genesis-mismatch');
  expect(await other({ signer: stranger })).toBe('chain-damaged');
});

test('the portable implementation reads the same chain and goes on with it', async () => {
  await writeChain(dir('good'));
  const portable = await openLocal(dir('good'), createPortableCrypto());
  expect((await portable.identity()).height).toBe(5);
  const evidence = createEvidenceLog(gateway, crypto);
  const fork = evidence.head(12, filled(32, 1));
  expect(await codeOf(submitCall(portable, ledgerCalls.anchorTreeHead(fork, evidence.consistency(9, 12))))).toBe(
    'head-previous',
  );
  await portable.close();
});

test('a disk that refuses a block loses nothing, and the ledger goes on once it answers', async () => {
  let isBroken = false;
  const disk = createNodeFileSystem();
  const fs: FileSystem = {
    ...disk,
    async open(path, mode) {
      const file = await disk.open(path, mode);
      return {
        ...file,
        async sync() {
          if (isBroken) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
          return file.sync();
        },
      };
    },
  };
  const log = await openLog({ dir: dir('full'), fs });
  const ledger = await createLocalLedger({ log, crypto, signer: actors.ledger, clock, genesis, blockDelayMs: 5 });
  const acting = createActing((await ledger.identity()).ledgerId);
  const call = ledgerCalls.registerGateway(gateway.key, tenant);
  const act = acting.actFor(operator, call);
  isBroken = true;
  await expect(submitCall(ledger, call, act)).rejects.toMatchObject({ code: 'ledger-storage', kind: 'retry-later' });
  expect(await ledger.read('GetGateway', [gateway.thumbprint])).toBeUndefined();
  isBroken = false;
  expect(await submitCall(ledger, call, act)).toMatchObject({ height: 1, index: 0 });
  await ledger.close();
  expect(await startOf(dir('full'))).toBe('opened');
});

test('many calls share few blocks, and a full block is cut without waiting', async () => {
  const log = await openLog({ dir: dir('busy') });
  const ledger = await createLocalLedger({ log, crypto, signer: actors.ledger, clock, genesis, blockDelayMs: 60_000 });
  const acting = createActing((await ledger.identity()).ledgerId);
  const calls = Array.from({ length: 32 }, (_, i) =>
    acting.submit(ledger, owner, ledgerCalls.registerDevice(filled(16, i), owner.key, saltedKeyHash, crypto)),
  );
  const places = await Promise.all(calls);
  expect(new Set(places.map((place) => place.txId)).size).toBe(32);
  expect(Math.max(...places.map((place) => place.height))).toBeLessThanOrEqual(8);
  await ledger.close();
});

test('more calls than may wait are told to come again', async () => {
  const ledger = await openLocal(dir('flood'));
  const codes = await Promise.all(
    Array.from({ length: 1100 }, (_, i) => codeOf(ledger.submit('RetireDevice', [Uint8Array.of(i >> 8, i & 255)]))),
  );
  expect(codes.filter((code) => code === 'argument-count')).toHaveLength(1024);
  expect(codes.filter((code) => code === 'ledger-busy')).toHaveLength(76);
  expect((await ledger.identity()).height).toBe(1);
  await ledger.close();
});

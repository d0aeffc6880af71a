import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fromHex } from '@pulseseal/crypto';
import { createSeededRandom, sleep } from '@pulseseal/runtime';
import { longFactor } from '@pulseseal/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEvidenceLog, tenant } from '../../../chaincode/test/actors.ts';
import { connectLedger, type Ledger, ledgerCalls, submitCall } from '../src/mod.ts';
import { actors, clock, createActing, crypto, openLocal, temporaryFolder } from './ground.ts';

const rounds = 8 * longFactor();

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let child: ChildProcess | undefined;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await kill();
  await folder.remove();
});

async function start(): Promise<Ledger> {
  child = spawn(process.execPath, [join(import.meta.dirname, 'ledger-process.ts'), folder.dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  const { url, spki } = JSON.parse(line) as { url: string; spki: string };
  return connectLedger({ url, spkiHash: fromHex(spki), clock, answerTimeoutMs: 5000 });
}

async function kill(): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

test(
  `kill -9 between submit and answer, ${rounds} times: each call counts exactly once`,
  async () => {
    const random = createSeededRandom(7);
    const evidence = createEvidenceLog(actors.gateway, crypto);
    let ledger = await start();
    const acting = createActing((await ledger.identity()).ledgerId);
    await acting.submit(ledger, actors.operator, ledgerCalls.registerGateway(actors.gateway.key, tenant));
    let previous: Uint8Array | null = null;
    let answered = 0;
    for (let round = 1; round <= rounds; round++) {
      const sth = evidence.head(round, previous);
      const call = ledgerCalls.anchorTreeHead(sth, evidence.consistency(round - 1, round));
      // The block waits 10 ms and one sync: kills land before, in and behind it.
      const submitted = submitCall(ledger, call).then(
        () => answered++,
        (error: { code: string }) => expect(error.code).toBe('ledger-unreachable'),
      );
      await sleep(clock, random.unit() * 25);
      await kill();
      await submitted;
      await ledger.close();
      ledger = await start();
      const place = await submitCall(ledger, call);
      expect(await submitCall(ledger, call)).toEqual(place);
      previous = crypto.sha256(sth);
    }
    await kill();
    await ledger.close();
    expect(answered).toBeLessThan(rounds);

    const local = await openLocal(folder.dir);
    const seen = new Map<string, number>();
    for (let height = 0; height < (await local.identity()).height; height++)
      for (const transaction of (await local.block(height))!.transactions) {
        const id = Buffer.from(crypto.sha256(transaction)).toString('hex');
        seen.set(id, (seen.get(id) ?? 0) + 1);
      }
    const repeated = [...seen.values()].filter((times) => times !== 1);
    expect(repeated).toEqual([]);
    for (let size = 1; size <= rounds; size++)
      expect((await local.anchor(actors.gateway.thumbprint, size))!.inclusion).toBeDefined();
    await local.close();
  },
  30_000 + rounds * 5000,
);

import { openHash } from '@pulseseal/protocol';
import { createSilentLogger } from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  closeOf,
  endorseOf,
  filled,
  openOf,
  pseudonym,
  saltedKeyHash,
  tenant,
} from '../../../chaincode/test/actors.ts';
import {
  createDisputeReporter,
  type DisputeEvidence,
  disputeRecord,
  type LocalLedger,
  ledgerCalls,
  uintBytes,
} from '../src/mod.ts';
import { actors, clock, createActing, crypto, openLocal, temporaryFolder } from './ground.ts';

const { operator, gateway, owner, device } = actors;
const open = openOf(device);
const oh = openHash(open, crypto);
const evidence: DisputeEvidence = {
  oh,
  segment: 3,
  closeA: closeOf(device, { oh }),
  closeB: closeOf(device, { oh, root: filled(32, 9) }),
  endorse: endorseOf(owner, device, crypto),
  open,
};

describe('a reporter of disputes', () => {
  let ledger: LocalLedger;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let isAway = false;
  let submitted: string[] = [];
  const wall = createManualClock(clock.nowMs());
  beforeEach(async () => {
    folder = await temporaryFolder();
    ledger = await openLocal(folder.dir);
    const acting = createActing((await ledger.identity()).ledgerId);
    await acting.submit(ledger, operator, ledgerCalls.registerGateway(gateway.key, tenant));
    await acting.submit(ledger, owner, ledgerCalls.registerDevice(pseudonym, owner.key, saltedKeyHash, crypto));
    isAway = false;
    submitted = [];
  });
  afterEach(async () => {
    await ledger.close();
    await folder.remove();
  });
  const reporter = () =>
    createDisputeReporter({
      ledger: {
        identity: () => (isAway ? Promise.reject(new Error('away')) : ledger.identity()),
        async submit(...given) {
          try {
            const done = await ledger.submit(...given);
            submitted.push('committed');
            return done;
          } catch (error) {
            submitted.push(error instanceof Error && 'code' in error ? String(error.code) : 'failed');
            throw error;
          }
        },
      },
      signer: gateway,
      wall,
      logger: createSilentLogger(),
    });
  const row = () => ledger.read('GetDispute', [oh, uintBytes(3), Uint8Array.of(1)]);
  const until = async (is: () => boolean) => {
    for (let i = 0; i < 500 && !is(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(is()).toBe(true);
  };

  it('tells the ledger once, whoever told it before', async () => {
    reporter().report(evidence);
    await until(() => submitted.length === 1);
    expect(submitted).toEqual(['committed']);
    expect(disputeRecord.parse((await row())!).reporter).toEqual(gateway.thumbprint);
    const second = reporter();
    second.report(evidence);
    await until(() => submitted.length === 2);
    await wall.advanceAsync(60_000);
    expect(submitted).toEqual(['committed', 'dispute-known']);
  });

  it('tells it later when the ledger is away', async () => {
    isAway = true;
    const one = reporter();
    one.report(evidence);
    await new Promise((resolve) => setTimeout(resolve, 20));
    isAway = false;
    expect(await row()).toBeUndefined();
    await wall.advanceAsync(60_000);
    await until(() => submitted.length === 1);
    expect(await row()).toBeDefined();
    one.stop();
  });

  it('says nothing of closes that say the same, and lets a refused report rest', async () => {
    const one = reporter();
    one.report({ ...evidence, closeB: closeOf(device, { oh }) });
    one.report({ ...evidence, closeB: closeOf(gateway, { oh, root: filled(32, 9) }) });
    await until(() => submitted.length === 1);
    await wall.advanceAsync(60_000);
    expect(submitted).toEqual(['dispute-signature']);
    expect(await row()).toBeUndefined();
  });
});

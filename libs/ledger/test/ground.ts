import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CryptoProvider, createNativeCrypto } from '@pulseseal/crypto';
import { openLog } from '@pulseseal/log';
import type { MessageSigner } from '@pulseseal/protocol';
import { createSilentLogger, createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { createActors } from '../../../chaincode/test/actors.ts';
import {
  connectLedger,
  createLocalLedger,
  type Ledger,
  type LedgerCall,
  type LocalLedger,
  ledgerCertificate,
  serveLedger,
  signAct,
  submitCall,
} from '../src/mod.ts';

export const clock = createSystemClock();
export const crypto = createNativeCrypto();
export const actors = createActors(crypto);
export const genesis = { name: 'test care network', operatorKey: actors.operator.key };

export async function temporaryFolder(): Promise<{ dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'ledger-'));
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

export async function openLocal(dir: string, provider: CryptoProvider = crypto): Promise<LocalLedger> {
  const log = await openLog({ dir });
  try {
    return await createLocalLedger({ log, crypto: provider, signer: actors.ledger, clock, genesis, blockDelayMs: 10 });
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** The ledger behind its server, as another process sees it. */
export async function openRemote(dir: string): Promise<Ledger> {
  const ledger = await openLocal(dir);
  const certificate = ledgerCertificate(new Uint8Array(32).fill(0x77), createSystemRandom(), clock, crypto);
  const server = await serveLedger({ ledger, certificate, clock, logger: createSilentLogger() });
  const client = connectLedger({ url: server.url, spkiHash: server.spkiHash, clock });
  return {
    ...client,
    async close() {
      await client.close();
      await server.close();
      await ledger.close();
    },
  };
}

/** Signs acts with counters that rise for each signer. */
export function createActing(ledgerId: Uint8Array) {
  const counters = new Map<MessageSigner, number>();
  const actFor = (signer: MessageSigner, call: LedgerCall) => {
    const counter = (counters.get(signer) ?? 0) + 1;
    counters.set(signer, counter);
    return signAct(signer, ledgerId, call.fn, call.args, counter, clock.nowMs());
  };
  return {
    actFor,
    submit: (ledger: Ledger, signer: MessageSigner, call: LedgerCall) => submitCall(ledger, call, actFor(signer, call)),
  };
}

/** The code that a promise fails with, or 'fulfilled'. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'fulfilled';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

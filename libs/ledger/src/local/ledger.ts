import { type ContractCall, ContractRefusal, checkSizes, queryKey } from '@pulseseal/chaincode';
import type { CryptoProvider } from '@pulseseal/crypto';
import type { Log } from '@pulseseal/log';
import { encodeCoseKey, type MessageSigner } from '@pulseseal/protocol';
import { type Clock, sleep } from '@pulseseal/runtime';
import { type LedgerFailure, ledgerFailure } from '../failures.ts';
import { DEFAULT_BLOCK_DELAY_MS, MAX_BLOCK_CALLS, MAX_WAITING_CALLS } from '../limits.ts';
import type { Committed, EventPage, Ledger, LedgerIdentity } from '../port.ts';
import { type BlockRecord, parseBlockRecord, sealBlock } from './block-record.ts';
import { executeBatch } from './execute.ts';
import { type WaitingCall, waitingCall } from './queue.ts';
import { anchorOf, createEventSource } from './reads.ts';
import { replayChain } from './replay.ts';
import { createLedgerState, type LedgerState } from './state.ts';
import { type Genesis, genesisTransaction, ledgerIdOf, transactionOf } from './transaction.ts';

export interface LocalLedgerSettings {
  /** Single writer, of this ledger alone; records of 256 KiB must pass (its default). Closed with the ledger. */
  readonly log: Log;
  readonly crypto: CryptoProvider;
  /** ML-DSA-65; signs the blocks. */
  readonly signer: MessageSigner;
  /** Wall clock: times of blocks, and the wait for more calls. */
  readonly clock: Clock;
  readonly genesis: Genesis;
  /** How long a block waits for more calls after its first. Default 50 ms. */
  readonly blockDelayMs?: number;
}

export interface LocalLedger extends Ledger {
  /** Events of the blocks from `fromHeight` on; waits for one, at most until `signal` aborts, when there are none. */
  eventPage(fromHeight: number, signal: AbortSignal): Promise<EventPage>;
}

/**
 * The ledger in one process: runs the contracts one call after another, groups them into signed blocks, and answers
 * once a block is on the disk. @throws Failure `chain-damaged`, `genesis-mismatch` or `ledger-storage`.
 */
export async function createLocalLedger(settings: LocalLedgerSettings): Promise<LocalLedger> {
  const { log, crypto, signer, genesis } = settings;
  if (signer.algorithm !== 'ML-DSA-65') throw new RangeError('a ledger signs with ML-DSA-65');
  if (genesis.name.length < 1 || genesis.name.length > 64) throw new RangeError('a ledger name has 1 to 64 characters');
  const state = createLedgerState(crypto);
  await replayChain(log, state, signer.key, crypto);
  if (state.tip.height === 0) await appendGenesis(settings, state);
  else await requireGenesis(settings, state);
  return runLedger(settings, state);
}

async function appendGenesis({ log, crypto, signer, clock, genesis }: LocalLedgerSettings, state: LedgerState) {
  const effects = { writes: [{ key: 'operator', value: encodeCoseKey(genesis.operatorKey) }], events: [] };
  const { bytes } = genesisTransaction(genesis, signer.key, crypto);
  const sealed = sealBlock(state.tip, clock.nowMs(), [{ bytes, effects }], signer, crypto);
  const position = await log.append(sealed.record);
  state.apply({ tip: sealed.tip, position, transactions: sealed.transactions, effects: [effects] });
}

async function requireGenesis({ log, crypto, signer, genesis }: LocalLedgerSettings, state: LedgerState) {
  const first = parseBlockRecord(await log.read(state.position(0)!)).transactions[0]!;
  const { bytes } = genesisTransaction(genesis, signer.key, crypto);
  if (Buffer.compare(first, bytes) !== 0) throw ledgerFailure('genesis-mismatch');
}

function runLedger(settings: LocalLedgerSettings, state: LedgerState): LocalLedger {
  const { log, crypto, signer, clock, genesis } = settings;
  const { blockDelayMs = DEFAULT_BLOCK_DELAY_MS } = settings;
  const ledgerId = ledgerIdOf(genesis, signer.key, crypto);
  const queue: WaitingCall[] = [];
  const waiting = new Map<string, WaitingCall>();
  let isClosed = false;
  let running: Promise<void> | undefined;
  let cutNow: (() => void) | undefined;

  const readBlock = async (height: number): Promise<BlockRecord | undefined> => {
    const position = state.position(height);
    return position === undefined ? undefined : parseBlockRecord(await log.read(position));
  };
  const events = createEventSource(() => state.tip.height, readBlock);

  const run = async () => {
    // Only an idle ledger waits: what came while a block was written has waited already.
    if (queue.length < MAX_BLOCK_CALLS && !isClosed) await moreCalls();
    while (queue.length > 0) await cutBlock();
  };
  const start = () => {
    running ??= run().finally(() => {
      running = undefined;
      // A call may have come between the last look at the queue and this turn.
      if (queue.length > 0) start();
    });
  };
  const moreCalls = () =>
    Promise.race([sleepUnlessCut(), sleep(clock, blockDelayMs)]).finally(() => {
      cutNow = undefined;
    });
  const sleepUnlessCut = () =>
    new Promise<void>((resolve) => {
      cutNow = resolve;
    });

  const cutBlock = async () => {
    const batch = queue.slice(0, MAX_BLOCK_CALLS);
    try {
      if (log.failed !== undefined) await log.recover();
      // A stepped clock must not make a chain that refuses to replay.
      const timeMs = Math.max(clock.nowMs(), state.tip.timeMs);
      const { accepted, refused } = await executeBatch(queue, {
        nowMs: timeMs,
        ledgerId,
        crypto,
        get: (key) => state.get(key),
      });
      const height = state.tip.height;
      if (accepted.length > 0) {
        const sealed = sealBlock(state.tip, timeMs, accepted, signer, crypto);
        const position = await log.append(sealed.record);
        const { tip, transactions } = sealed;
        state.apply({ tip, position, transactions, effects: accepted.map(({ effects }) => effects) });
      }
      // Answered only now: a refusal may rest on what this block wrote.
      for (const { waiting: call, failure } of refused) settle(call, () => call.reject(failure));
      accepted.forEach(({ waiting: call }, index) => {
        settle(call, () => call.resolve({ txId: call.transaction.txId, height, index }));
      });
      if (accepted.length > 0) events.wake();
    } catch (error) {
      const failure = storageFailure(error);
      for (const call of batch) {
        const at = queue.indexOf(call);
        if (at >= 0) queue.splice(at, 1);
        settle(call, () => call.reject(failure));
      }
    }
  };
  const settle = (call: WaitingCall, answer: () => void) => {
    waiting.delete(call.transaction.txId);
    answer();
  };

  return {
    async identity(): Promise<LedgerIdentity> {
      const { name, operatorKey: operator } = genesis;
      return { ledgerId, name, operator, signers: [signer.key], height: state.tip.height };
    },
    async submit(fn, args, options = {}): Promise<Committed> {
      if (isClosed) throw ledgerFailure('ledger-closed');
      const transient = options.transient ?? [];
      const call: ContractCall = { fn, args, ...(options.act === undefined ? {} : { act: options.act }) };
      refusing(() => checkSizes(call, transient));
      const transaction = transactionOf(call, transient, crypto);
      const committed = state.committed(transaction.txId);
      if (committed !== undefined) return committed;
      const same = waiting.get(transaction.txId);
      if (same !== undefined) return same.result;
      if (waiting.size >= MAX_WAITING_CALLS) throw ledgerFailure('ledger-busy');
      const mine = waitingCall(call, transient, transaction);
      waiting.set(transaction.txId, mine);
      queue.push(mine);
      if (queue.length >= MAX_BLOCK_CALLS) cutNow?.();
      start();
      return mine.result;
    },
    async read(query, args) {
      const key = refusing(() => queryKey(query, args));
      return state.get(key)?.slice();
    },
    events: events.follow,
    eventPage: events.page,
    async block(height) {
      const record = await readBlock(height);
      return record && { block: record.block, transactions: record.transactions };
    },
    async anchor(gatewayThumbprint, size) {
      const place = state.anchorAtLeast(gatewayThumbprint, size);
      return place && anchorOf((await readBlock(place.height))!, place.index, signer.key, crypto);
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      cutNow?.();
      while (running !== undefined) await running;
      events.close();
      await log.close();
    },
  };
}

function refusing<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof ContractRefusal) throw ledgerFailure(error.code, error.detail);
    throw error;
  }
}

function storageFailure(error: unknown): LedgerFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return ledgerFailure('ledger-storage', code, error);
}

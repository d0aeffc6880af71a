import { type CallEffects, ContractRefusal, callEffects } from '@pulseseal/chaincode';
import type { CryptoProvider } from '@pulseseal/crypto';
import { type LedgerFailure, ledgerFailure } from '../failures.ts';
import { MAX_BLOCK_BYTES, MAX_BLOCK_CALLS } from '../limits.ts';
import { callBytes } from './block-record.ts';
import type { WaitingCall } from './queue.ts';

export interface ExecutedCall {
  readonly waiting: WaitingCall;
  readonly bytes: Uint8Array;
  readonly effects: CallEffects;
}

export interface ExecutedBatch {
  readonly accepted: readonly ExecutedCall[];
  readonly refused: readonly { readonly waiting: WaitingCall; readonly failure: LedgerFailure }[];
}

export interface ExecutionSettings {
  readonly nowMs: number;
  readonly ledgerId: Uint8Array;
  readonly crypto: CryptoProvider;
  get(key: string): Uint8Array | undefined;
}

/**
 * Runs calls from the front of `queue`, one after another, each over the state that the ones before it leave, until
 * the block is full. A refused call leaves nothing. The committed state is not touched.
 */
export async function executeBatch(queue: WaitingCall[], settings: ExecutionSettings): Promise<ExecutedBatch> {
  const { nowMs, ledgerId, crypto } = settings;
  const written = new Map<string, Uint8Array>();
  const accepted: ExecutedCall[] = [];
  const refused: { waiting: WaitingCall; failure: LedgerFailure }[] = [];
  let bytes = 0;
  while (queue.length > 0 && accepted.length + refused.length < MAX_BLOCK_CALLS) {
    const waiting = queue[0]!;
    const environment = {
      nowMs,
      caller: 'local',
      ledgerId,
      transient: waiting.transient,
      crypto,
      get: async (key: string) => written.get(key) ?? settings.get(key),
    };
    try {
      const effects = await callEffects(environment, waiting.call);
      bytes += callBytes(waiting.transaction.bytes, effects);
      // It does not fit beside the others: it is the first of the next block, where it runs again.
      if (bytes > MAX_BLOCK_BYTES && accepted.length > 0) break;
      for (const { key, value } of effects.writes) written.set(key, value);
      accepted.push({ waiting, bytes: waiting.transaction.bytes, effects });
    } catch (error) {
      if (!(error instanceof ContractRefusal)) throw error;
      refused.push({ waiting, failure: ledgerFailure(error.code, error.detail) });
    }
    queue.shift();
  }
  return { accepted, refused };
}

import type { ContractCall } from '@pulseseal/chaincode';
import type { LedgerFailure } from '../failures.ts';
import type { Committed } from '../port.ts';
import type { Transaction } from './transaction.ts';

/** A call that waits for its block. */
export interface WaitingCall {
  readonly call: ContractCall;
  readonly transient: readonly Uint8Array[];
  readonly transaction: Transaction;
  readonly result: Promise<Committed>;
  resolve(committed: Committed): void;
  reject(reason: LedgerFailure): void;
}

export function waitingCall(
  call: ContractCall,
  transient: readonly Uint8Array[],
  transaction: Transaction,
): WaitingCall {
  const { promise, resolve, reject } = Promise.withResolvers<Committed>();
  return { call, transient, transaction, result: promise, resolve, reject };
}

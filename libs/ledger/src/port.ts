import type { LedgerCall, LedgerFunction, LedgerQuery } from '@pulseseal/chaincode';
import type { CoseKey } from '@pulseseal/protocol';

/** Where a call stands for good. */
export interface Committed {
  /** Hex of SHA-256 of the transaction: the same call always has the same one. */
  readonly txId: string;
  readonly height: number;
  /** Place among the block's transactions. */
  readonly index: number;
}

export interface SubmitOptions {
  /** Whole `act` message, where the function takes one. */
  readonly act?: Uint8Array;
  /** Inputs passed beside the transaction; only their hashes are written down. */
  readonly transient?: readonly Uint8Array[];
}

/** `parseFact` of the chaincode reads name and payload. */
export interface LedgerEvent {
  readonly height: number;
  readonly index: number;
  readonly name: string;
  readonly payload: Uint8Array;
}

/** What a proof needs of the ledger (protocol 11, `anchor` kind 0). */
export interface Anchor {
  readonly sth: Uint8Array;
  readonly consistency: Uint8Array;
  /** CBOR(["AnchorTreeHead", [sth, consistency]]). */
  readonly tx: Uint8Array;
  /** One signed block per signer. */
  readonly blocks: readonly Uint8Array[];
  /** Of the leaf of `tx` under field 6 of the blocks. */
  readonly inclusion: { readonly size: number; readonly index: number; readonly path: readonly Uint8Array[] };
  readonly signers: readonly CoseKey[];
}

export interface BlockContent {
  /** COSE_Sign1 of typ `ps1.block`. */
  readonly block: Uint8Array;
  readonly transactions: readonly Uint8Array[];
}

export interface LedgerIdentity {
  /** 32 bytes; the first argument of every act. Commits to name, operator and signer. */
  readonly ledgerId: Uint8Array;
  readonly name: string;
  readonly operator: CoseKey;
  readonly signers: readonly CoseKey[];
  /** Number of blocks; the newest one is `height - 1`. */
  readonly height: number;
}

/** The ledger as the other services see it. Every refusal is a Failure of `failures.ts`. */
export interface Ledger {
  identity(): Promise<LedgerIdentity>;
  /**
   * Resolves when the call is committed. The same call again answers the first result. Throws the contract's code
   * (kind `refused`), or a failure of kind `retry-later`: then nobody knows whether it was committed, and the very
   * same call may be sent again.
   */
  submit(fn: LedgerFunction, args: readonly Uint8Array[], options?: SubmitOptions): Promise<Committed>;
  /** The record of the committed state, undefined when there is none. `*Record.parse` of the chaincode reads it. */
  read(query: LedgerQuery, args: readonly Uint8Array[]): Promise<Uint8Array | undefined>;
  /** Every event from the block `fromHeight` on, then the new ones, until `signal` aborts. Throws when the ledger is away. */
  events(fromHeight: number, signal: AbortSignal): AsyncIterable<LedgerEvent>;
  block(height: number): Promise<BlockContent | undefined>;
  /** The smallest anchored head of this gateway whose tree has at least `size` entries. */
  anchor(gatewayThumbprint: Uint8Array, size: number): Promise<Anchor | undefined>;
  close(): Promise<void>;
}

/** Events of whole blocks, for a cursor that outlives a connection. */
export interface EventPage {
  readonly events: readonly LedgerEvent[];
  /** Height to ask for next. */
  readonly nextHeight: number;
}

/** Hands in a call of `ledgerCalls`. */
export function submitCall(ledger: Pick<Ledger, 'submit'>, call: LedgerCall, act?: Uint8Array): Promise<Committed> {
  return ledger.submit(call.fn, call.args, { ...(act === undefined ? {} : { act }), transient: call.transient });
}

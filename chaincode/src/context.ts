import type { CryptoProvider } from '@pulseseal/crypto';

/**
 * All that a contract may touch. Fabric's stub, the local ledger and a test each give one.
 * Contracts are deterministic: time is the block's or transaction's, and there is no randomness.
 */
export interface ContractContext {
  /** The state before this call. A key that this call has put must not be read again: Fabric would show the old value. */
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array): void;
  event(name: string, payload: Uint8Array): void;
  /** Milliseconds since 1970 UTC. */
  readonly nowMs: number;
  /** Who handed the call in, as the ledger names it. For records of the adapter; authority comes from signatures. */
  readonly caller: string;
  /** 32 bytes; every act names it, so that no act counts on another ledger. */
  readonly ledgerId: Uint8Array;
  /** Inputs passed beside the transaction; only their hashes stay. */
  readonly transient: readonly Uint8Array[];
  readonly crypto: CryptoProvider;
}

/** One call as it stands in a transaction. */
export interface ContractCall {
  readonly fn: string;
  readonly args: readonly Uint8Array[];
  readonly act?: Uint8Array;
}

/** What one accepted call changes. */
export interface CallEffects {
  readonly writes: readonly { readonly key: string; readonly value: Uint8Array }[];
  readonly events: readonly { readonly name: string; readonly payload: Uint8Array }[];
}

export interface CallEnvironment {
  readonly nowMs: number;
  readonly caller: string;
  readonly ledgerId: Uint8Array;
  readonly transient: readonly Uint8Array[];
  readonly crypto: CryptoProvider;
  /** The state that the call stands on. */
  get(key: string): Promise<Uint8Array | undefined>;
}

/** A context whose writes and events wait in memory: a call that throws leaves nothing behind. */
export function createBufferedContext(environment: CallEnvironment): ContractContext & { effects(): CallEffects } {
  const writes = new Map<string, Uint8Array>();
  const events: { name: string; payload: Uint8Array }[] = [];
  const { nowMs, caller, ledgerId, transient, crypto } = environment;
  return {
    nowMs,
    caller,
    ledgerId,
    transient,
    crypto,
    async get(key) {
      if (writes.has(key)) throw new Error(`contract reads ${key} after writing it`);
      return environment.get(key);
    },
    put(key, value) {
      writes.set(key, value);
    },
    event(name, payload) {
      events.push({ name, payload });
    },
    effects: () => ({ writes: [...writes].map(([key, value]) => ({ key, value })), events }),
  };
}

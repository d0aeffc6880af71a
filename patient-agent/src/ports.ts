import type { CryptoProvider, KeyStore } from '@pulseseal/crypto';
import type { Ledger } from '@pulseseal/ledger';
import type { CoseKey } from '@pulseseal/protocol';
import type { Clock, Logger, Random } from '@pulseseal/runtime';

/** Messages between device and agent: ordered, whole. */
export interface LocalLink {
  send(bytes: Uint8Array): void;
  onMessage(handler: (bytes: Uint8Array) => void): void;
  onClose(handler: () => void): void;
  close(): void;
}

/** The way to the gateway: a login as owner, and topics `e` and `m`. Rejects while there is no connection. */
export interface GatewayPort {
  publish(topic: string, bytes: Uint8Array): Promise<void>;
}

/** Where the agent keeps what is no key: small state as a whole, and the sealed entries of the vault. */
export interface AgentStore {
  readState(): Uint8Array | undefined;
  /** The old or the new state, never a mixture. */
  writeState(bytes: Uint8Array): void;
  readVault(): readonly Uint8Array[];
  appendVault(record: Uint8Array): void;
  /** All records anew, and nothing left of the old ones under the name. */
  rewriteVault(records: readonly Uint8Array[]): void;
  close(): void;
}

export interface AgentPorts {
  /** Owner key, archive prekey, vault key, transport key. */
  readonly keys: KeyStore;
  readonly store: AgentStore;
  readonly ledger: Ledger;
  readonly gateway: GatewayPort;
  /** Issuing keys of makers whose devices may be claimed. */
  readonly manufacturers: readonly CoseKey[];
  readonly wall: Clock;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  readonly log?: Logger;
}

import type { CryptoProvider } from '@pulseseal/crypto';
import type { Clock, Logger, Random } from '@pulseseal/runtime';

/** What a link needs to log in: called for each connection, because the token is bound to it. */
export interface LinkLogin {
  /** `<dev>` form of the identity's thumbprint. */
  readonly clientId: string;
  /** CBOR([session, token]); `exporter` is the TLS exporter value (label `EXPORTER-ps1`), undefined without TLS. */
  password(exporter: Uint8Array | undefined): Uint8Array;
  /** Published by the broker when the connection dies without a goodbye. */
  readonly will?: { readonly topic: string; readonly bytes: Uint8Array };
}

export interface LinkHandlers {
  up(): void;
  down(reason: string): void;
  message(topic: string, bytes: Uint8Array): void;
}

export type LinkQos = 0 | 1;

/**
 * The way to the broker. It keeps reconnecting by itself from `connect` to `disconnect`, and never resends: what was in
 * flight when the connection fell is rejected, because only the device knows what may be forgotten.
 */
export interface DeviceLink {
  connect(login: LinkLogin, handlers: LinkHandlers): void;
  disconnect(): Promise<void>;
  /** Asking again for a topic brings its retained message again. */
  subscribe(topics: readonly string[]): Promise<void>;
  /** QoS 1 resolves at the PUBACK, QoS 0 when written. Rejects when the connection fell. */
  publish(topic: string, bytes: Uint8Array, qos: LinkQos): Promise<void>;
  /** SHA-256 of the SPKI of the server's TLS key, undefined without TLS or while down. */
  tlsSpkiHash(): Uint8Array | undefined;
}

/** Messages between device and patient agent (BLE, Wi-Fi, a port in one process). Ordered, whole messages. */
export interface LocalLinkPort {
  send(bytes: Uint8Array): void;
  /** One handler; messages that came before it was set are delivered then. */
  onMessage(handler: (bytes: Uint8Array) => void): void;
  onClose(handler: () => void): void;
  close(): void;
}

/**
 * The device's own memory. All calls but `sync` are synchronous and ordered: what returned survives the death of the
 * process (kill -9), and a loss of power takes at worst the newest records, none from before the last `sync` that resolved.
 */
export interface Flash {
  /** The small state, replaced as a whole or not at all. */
  readState(): Uint8Array | undefined;
  writeState(bytes: Uint8Array): void;
  /** Spool: append-only records, read back once at start; `undefined` where one or more are damaged. */
  readRecords(): (Uint8Array | undefined)[];
  append(record: Uint8Array): void;
  /** Resolves when all that was appended survives a loss of power too; undefined when it does already. Blocks nobody. */
  sync(): Promise<void> | undefined;
  /** Bytes of the spool file, for the decision to compact. */
  spoolBytes(): number;
  /** Replaces all records, as a whole or not at all. */
  rewrite(records: Iterable<Uint8Array>): void;
  /** The independent account: lines of text, append-only. */
  readAccount(): string;
  appendAccount(lines: string): void;
  rewriteAccount(lines: string): void;
  close(): void;
}

export interface DevicePorts {
  readonly link: DeviceLink;
  readonly flash: Flash;
  /** Transport periods: heartbeat, segment, epoch, retries. */
  readonly wall: Clock;
  /** t0, dt and event times; scaled in a fast run. */
  readonly data: Clock;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  readonly log?: Logger;
}

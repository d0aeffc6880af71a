import type { CryptoProvider, KeyStore } from '@pulseseal/crypto';
import type { Ledger } from '@pulseseal/ledger';
import type { Cursor, Log, Position } from '@pulseseal/log';
import type { Clock, Logger, Metrics, Random } from '@pulseseal/runtime';
import type { Catalogue } from './catalogue.ts';
import type { CiphertextStore } from './store/port.ts';

/** What the gateway needs, in its own words. */
export interface GatewayPorts {
  readonly crypto: CryptoProvider;
  /** Transport periods and lifetimes. */
  readonly wall: Clock;
  /** Arrival times and what devices take as time (`accept` field 2). */
  readonly data: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The one source of truth; written by the gateway alone. */
  readonly journal: Log;
  /** Index over the journal; made again from it when empty. */
  readonly catalogue: Catalogue;
  readonly keys: KeyStore;
  readonly ledger: Ledger;
  readonly broker: Broker;
  readonly feeds: readonly Feed[];
  /** A served store that is filled from the journal beside the embedded index. */
  readonly servedStore?: { readonly store: CiphertextStore; readonly cursor: Cursor };
}

/** The MQTT broker: a door, not a judge. What it admits is decided by the handlers. */
export interface Broker {
  /** SHA-256 of the SPKI of its TLS certificate; null when TLS ends elsewhere. */
  readonly tlsSpkiHash: Uint8Array | null;
  start(handlers: BrokerHandlers): Promise<BrokerAddress>;
  stop(): Promise<void>;
  /** Retained for all: the beacon. */
  retain(topic: string, payload: Uint8Array): void;
  /** To one client that subscribed to the topic. False: it is not there. QoS 1. */
  send(identity: string, topic: string, payload: Uint8Array, isRetained?: boolean): boolean;
  /** To whoever subscribed. */
  publish(topic: string, payload: Uint8Array): void;
  isConnected(identity: string): boolean;
  /** Whether anybody reads this topic. */
  hasReader(topic: string): boolean;
  disconnect(identity: string): void;
  readonly connections: number;
}

export interface BrokerAddress {
  readonly tlsPort: number | undefined;
  readonly plainPort: number | undefined;
}

export interface LoginRequest {
  /** The client id: the `<dev>` form of the identity. */
  readonly clientId: string;
  readonly password: Uint8Array | undefined;
  /** 32 bytes of the TLS exporter, undefined on a connection without TLS. */
  readonly exporter: Uint8Array | undefined;
  /** Where the connection comes from; behind a relay it is the relay's. */
  readonly address: string;
}

/** What a connection carries after its login. Made by the gateway, opaque to the broker. */
export interface Session {
  readonly identity: string;
}

/** How a publish ended. `drop`: no PUBACK, the connection stays; `close`: no PUBACK and the connection ends. */
export type PublishVerdict = 'acknowledge' | 'drop' | 'close';

export interface BrokerHandlers {
  /** Before TLS: may one more socket come in? */
  admitConnection(address: string): boolean;
  login(request: LoginRequest): Promise<Session | undefined>;
  /** Calls `done` exactly once, possibly later. */
  publish(session: Session, packet: InboundPacket, done: (verdict: PublishVerdict) => void): void;
  mayWill(session: Session, topic: string, payload: Uint8Array): boolean;
  maySubscribe(session: Session, filter: string): boolean | Promise<boolean>;
  subscribed(session: Session, filter: string): void;
  gone(session: Session, hadWill: boolean): void;
  /** A packet or socket that the broker refused on its own. */
  refused(reason: BrokerRefusal): void;
}

export type BrokerRefusal =
  | 'connection-rate'
  | 'packet-too-large'
  | 'topic'
  | 'client-id'
  | 'qos-2'
  | 'protocol'
  | 'tls'
  | 'timeout'
  | 'subscribe';

export interface InboundPacket {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly isRetained: boolean;
}

/**
 * Where messages for recipients go, in order. Everything given follows from the journal: after a crash the gateway gives
 * again what stands behind `upstream`.
 */
export interface Feed {
  /** Takes one commit's messages; `upstream`: the journal is forwarded up to here. */
  give(items: readonly FeedItem[], upstream: Position): void;
  /** How far the journal is known to be forwarded durably; undefined: the feed keeps nothing. */
  upstream(): Position | undefined;
}

export type FeedChannel = 'f' | 'p' | 'g';

export interface FeedItem {
  /** 16 hex digits. */
  readonly rid: string;
  readonly channel: FeedChannel;
  /** A hint for the recipient: when the gateway got it, data time. */
  readonly arrivedMs: number;
  readonly message: Uint8Array;
  /** The end of the message, where it is not in `message`: a signature that many messages share. */
  readonly tail?: Uint8Array;
  /** The same bytes in the journal: position of the record, offset and length of the message in it. */
  readonly at?: { readonly position: Position; readonly offset: number; readonly length: number };
}

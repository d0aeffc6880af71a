import type { CryptoProvider, KeyStore } from '@pulseseal/crypto';
import type { DisputeReporter } from '@pulseseal/ledger';
import type { CareEvent } from '@pulseseal/protocol';
import type { Clock, Logger, Metrics } from '@pulseseal/runtime';

/** What the stream processor needs, in its own words. */
export interface ProcessorPorts {
  readonly crypto: CryptoProvider;
  /** Transport periods. */
  readonly wall: Clock;
  /** Event and arrival times. */
  readonly data: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly feed: Feed;
  readonly toEdge: ToEdge;
  /** Prekey seeds under `prekeyName(rid, id)`. */
  readonly keys: Pick<KeyStore, 'get'>;
  readonly patients: PatientDirectory;
  readonly state: StateStore;
  readonly sink: Sink;
  /** Absent or away: manifests stay unconfirmed and grades stop at `sealed`. */
  readonly ledger?: LedgerView;
  /** Absent: two closes of one segment are told to the twin alone. */
  readonly disputes?: Pick<DisputeReporter, 'report'>;
  /** Told of every frame that opened, before its message is acknowledged; after a crash again of those that were not. */
  readonly opened?: (device: string, eh: string, seq: number) => void;
}

/** Messages for every pseudonym of this recipient: `<rid hex>/f|p|g/<arrived, data ms, base 36>`. */
export interface Feed {
  receive(max: number, signal?: AbortSignal): Promise<readonly FeedMessage[]>;
  /** Everything up to and including this received position is done. */
  acknowledge(position: number): Promise<void>;
}

export interface FeedMessage {
  readonly position: number;
  readonly topic: string;
  /** One protocol message. */
  readonly body: Uint8Array;
}

/** Topic `<rid hex>/a`: rack and ask. */
export interface ToEdge {
  publish(topic: string, body: Uint8Array): Promise<void>;
}

/** Who stands behind a pseudonym, from the invitation that the patient answered. */
export interface PatientDirectory {
  byRid(rid: string): { readonly patient: string; readonly owner: Uint8Array } | undefined;
}

/** Takes the facts in order; resolves when they are durable. The same facts may come again after a restart. */
export type Sink = (events: readonly CareEvent[]) => Promise<void>;

/** Small named values; `save` replaces one atomically and is durable when it resolves. */
export interface StateStore {
  load(name: string): Promise<Uint8Array | undefined>;
  save(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  /** Names that begin so, in order. */
  list(prefix: string): Promise<readonly string[]>;
}

/** What the ledger says; every call may fail, which refuses nothing. */
export interface LedgerView {
  /** The newest manifest of a device pseudonym. */
  manifest(
    pseudonym: Uint8Array,
  ): Promise<{ readonly version: number; readonly hash: Uint8Array; readonly putMs: number } | undefined>;
  /** The smallest anchored head of this gateway (thumbprint) with at least `size` entries. */
  anchoredHead(
    gateway: Uint8Array,
    size: number,
  ): Promise<{ readonly size: number; readonly root: Uint8Array } | undefined>;
}

import type { PreparedHmac } from '@pulseseal/crypto';
import type { Position } from '@pulseseal/log';
import type { RecipientRole, RefusalName } from '@pulseseal/protocol';
import type { Bucket } from './buckets.ts';
import type { DeviceTopics } from './device-topics.ts';
import type { LazyMap } from './lazy-map.ts';
import type { Session } from './ports.ts';
import type { ReceivedSet } from './received.ts';

/** What the gateway keeps of a manifest: enough to route and to judge, without its keys. */
export interface ManifestView {
  readonly hash: Uint8Array;
  readonly position: Position;
  readonly version: number;
  /** 32 hex digits. */
  readonly pseudonym: string;
  readonly recipients: readonly RecipientView[];
  readonly suites: readonly number[];
  readonly rekeyGraceS: number;
  readonly namesThisGateway: boolean;
  readonly validUntilMs: number;
}

export interface RecipientView {
  /** 16 hex digits. */
  readonly rid: string;
  readonly scopes: readonly number[];
  readonly expiresMs: number;
  readonly role: RecipientRole;
  /** Pseudonym, rid and consent id (`consentName`). */
  readonly consent: string;
}

export interface DeviceState {
  readonly number: number;
  readonly name: string;
  readonly thumbprint: Uint8Array;
  readonly topic: DeviceTopics;
  /** Thumbprint of the owner who endorsed it; present once endorsed. The device's key is in the endorsement: `keyOf`. */
  owner: Uint8Array | undefined;
  endorseAt: Position | undefined;
  endorseUntilMs: number;
  manifest: ManifestView | undefined;
  manifestAt: Position | undefined;
  stored: { readonly boot: number; readonly epoch: number; readonly oh: Uint8Array } | undefined;
  isRetired: boolean;
  /** Newest first; at most 2, with keys. */
  readonly live: EpochState[];
  /** Epochs that come by bulk, without keys; at most 2. */
  readonly bulk: EpochState[];
  /** Epochs being opened or read back, by eh. */
  readonly pending: LazyMap<string, PendingEpoch>;
  opens: Bucket | undefined;
  /** Sequence of control messages: they are checked one at a time. */
  readonly serial: <T>(task: () => Promise<T>) => Promise<T>;
  /** Highest `n` sent down. */
  downCount: number;
  lostMs: number;
  resyncs: number[];
  progressMs: number;
  isProgressDue: boolean;
  lastArrivedMs: number;
  sentManifest: Uint8Array | undefined;
}

/** An epoch whose keys are not there yet. Frames wait; their PUBACK with them. */
export interface PendingEpoch {
  readonly oh: Uint8Array | undefined;
  waiting: EarlyFrame[];
  readonly ready: Promise<EpochState | undefined>;
  /** Its opening waits for the device's turn: who has the turn must not wait for it. */
  readonly isQueued: () => boolean;
}

export interface EarlyFrame {
  /** Without an epoch: the refusal that the frame gets. */
  readonly run: (epoch: EpochState | RefusalName) => void;
}

export interface EpochState {
  readonly id: number;
  readonly device: DeviceState;
  readonly eh: Uint8Array;
  readonly ehHex: string;
  readonly oh: Uint8Array;
  readonly boot: number;
  readonly epoch: number;
  readonly isBulk: boolean;
  readonly up: PreparedHmac | undefined;
  readonly dn: PreparedHmac | undefined;
  readonly pre: PreparedHmac | undefined;
  readonly manifest: ManifestView;
  /** Stream -> rids that may read it, the same array for all streams of a scope. */
  readonly routes: ReadonlyMap<number, readonly RecipientView[]>;
  readonly scopes: readonly number[];
  readonly maxFrames: number;
  readonly heartbeatMs: number;
  readonly t0Ms: number;
  readonly wrapHashes: readonly (string | null)[];
  /** Hex of hashes of wraps that are not on disk yet. */
  missingWraps: ReadonlySet<string>;
  readonly received: ReceivedSet;
  /** Segments with a close that are not complete, and closes whose predecessor is missing. */
  readonly segments: LazyMap<number, SegmentRecord>;
  /** Every segment below has its close in the log. */
  closedNext: number;
  /** First seq of segment `closedNext`. */
  nextFirst: number;
  /** H of the last close in the log; `oh` before the first. */
  lastClose: Uint8Array;
  hasEnded: boolean;
  isAccepted: boolean;
  flags: number;
  /** On disk, as `progress` 1 and 3 state it. */
  durableSeq: number;
  durableClosed: number;
  reportedSeq: number;
  reportedClosed: number;
  reportedBeyond: number;
  byeCount: number;
  /** Something of it came inside bulk: the device speaks of it under a newer epoch. */
  wentByBulk: boolean;
  /** When the keys go: set at the accept of the next epoch. */
  keysUntilMs: number;
  lastArrivedMs: number;
  cancelKeysWait: () => void;
  /** Frames written and not yet synced: what is known beyond the mark is not all on disk. */
  inFlight: number;
}

export interface SegmentRecord {
  readonly segment: number;
  readonly first: number;
  readonly count: number;
  readonly root: Uint8Array;
  readonly hash: Uint8Array;
  readonly previous: Uint8Array;
  readonly position: Position;
  readonly isLast: boolean;
  state: 'held' | 'logged' | 'complete' | 'disputed';
  nacks: number;
  nackMs: number;
  mismatches: number;
}

/** A client after its login. */
export interface ClientSession extends Session {
  readonly thumbprint: Uint8Array;
  device: DeviceState | undefined;
  readonly topics: DeviceTopics;
  readonly publishes: Bucket;
  /** Times of the last refused publishes. */
  readonly refusedMs: number[];
  isPresent: boolean;
  /** Its token was bound to the TLS session that ends here: the device counts PUBACKs (SPEC clause CTL-3). */
  readonly isDirect: boolean;
}

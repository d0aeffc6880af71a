import type { CoseKey } from '../ids.ts';

/** Bodies of the signed messages as values. Field numbers and wire forms: `bodies-codec.ts` and SPEC section 5. */

export interface BeaconLimits {
  readonly maxFrameBytes: number;
  readonly maxCount: number;
  readonly maxSegmentMs: number;
  readonly skewMs: number;
  readonly maxRecipients: number;
}

/** A gateway says who it is, for at most 24 h. */
export interface Beacon {
  readonly gateway: Uint8Array;
  readonly serial: number;
  readonly validFromMs: number;
  readonly validUntilMs: number;
  /** X-Wing public key, 1,216 bytes. */
  readonly prekey: Uint8Array;
  readonly suites: readonly number[];
  readonly limits: BeaconLimits;
  readonly credentialHash: Uint8Array | null;
  readonly key: CoseKey;
  /** SHA-256 of the SPKI of the gateway's own TLS end; null for an external broker. */
  readonly tlsSpkiHash: Uint8Array | null;
}

/** 0 ordinary, 1 life-critical, 2 the patient's own archive. */
export type RecipientRole = 0 | 1 | 2;

export interface ManifestRecipient {
  readonly rid: Uint8Array;
  readonly prekeyId: number;
  readonly prekey: Uint8Array;
  /** Ascending, beginning with 0. */
  readonly scopes: readonly number[];
  readonly expiresMs: number;
  readonly consent: Uint8Array;
  readonly role: RecipientRole;
}

export interface ManifestPolicy {
  readonly maxEpochS: number;
  readonly rekeyGraceS: number;
  readonly maxStaleS: number;
}

/** The patient's word on who may read and which gateways may serve. */
export interface Manifest {
  readonly pseudonym: Uint8Array;
  readonly device: Uint8Array;
  readonly version: number;
  readonly validFromMs: number;
  readonly validUntilMs: number;
  readonly recipients: readonly ManifestRecipient[];
  readonly suites: readonly number[];
  readonly previous: Uint8Array | null;
  readonly consentRoot: Uint8Array;
  readonly policy: ManifestPolicy;
  readonly gateways: readonly Uint8Array[];
}

/** 0 liveness, 1 values, 2 waveform, 3 events. */
export type StreamClass = 0 | 1 | 2 | 3;

export interface OpenStream {
  readonly id: number;
  readonly scope: number;
  readonly streamClass: StreamClass;
  /** Payloads are padded to a multiple of this; 0 or 1: not at all. */
  readonly pad: number;
}

export const OPEN_REASON = { timer: 0, boot: 1, manifest: 2, rekey: 3, recovery: 4, offline: 5, clockStep: 6 } as const;
export type OpenReason = (typeof OPEN_REASON)[keyof typeof OPEN_REASON];

/** 0 none, 1 gateway's accept, 2 phone, 3 GNSS, 4 signed time. */
export type ClockSource = 0 | 1 | 2 | 3 | 4;

/** One epoch of one device. `beaconHash` and `gatewayWrap` are absent together, in offline epochs. */
export interface Open {
  readonly device: Uint8Array;
  readonly boot: number;
  readonly epoch: number;
  readonly beaconHash?: Uint8Array;
  readonly gatewayWrap?: Uint8Array;
  readonly manifestVersion: number;
  readonly manifestHash: Uint8Array;
  /** Stream 0 (scope 0, class 0) first, then ascending. */
  readonly streams: readonly OpenStream[];
  readonly clock: { readonly t0Ms: number; readonly uncertaintyMs: number; readonly source: ClockSource };
  readonly maxFrames: number;
  readonly segmentMs: number;
  readonly heartbeatMs: number;
  readonly ackTimeoutMs: number;
  readonly previousClose: Uint8Array | null;
  /** Key commitment of every scope. */
  readonly commitments: ReadonlyMap<number, Uint8Array>;
  /** H(wrap) in the order of the manifest's recipients; null = not wrapped. */
  readonly wrapHashes: readonly (Uint8Array | null)[];
  readonly reason: OpenReason;
  readonly attestationHash?: Uint8Array;
  /** SHA-256 of the card of every scope >= 1. */
  readonly cardHashes: ReadonlyMap<number, Uint8Array>;
  readonly suite: number;
}

export const CLOSE_LAST = {
  timer: 0,
  manifest: 1,
  rekey: 2,
  clockStep: 3,
  shutdown: 4,
  recovered: 5,
  reset: 6,
} as const;
export type CloseLast = (typeof CLOSE_LAST)[keyof typeof CLOSE_LAST];

export interface Close {
  readonly oh: Uint8Array;
  readonly segment: number;
  readonly firstSeq: number;
  readonly count: number;
  readonly root: Uint8Array;
  /** H(previous close of this epoch); for the first one `oh`. */
  readonly previous: Uint8Array;
  readonly dt: number;
  readonly sealed: number;
  readonly dropped: number;
  readonly unacknowledged: number;
  /** Key check value of every scope. */
  readonly kcv: ReadonlyMap<number, Uint8Array>;
  /** All leaf hashes one after another, on links without a way back. */
  readonly leaves?: Uint8Array;
  readonly last?: CloseLast;
}

export interface Sth {
  readonly gateway: Uint8Array;
  readonly logId: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly batch: number;
  readonly previous: Uint8Array | null;
  readonly firstArrivalMs: number;
  readonly lastArrivalMs: number;
}

/** devcert, endorse and session: an issuer vouches for a subject's key. Times in seconds, as CWT has them. */
export interface Cwt {
  /** 32-byte thumbprints. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly expiresS: number;
  readonly issuedS: number;
  readonly key: CoseKey;
  readonly ueid?: Uint8Array;
  readonly hardwareModel?: Uint8Array;
  readonly softwareName?: string;
  /** Mandatory in endorse and session, absent in devcert. */
  readonly issuerKey?: CoseKey;
}

export interface Claimreq {
  readonly attestationKey: Uint8Array;
  readonly owner: Uint8Array;
  readonly ownerKey: CoseKey;
  readonly pseudonym: Uint8Array;
  readonly nonce: Uint8Array;
  readonly mac: Uint8Array;
}

export interface Claimack {
  readonly attestationKey: Uint8Array;
  readonly claimHash: Uint8Array;
  readonly key: CoseKey;
  readonly boot: number;
  readonly evidence?: Uint8Array;
}

export type ReleasedSecret =
  | { readonly kind: 'epoch'; readonly es: Uint8Array }
  | { readonly kind: 'from'; readonly segment: number; readonly ck: Uint8Array }
  | { readonly kind: 'segments'; readonly sk: ReadonlyMap<number, Uint8Array> };

export interface Release {
  readonly oh: Uint8Array;
  readonly scope: number;
  readonly consent: Uint8Array;
  readonly secret: ReleasedSecret;
  readonly card?: Uint8Array;
}

export interface Resync {
  readonly device: Uint8Array;
  readonly boot: number;
  readonly epoch: number;
  readonly nonce: Uint8Array;
  readonly timeMs: number;
}

export interface Token {
  readonly identity: Uint8Array;
  readonly gateway: Uint8Array;
  readonly expiresMs: number;
  readonly exporter: Uint8Array | null;
}

export type ActArgument = Uint8Array | string | number;

export interface Act {
  readonly fn: string;
  readonly args: readonly ActArgument[];
  readonly counter: number;
  readonly timeMs: number;
}

export interface Block {
  readonly ledger: Uint8Array;
  readonly height: number;
  readonly previous: Uint8Array;
  readonly timeMs: number;
  readonly root: Uint8Array;
  readonly transactions: number;
}

export interface BodyMap {
  readonly beacon: Beacon;
  readonly manifest: Manifest;
  readonly open: Open;
  readonly close: Close;
  readonly sth: Sth;
  readonly devcert: Cwt;
  readonly endorse: Cwt;
  readonly session: Cwt;
  readonly claimreq: Claimreq;
  readonly claimack: Claimack;
  readonly release: Release;
  readonly resync: Resync;
  readonly token: Token;
  readonly act: Act;
  readonly block: Block;
}

export type Typ = keyof BodyMap;

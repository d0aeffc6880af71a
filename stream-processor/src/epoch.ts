import { type CryptoProvider, type PreparedHmac, toHex } from '@pulseseal/crypto';
import {
  ackKey,
  type Card,
  type CoseKey,
  deviceText,
  type Frame,
  type Open,
  type OpenStream,
} from '@pulseseal/protocol';
import type { AcceptedEpoch } from './accept.ts';
import { createRangeSet, type RangeSet } from './ranges.ts';
import { createSegmentKeys, type SegmentKeys } from './segment-keys.ts';
import { createSensorMemory, type SensorMemory } from './sensors.ts';

/** Own frames of one segment and how far their origin is proved. */
export interface Segment {
  readonly sg: number;
  /** Own opened frames: leaf and stream, until the segment is sealed without holes. */
  readonly frames: Map<number, { readonly leaf: Uint8Array; readonly st: number }>;
  /** Distinct own frames, also after `frames` is given up. */
  opened: number;
  close: VerifiedClose | undefined;
  /** Verified leaf table, kept while frames are missing. No checkpoint has it: it is large, and the gateway has it too. */
  table: readonly Uint8Array[] | undefined;
  state: 'open' | 'sealed' | 'disputed';
  isAnchored: boolean;
  /** Head under which the gateway's receipt names the close. */
  receipt: { readonly size: number; readonly root: Uint8Array } | undefined;
  keysErased: boolean;
}

/** What later work needs of a close whose signature, chain and check values are right. */
export interface VerifiedClose {
  readonly firstSeq: number;
  readonly count: number;
  readonly root: Uint8Array;
  /** The epoch ends with it. */
  readonly isLast: boolean;
  /** Its leaf in the gateway's log: a receipt names it, and a repeated close is known by it. */
  readonly entry: Uint8Array;
  readonly atWallMs: number;
  /** As received: of the newest closes that are not anchored. What is gone the gateway still has. */
  raw: Uint8Array | undefined;
}

/** A frame of an own stream that is known to exist and is not here. */
export interface Missing {
  readonly stream: number | null;
  readonly sinceWallMs: number;
  isTold: boolean;
  isProved: boolean;
}

export interface HeldFrame {
  readonly frame: Frame;
  readonly arrivedMs: number;
  readonly position: number;
}

export interface WaitingPayload {
  readonly frame: Frame;
  readonly payload: Uint8Array;
  readonly arrivedMs: number;
}

/** One accepted epoch of one device: state of RAM, rebuilt from its record and the checkpoint. */
export interface Epoch {
  readonly rid: Uint8Array;
  readonly ridHex: string;
  readonly patient: string;
  readonly device: string;
  readonly deviceKey: CoseKey;
  readonly pseudonym: Uint8Array;
  readonly open: Open;
  readonly oh: Uint8Array;
  readonly eh: Uint8Array;
  readonly ehHex: string;
  /** Null: an offline epoch. */
  readonly gateway: { readonly thumbprint: Uint8Array; readonly key: CoseKey } | null;
  readonly maxFrameBytes: number;
  readonly history: boolean;
  readonly clockUntrusted: boolean;
  readonly streams: ReadonlyMap<number, OpenStream>;
  readonly scopes: ReadonlySet<number>;
  /** Every scope of the epoch is granted, so every leaf is a frame of ours. */
  readonly seesAll: boolean;
  readonly keys: SegmentKeys;
  /** Undefined: granted as history, nobody waits to hear of it. */
  readonly ack: PreparedHmac | undefined;
  /** Of the device's key, as received: evidence of a dispute. */
  readonly endorse: Uint8Array;
  /** As received: evidence of a dispute. */
  readonly openBytes: Uint8Array;
  readonly isGranted: boolean;
  readonly sensors: SensorMemory;
  readonly cards: Map<number, { readonly bytes: Uint8Array; readonly card: Card }>;
  readonly received: RangeSet;
  readonly segments: Map<number, Segment>;
  readonly missing: Map<number, Missing>;
  /** Frames beyond the window of the ratchet. */
  readonly held: Map<number, HeldFrame>;
  readonly waiting: WaitingPayload[];
  readonly waitingCloses: Map<number, Uint8Array>;
  readonly waitingTables: Map<number, { readonly first: number; readonly leaves: readonly Uint8Array[] }>;
  readonly waitingReceipts: Map<number, Uint8Array>;
  /** By segment, a second close that the device signed: evidence of a dispute beside the first. */
  readonly secondCloses: Map<number, Uint8Array>;
  /** What the newest heartbeat counted and what was told of it, by stream. */
  readonly counted: Map<number, { sg: number; told: number }>;
  readonly beats: { seq: number; sg: number; atWallMs: number; counts: Map<number, { last: number; count: number }> }[];
  /** Segments of sealed state not yet in the run from 0. */
  readonly sealedBeyond: Set<number>;
  sealedBelow: number;
  /** The next close of the chain. */
  nextClose: { segment: number; firstSeq: number; previous: Uint8Array };
  /** Highest segment with an opened frame or a verified close. */
  newestSegment: number;
  highestOpened: number;
  /** Running minimum of arrival - event time, and whether anything came yet. */
  leastDelayMs: number | undefined;
  isDisputed: boolean;
  isAnnounced: boolean;
  lastCloseWallMs: number;
  framesSinceClose: number;
  isUnsealed: boolean;
  readonly acceptedWallMs: number;
  lastRackWallMs: number;
  lastRackMs: number;
  isRackDue: boolean;
}

export interface EpochPlace {
  readonly rid: Uint8Array;
  readonly patient: string;
  readonly endorse: Uint8Array;
  readonly openBytes: Uint8Array;
  readonly history: boolean;
  readonly clockUntrusted: boolean;
  readonly wallMs: number;
  readonly defaultFrameBytes: number;
}

export function createEpoch(accepted: AcceptedEpoch, place: EpochPlace, crypto: CryptoProvider): Epoch {
  const { open, oh, manifest, beacon, secrets, ack } = accepted;
  const eh = oh.slice(0, 8);
  const scopes = new Set(secrets.keys());
  const keys = createSegmentKeys(secrets, oh, crypto);
  const ackMac = ack === null ? undefined : ackKey(oh, ack, crypto);
  ack?.fill(0);
  return {
    rid: place.rid,
    ridHex: toHex(place.rid),
    patient: place.patient,
    device: deviceText(open.device),
    deviceKey: accepted.deviceKey,
    pseudonym: manifest.pseudonym,
    open,
    oh,
    eh,
    ehHex: toHex(eh),
    gateway: beacon === null ? null : { thumbprint: beacon.gateway, key: beacon.key },
    maxFrameBytes: beacon === null ? place.defaultFrameBytes : beacon.limits.maxFrameBytes,
    history: place.history,
    clockUntrusted: place.clockUntrusted,
    streams: new Map(open.streams.map((stream) => [stream.id, stream])),
    scopes,
    seesAll: [...open.commitments.keys()].every((scope) => scopes.has(scope)),
    keys,
    ack: ackMac,
    endorse: place.endorse,
    openBytes: place.openBytes,
    isGranted: accepted.wrap === null,
    sensors: createSensorMemory(),
    cards: new Map(),
    received: createRangeSet(),
    segments: new Map(),
    missing: new Map(),
    held: new Map(),
    waiting: [],
    waitingCloses: new Map(),
    waitingTables: new Map(),
    waitingReceipts: new Map(),
    secondCloses: new Map(),
    counted: new Map(),
    beats: [],
    sealedBeyond: new Set(),
    sealedBelow: 0,
    nextClose: { segment: 0, firstSeq: 1, previous: oh },
    newestSegment: 0,
    highestOpened: 0,
    leastDelayMs: undefined,
    isDisputed: false,
    isAnnounced: false,
    lastCloseWallMs: place.wallMs,
    framesSinceClose: 0,
    isUnsealed: false,
    acceptedWallMs: place.wallMs,
    lastRackWallMs: Number.NEGATIVE_INFINITY,
    lastRackMs: 0,
    isRackDue: false,
  };
}

export function newSegment(sg: number): Segment {
  return {
    sg,
    frames: new Map(),
    opened: 0,
    close: undefined,
    table: undefined,
    state: 'open',
    isAnchored: false,
    receipt: undefined,
    keysErased: false,
  };
}

export function eraseEpoch(epoch: Epoch): void {
  epoch.keys.erase();
  epoch.ack?.erase();
  epoch.held.clear();
  epoch.waiting.length = 0;
}

import type {
  AlertPriority,
  AlertState,
  Grade,
  ReadingId,
  Role,
  ScreeningReason,
  SilenceCause,
} from '@pulseseal/protocol';
import type { News2Parameter, News2Scale } from './news2.ts';
import type { Seen } from './seen.ts';
import type { Trend } from './trend.ts';

/** One measured value that the twin holds. */
export interface Held {
  readonly id: ReadingId;
  readonly device: string;
  readonly eh: string;
  readonly seq: number;
  readonly code: number;
  readonly text: string;
  readonly value: number;
  readonly unit: string;
  /** Event time as the device states it. */
  readonly atMs: number;
  /** Event time that rules and ages use: `atMs`, or the time it came where the device's clock is not believed. */
  readonly effectiveMs: number;
  readonly grade: Grade;
  readonly charted: boolean;
  readonly doubt: ScreeningReason | null;
  /** Expected time to the next one; null for charted values. */
  readonly intervalMs: number | null;
}

/** Newest values of one (code, device, charted or streamed). */
export interface Slot {
  /** Newest that a person sees: accepted or doubtful. */
  readonly shown: Held;
  /** Newest that rules and the score use; null while only doubtful ones came. */
  readonly scored: Held | null;
  /** Newest accepted one with a sealed or anchored grade: the only kind that may clear an alert. */
  readonly sealed: Held | null;
  /** Accepted ones whose close has not come, oldest first. */
  readonly pending: readonly Held[];
}

export interface StreamState {
  readonly stream: number;
  readonly name: string;
  readonly codes: readonly number[];
  readonly charted: boolean;
  readonly intervalMs: number | null;
  /** Wall time of its last live frame, to within `silence.noteMs`. */
  readonly heardWallMs: number;
  readonly contact: boolean;
  readonly fault: boolean;
  readonly paused: boolean;
  /** Wall time since which contact is lost or a fault is stated; null = all is well. */
  readonly badSinceWallMs: number | null;
  /** Not null: its card has not come in this epoch; since when frames are known that cannot be read. Absent in older journals. */
  readonly unread?: { readonly sinceWallMs: number | null } | null;
}

export interface PoorSignal {
  readonly sinceWallMs: number;
  /** Null while nothing usable comes. Only one that was told of has a good time before it ends. */
  readonly goodWallMs: number | null;
}

export interface DeviceState {
  readonly device: string;
  readonly kind: string;
  /** The present epoch; null until one was accepted live. */
  readonly eh: string | null;
  readonly boot: number;
  readonly epoch: number;
  readonly heartbeatMs: number;
  readonly segmentMs: number;
  readonly state: 'worn' | 'off-body' | 'charging' | 'shutdown' | 'unknown';
  readonly stateSinceWallMs: number;
  /** The heartbeat that said the device switches off, and whether a close covers it; null = it said nothing of the kind. */
  readonly farewell: { readonly eh: string; readonly seq: number; readonly sealed: boolean } | null;
  readonly battery: number | null;
  readonly heardWallMs: number;
  readonly heardMs: number;
  readonly link: 'session' | 'no-session' | 'not-forwarded' | 'unknown';
  readonly streams: readonly StreamState[];
  /** Wall time since which live readings wait for a close; null = all sealed. */
  readonly unsealedSinceWallMs: number | null;
  /** Highest sequence number of the present epoch seen live. */
  readonly newestSeq: number;
  /** That of its newest heartbeat, and when this came; a twin of an older journal has none. */
  readonly beatSeq?: number;
  readonly beatWallMs?: number;
  /** Delay of the way in wall milliseconds: least in this epoch, and now. */
  readonly leastDelayMs: number | null;
  readonly delayMs: number;
  /** How far its newest streamed readings lay behind the clock, data time. A twin of an older journal has none. */
  readonly lagMs?: number;
  /** Code -> wall time since which nothing usable came, and since which it does again. Absent in older journals. */
  readonly poor?: Readonly<Record<number, PoorSignal>>;
  /** The last of each kind of refusal. A twin of an older journal has none. */
  readonly refusals?: readonly { readonly name: string; readonly wallMs: number }[];
  /** Missing frames, those proved by a close apart. */
  readonly gaps: { readonly frames: number; readonly proved: number };
  readonly seen: readonly { readonly eh: string; readonly seen: Seen }[];
}

export interface Alert {
  readonly id: string;
  readonly rule: string;
  readonly priority: AlertPriority;
  readonly state: AlertState;
  /** Silence alerts are per device; null for the patient as a whole. */
  readonly device: string | null;
  readonly cause: SilenceCause | null;
  readonly reason: string;
  readonly plainReason: string;
  /** Streams or refusals that a technical alert names; null = all there is. One of an older journal has none yet. */
  readonly parts?: readonly string[] | null;
  /** Data time. */
  readonly raisedAtMs: number;
  /** Parameters that gave points when it was raised: all must be measured again before it may clear. */
  readonly contributors: readonly News2Parameter[];
  readonly acknowledged: {
    readonly by: string;
    readonly role: Role;
    readonly atMs: number;
    readonly comment: string;
  } | null;
  readonly clearedAtMs: number | null;
  readonly readingId: ReadingId | null;
}

/** All that is known of one patient. Only `apply` makes a new one. */
export interface Twin {
  readonly patient: string;
  readonly scale: News2Scale;
  /** Under 16 no NEWS2 is computed; null = not stated, taken as adult. */
  readonly ageYears: number | null;
  /** Rule time: never steps back. */
  readonly nowMs: number;
  /** How far the clock was ahead of it when it last went on, data time. A twin of an older journal has none. */
  readonly lagMs?: number;
  readonly slots: Readonly<Record<string, Slot>>;
  readonly devices: Readonly<Record<string, DeviceState>>;
  readonly trends: Readonly<Record<number, Trend>>;
  /** Rule -> data time since which its condition holds. */
  readonly since: Readonly<Record<string, number>>;
  /** Rule of an open alert -> time since which sealed readings show that the condition is over. */
  readonly overSince: Readonly<Record<string, number>>;
  readonly open: readonly Alert[];
  readonly cleared: readonly Alert[];
  readonly alertCount: number;
  /** Wall time when a device or value last found no room; a twin of an older journal has none. */
  readonly crowdedWallMs?: number;
  readonly systemOff: readonly { readonly fromMs: number; readonly toMs: number }[];
}

export interface TwinSubject {
  readonly patient: string;
  readonly scale?: News2Scale;
  readonly ageYears?: number | null;
}

export function newTwin(subject: TwinSubject): Twin {
  return {
    patient: subject.patient,
    scale: subject.scale ?? 1,
    ageYears: subject.ageYears ?? null,
    nowMs: 0,
    slots: {},
    devices: {},
    trends: {},
    since: {},
    overSince: {},
    open: [],
    cleared: [],
    alertCount: 0,
    systemOff: [],
  };
}

/** A device whose own signature covers that it switched off, and that said nothing since: nothing is awaited of it. */
export function isAtRest(device: DeviceState): boolean {
  // A twin of an older journal has no such field.
  return device.state === 'shutdown' && device.farewell?.sealed === true;
}

/** NEWS2 is not for patients under 16 (Royal College of Physicians 2017): refused rather than scored wrongly. */
export const news2MinAgeYears = 16;

export function mayScore(twin: Twin): boolean {
  return twin.ageYears === null || twin.ageYears >= news2MinAgeYears;
}

export function newDevice(device: string, wallMs: number): DeviceState {
  return {
    device,
    kind: 'unknown',
    eh: null,
    boot: -1,
    epoch: -1,
    heartbeatMs: 5000,
    segmentMs: 60_000,
    state: 'unknown',
    stateSinceWallMs: wallMs,
    farewell: null,
    battery: null,
    heardWallMs: wallMs,
    heardMs: 0,
    link: 'unknown',
    streams: [],
    unsealedSinceWallMs: null,
    newestSeq: -1,
    beatSeq: -1,
    leastDelayMs: null,
    delayMs: 0,
    refusals: [],
    gaps: { frames: 0, proved: 0 },
    seen: [],
  };
}

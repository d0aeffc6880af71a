/**
 * What the services of the care zone say to each other. Plain data: it crosses process and browser borders as JSON,
 * so it holds no bytes, no Map and no undefined fields.
 */

/** How far a reading's origin is proved (SPEC clause GRADE). Rises only. */
export type Grade = 'provisional' | 'sealed' | 'anchored';

/** `<dev>.<eh hex>.<seq>.<index>` (SPEC clause ID-4). */
export type ReadingId = string;

/** Why a value is doubted. `invalid` values never reach a score; `doubtful` ones are shown marked. */
export type Screening =
  | { readonly verdict: 'accepted' }
  | { readonly verdict: 'doubtful'; readonly reason: ScreeningReason }
  | { readonly verdict: 'invalid'; readonly reason: ScreeningReason };

export type ScreeningReason =
  | 'out-of-range'
  | 'implausible'
  | 'rate-of-change'
  | 'no-contact'
  | 'sensor-fault'
  | 'off-body'
  | 'unit-mismatch'
  | 'code-unknown'
  | 'diastolic-not-below-systolic'
  | 'low-quality';

/** One number that one sensor measured at one time. */
export interface Reading {
  readonly id: ReadingId;
  readonly patient: string;
  /** `<dev>` text of the device. */
  readonly device: string;
  /** MDC code (IEEE 11073-10101). */
  readonly code: number;
  /** Exact decimal text of the value, as the device's integer and scale give it: rounding must not see binary floats. */
  readonly text: string;
  readonly value: number;
  /** UCUM unit. */
  readonly unit: string;
  /** Event time: t0 + dt on the device's clock. */
  readonly atMs: number;
  readonly arrivedMs: number;
  readonly grade: Grade;
  /** A person or a cuff entered it: it holds for 6 h instead of 5 expected intervals. */
  readonly charted: boolean;
  readonly screening: Screening;
  /** Late, recovered or resent: stored and scored as history, never rings. */
  readonly history: boolean;
  readonly clockUntrusted: boolean;
}

/** A block of a waveform (ECG, PPG, acceleration). */
export interface WaveBlock {
  readonly id: ReadingId;
  readonly patient: string;
  readonly device: string;
  readonly code: number;
  readonly unit: string;
  /** Physical value = (sample + offset) * m * 10^e. */
  readonly scale: readonly [m: number, e: number, offset: number];
  readonly rateHz: number;
  readonly atMs: number;
  readonly samples: readonly number[];
  readonly grade: Grade;
  readonly quality: number;
  readonly history: boolean;
}

export type SilenceCause =
  | 'device-gone'
  | 'off-body'
  | 'sensor-fault'
  | 'stream-missing'
  | 'gateway-unreachable'
  | 'processor-behind'
  | 'consent-ended'
  | 'unsealed'
  | 'delayed'
  | 'charging'
  | 'planned-pause';

/** Facts that the stream processor publishes to the twin, in order per device. */
export type CareEvent =
  | {
      readonly kind: 'readings';
      readonly patient: string;
      readonly device: string;
      readonly eh: string;
      readonly seq: number;
      readonly readings: readonly Reading[];
    }
  | { readonly kind: 'wave'; readonly block: WaveBlock }
  /** An epoch was accepted for a patient's device: what it will send. */
  | {
      readonly kind: 'epoch';
      readonly patient: string;
      readonly device: string;
      readonly eh: string;
      readonly boot: number;
      readonly epoch: number;
      readonly atMs: number;
      readonly heartbeatMs: number;
      readonly segmentMs: number;
      readonly deviceKind: string;
      readonly streams: readonly EpochStream[];
      readonly history: boolean;
    }
  /** A heartbeat was opened: state of the device and of each of its streams. */
  | {
      readonly kind: 'heartbeat';
      readonly patient: string;
      readonly device: string;
      readonly eh: string;
      readonly seq: number;
      readonly atMs: number;
      readonly arrivedMs: number;
      readonly battery: number | null;
      readonly state: 'worn' | 'off-body' | 'charging' | 'shutdown';
      readonly streams: readonly {
        readonly stream: number;
        readonly last: number;
        readonly count: number;
        readonly contact: boolean;
        readonly fault: boolean;
        readonly paused: boolean;
      }[];
      readonly history: boolean;
    }
  /** Readings of these sequence numbers rose to this grade. */
  | {
      readonly kind: 'graded';
      readonly patient: string;
      readonly device: string;
      readonly eh: string;
      readonly sg: number;
      readonly first: number;
      readonly count: number;
      readonly grade: Grade;
    }
  /** Frames known to be missing; `proved` when a close with their leaves shows that they existed. */
  | {
      readonly kind: 'gap';
      readonly patient: string;
      readonly device: string;
      readonly eh: string;
      readonly stream: number | null;
      readonly first: number;
      readonly count: number;
      readonly proved: boolean;
      readonly atMs: number;
    }
  /** A whole epoch or segment failed a check: a technical alarm, never silent. */
  | {
      readonly kind: 'refused';
      readonly patient: string;
      readonly device: string;
      readonly refusal: string;
      readonly what: 'epoch' | 'frame' | 'segment';
      readonly atMs: number;
    }
  /** Hint from the edge about a device's link. */
  | {
      readonly kind: 'link';
      readonly patient: string;
      readonly device: string;
      readonly state: 'no-session' | 'session' | 'not-forwarded';
      readonly lastArrivalMs: number;
      readonly atMs: number;
    }
  /** The edge as such was heard at this time (every 5 s); its absence is a fact the twin's own timer sees. */
  | { readonly kind: 'edge-alive'; readonly atMs: number; readonly processorLagMs: number };

export interface EpochStream {
  readonly stream: number;
  readonly name: string;
  /** MDC codes of its items. */
  readonly codes: readonly number[];
  readonly streamClass: number;
  /** Expected time between frames, or null where values come on change or are charted. */
  readonly expectedIntervalMs: number | null;
  readonly charted: boolean;
}

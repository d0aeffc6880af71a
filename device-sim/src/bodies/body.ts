import type { FirmwareProfile } from '@pulseseal/firmware-profiles';

/** Values of one values or events stream at one moment; the map holds only what was measured. */
export interface ValuesSample {
  readonly kind: 'values';
  readonly stream: number;
  /** Data time, ms since the body's start. */
  readonly atMs: number;
  /** Item index -> integer in the item's scale. */
  readonly values: ReadonlyMap<number, number>;
  readonly urgent?: boolean;
}

/**
 * One full frame of a waveform stream: the block of every item, one after another in item order.
 * `atMs` is when the block is complete; its first sample lies blockSamples / rate earlier.
 */
export interface BlockSample {
  readonly kind: 'block';
  readonly stream: number;
  readonly atMs: number;
  /** 0 (nothing usable) to 100. */
  readonly quality: number;
  /** `missingSample` of the profiles stands for what was not measured. */
  readonly samples: Int16Array;
}

/** What one stream of one device delivers at one moment. */
export type Sample = ValuesSample | BlockSample;

export interface SensorState {
  readonly contact: boolean;
  readonly worn: 'worn' | 'off-body' | 'charging' | 'shutdown';
  readonly batteryPercent: number | null;
}

/** The sensors of one device on a body. */
export interface BodyDevice {
  /** What the card must say; a recording may name its own lead here. */
  readonly profile: FirmwareProfile;
  /** Ids of the streams that this body really feeds; the device opens no others. */
  readonly streams: readonly number[];
  /**
   * Data of (last call, toMs] in time order. Depends on seed and time alone, never on how calls cut the span.
   * Throws RangeError when toMs goes back or further ahead than `bodyLimits.maxAdvanceMs`.
   */
  advance(toMs: number): readonly Sample[];
  /** As of the last `advance`. */
  state(): SensorState;
  /** End of a recording; nothing comes after it. */
  readonly endMs?: number;
}

/** A labelled span of a recording. */
export interface Mark {
  readonly fromMs: number;
  readonly toMs: number;
  readonly label: string;
}

/** Whatever the sensors of one person stand on: generated physiology or a recording. */
export interface Body {
  readonly name: string;
  /** Name to show: a generated person (fictitious) or a recording, such as "ICU 132539". */
  readonly patient: string;
  readonly devices: readonly BodyDevice[];
  readonly record?: string;
  readonly scenario?: ScenarioName;
  readonly ageYears?: number;
  /** Channels of a recording that no profile carries, and other things the person who replays should know. */
  readonly notes?: readonly string[];
  /** What a recording's own labels say about spans of it. */
  readonly marks?: readonly Mark[];
}

export type ScenarioName = 'stable' | 'acute-desaturation' | 'sepsis' | 'af' | 'fall' | 'sensor-off';

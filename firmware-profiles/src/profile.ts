/** Device class: C1 microcontroller, C2 phone or hub, C3 bedside monitor. */
export type DeviceClass = 'C1' | 'C2' | 'C3';

/** Decimal scale of an item: value = (integer + offset) x m x 10^e, exact in decimal. */
export interface Scale {
  readonly m: number;
  readonly e: number;
  readonly offset: number;
}

/** Unit in both nomenclatures: IEEE 11073-10101 (dimension code) and UCUM. */
export interface Unit {
  readonly mdc: number;
  readonly ucum: string;
}

/** One kind of number that a stream carries; its place in the stream's list is its index on the wire. */
export interface ProfileItem {
  readonly name: string;
  /** IEEE 11073-10101 code as one integer (partition x 65,536 + term), or a project code (partition 1024). */
  readonly code: number;
  readonly loinc?: string;
  readonly unit: Unit;
  readonly scale: Scale;
  /** Values or samples per 1,000 s; 0 = no fixed rate (charted, on change). */
  readonly rateMilliHz: number;
  /** Samples of this item in one frame of a waveform stream; 1 in all others. */
  readonly blockSamples: number;
  /** 0 = raw signed 16-bit little-endian; the only codec of version 1. */
  readonly codec: 0;
  /** Body site (IEEE 11073-10101 partition 7), 0 = not said. */
  readonly site: number;
}

/**
 * One stream. Class 1 values and 3 events carry a map item index -> integer. Class 2 carries one block of every item,
 * one after another in item order (planar), so its `samples` has the sum of all `blockSamples`: the card says it all.
 */
export interface ProfileStream {
  /** 1..1023; stream 0 (heartbeat) is implicit. */
  readonly id: number;
  readonly name: string;
  readonly scope: number;
  readonly streamClass: 1 | 2 | 3;
  readonly padBytes: number;
  readonly items: readonly ProfileItem[];
  /** How often a frame is due; absent for charted and on-change streams. */
  readonly expectedIntervalMs?: number;
  /** Written down by a person now and then, so a value holds for hours. On the wire: rate 0 in the card. */
  readonly charted: boolean;
}

/** A consent category of the device; scope 0 (liveness) is implicit. */
export interface ProfileScope {
  readonly number: number;
  readonly category: string;
}

/** What one kind of wearable may send. Data only: a new kind needs no code. */
export interface FirmwareProfile {
  readonly name: string;
  readonly class: DeviceClass;
  readonly suite: 1 | 2;
  readonly model: string;
  readonly epochMs: number;
  readonly segmentMs: number;
  /** K: frames of a segment at most. */
  readonly maxSegmentFrames: number;
  readonly heartbeatMs: number;
  readonly ackTimeoutMs: number;
  /** Memory for frames not yet durably acknowledged. */
  readonly spoolBytes: number;
  /** Application bytes per hour that the radio and battery are planned for. */
  readonly byteBudgetPerHour: number;
  readonly scopes: readonly ProfileScope[];
  readonly streams: readonly ProfileStream[];
}

/**
 * Sample of a waveform block that was not measured (the mark that WFDB format 16 uses too). Measured ones are kept to
 * -32,767..32,767.
 */
export const missingSample = -32_768;

/** Number of a sent integer in the item's unit. Rounded once, at the end, so 3805 with e = -2 gives 38.05. */
export function toValue(scale: Scale, integer: number): number {
  const product = (integer + scale.offset) * scale.m;
  return scale.e < 0 ? product / 10 ** -scale.e : product * 10 ** scale.e;
}

/** The integer that stands for a value in the item's unit (nearest step). */
export function toInteger(scale: Scale, value: number): number {
  const steps = scale.e < 0 ? (value * 10 ** -scale.e) / scale.m : value / (scale.m * 10 ** scale.e);
  const nearest = Math.round(steps) - scale.offset;
  return nearest === 0 ? 0 : nearest;
}

/** Samples of one waveform frame, all items together. */
export function frameSamples(stream: ProfileStream): number {
  return stream.items.reduce((sum, item) => sum + item.blockSamples, 0);
}

import { codeEntry, codes } from '@pulseseal/firmware-profiles';
import type { Reading, Screening, ScreeningReason } from '@pulseseal/protocol';

/** Doubt about single values (clinical tables: plausible, invalid, rates of change). Pure: all memory is handed in. */
export interface ScreeningContext {
  /** Readings of the same frame (or row), this one among them. */
  readonly companions: readonly Reading[];
  /** The last reading of this code that was not invalid. */
  readonly previous: Reading | undefined;
  /** Values of this code in the last seconds, oldest first; goes beyond `previous`. */
  readonly recent?: readonly RecentValue[];
  readonly sensor?: SensorState;
}

export interface RecentValue {
  readonly value: number;
  readonly atMs: number;
}

/** What the device's heartbeats and waveforms say about the sensor behind a stream. */
export interface SensorState {
  readonly worn: boolean;
  readonly contact: boolean;
  readonly fault: boolean;
  /** The waveform behind the number is flat or poor. */
  readonly poorSignal: boolean;
}

const accepted: Screening = { verdict: 'accepted' };
const invalid = (reason: ScreeningReason): Screening => ({ verdict: 'invalid', reason });
const doubtful = (reason: ScreeningReason): Screening => ({ verdict: 'doubtful', reason });

const pressurePairs: ReadonlyMap<number, number> = new Map([
  [codes.nibpSystolic, codes.nibpDiastolic],
  [codes.nibpDiastolic, codes.nibpSystolic],
  [codes.abpSystolic, codes.abpDiastolic],
  [codes.abpDiastolic, codes.abpSystolic],
]);
const systolic: ReadonlySet<number> = new Set([codes.nibpSystolic, codes.abpSystolic]);

/**
 * The first reason that applies, gravest first. `invalid` values never reach a score, `doubtful` ones are shown marked.
 * Charted values were judged by a person beside the patient, so sensor state and rates of change do not doubt them.
 */
export function screen(reading: Reading, context: ScreeningContext): Screening {
  const entry = codeEntry(reading.code);
  if (entry === undefined) return invalid('code-unknown');
  if (entry.ucum !== reading.unit) return invalid('unit-mismatch');
  const { sensor } = context;
  if (sensor !== undefined && !reading.charted) {
    if (!sensor.worn) return invalid('off-body');
    if (sensor.fault) return invalid('sensor-fault');
    if (!sensor.contact) return invalid('no-contact');
  }
  const { value } = reading;
  const { valid, plausible } = entry;
  if (!Number.isFinite(value) || (valid !== undefined && (value < valid[0] || value > valid[1])))
    return invalid('out-of-range');
  if (isPressureUpsideDown(reading, context.companions)) return invalid('diastolic-not-below-systolic');
  if (!reading.charted && changesTooFast(reading, context)) return doubtful('rate-of-change');
  if (plausible !== undefined && (value < plausible[0] || value > plausible[1])) return doubtful('implausible');
  if (sensor?.poorSignal && !reading.charted) return doubtful('low-quality');
  return accepted;
}

function isPressureUpsideDown(reading: Reading, companions: readonly Reading[]): boolean {
  const other = pressurePairs.get(reading.code);
  const companion = other === undefined ? undefined : companions.find((known) => known.code === other);
  if (companion === undefined) return false;
  return systolic.has(reading.code) ? companion.value >= reading.value : reading.value >= companion.value;
}

function changesTooFast(reading: Reading, { previous, recent = [] }: ScreeningContext): boolean {
  const limit = codeEntry(reading.code)?.changeLimit;
  if (limit === undefined) return false;
  const exceeds = ({ value, atMs }: RecentValue): boolean => {
    const agoMs = reading.atMs - atMs;
    if (agoMs <= 0 || agoMs > limit.withinMs) return false;
    const change = reading.value - value;
    if (limit.direction === 'fall') return -change > limit.step;
    return (limit.direction === 'rise' ? change : Math.abs(change)) > limit.step;
  };
  return (previous !== undefined && exceeds(previous)) || recent.some(exceeds);
}

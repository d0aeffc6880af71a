import { codes } from '@pulseseal/firmware-profiles';
import { validity } from './limits.ts';
import type { News2, News2Observation, News2Parameter } from './news2.ts';
import { scoreNews2 } from './news2.ts';
import type { Held, Slot, Twin } from './state.ts';
import { mayScore } from './state.ts';

/** Which codes may stand for a parameter, best first. Heart rate from the ECG goes before the pulse of a wrist. */
const sources = {
  rr: [codes.respirationRate],
  spo2: [codes.spo2],
  sbp: [codes.abpSystolic, codes.nibpSystolic],
  pulse: [codes.heartRate, codes.pulseRate],
  temp: [codes.bodyTemperature],
} as const;

export type Vital = keyof typeof sources;

const vitalOf: ReadonlyMap<number, { readonly vital: Vital; readonly rank: number }> = new Map(
  (Object.keys(sources) as Vital[]).flatMap((vital) =>
    sources[vital].map((code, rank) => [code as number, { vital, rank }] as const),
  ),
);

const otherInputs: ReadonlySet<number> = new Set([
  codes.consciousness,
  codes.glasgowComaScore,
  codes.oxygenInUse,
  codes.inspiredOxygen,
  codes.mechanicalVentilation,
]);

/** Whether a code takes part in a rule or score. */
export function takesPart(code: number): boolean {
  return vitalOf.has(code) || otherInputs.has(code);
}

/** The NEWS2 parameter that a code stands for, or undefined. */
export function parameterOf(code: number): News2Parameter | undefined {
  const vital = vitalOf.get(code)?.vital;
  if (vital !== undefined) return vital;
  if (code === codes.consciousness || code === codes.glasgowComaScore) return 'acvpu';
  return otherInputs.has(code) ? 'oxygen' : undefined;
}

export function slotKey(code: number, device: string, charted: boolean): string {
  return `${code}/${charted ? 'c' : 's'}/${device}`;
}

export function staleAtMs(held: Held): number {
  if (held.charted) return held.effectiveMs + validity.chartedGreyMs;
  const interval = held.intervalMs ?? validity.unknownIntervalMs;
  return held.effectiveMs + Math.max(validity.minGreyMs, validity.greyIntervals * interval);
}

/** A value counts up to and including this time. */
export function expiresAtMs(held: Held): number {
  if (held.charted) return held.effectiveMs + validity.chartedMs;
  const interval = held.intervalMs ?? validity.unknownIntervalMs;
  return held.effectiveMs + Math.max(validity.minMs, validity.intervals * interval);
}

/**
 * How far a device's readings lie behind rule time because they come later than those of another one: it is judged in
 * its own time. 0 for charted values, whose time is a person's.
 */
export function behindMs(twin: Twin, held: Held): number {
  if (held.charted) return 0;
  return Math.max(0, (twin.devices[held.device]?.lagMs ?? 0) - (twin.lagMs ?? 0));
}

/** What rules look at: one valid value per parameter at one time, and the score of them. */
export interface ClinicalView {
  readonly atMs: number;
  readonly vitals: Readonly<Record<Vital, Held | null>>;
  readonly acvpu: Held | null;
  readonly oxygen: Held | null;
  /** Walking, by a step counter. */
  readonly isActive: boolean;
  /** Null where NEWS2 must not be computed (under 16). */
  readonly news2: News2 | null;
}

/** `scored`: everything accepted; may raise. `sealed`: only what a device signature covers; may clear. */
export type Evidence = 'scored' | 'sealed';

/** A device off the body, or a sensor without contact or at fault, says nothing about its patient. */
function isBelieved(twin: Twin, held: Held): boolean {
  const device = twin.devices[held.device];
  if (device === undefined) return true;
  if (device.state === 'off-body' || device.state === 'charging') return false;
  for (const stream of device.streams) {
    if (stream.badSinceWallMs !== null && stream.charted === held.charted && stream.codes.includes(held.code)) {
      return false;
    }
  }
  return true;
}

/** Streamed goes before charted; then the better source; charted ones by age, the newest first. */
function isBetter(a: Held, rankA: number, b: Held, rankB: number): boolean {
  if (a.charted !== b.charted) return b.charted;
  if (a.charted && a.effectiveMs !== b.effectiveMs) return a.effectiveMs > b.effectiveMs;
  if (rankA !== rankB) return rankA < rankB;
  return a.device < b.device;
}

function newer(a: Held, b: Held | null): boolean {
  return b === null || a.effectiveMs > b.effectiveMs;
}

/** The twin as its rules see it at `atMs`. Pure. */
export function viewOf(twin: Twin, atMs: number, evidence: Evidence): ClinicalView {
  const vitals: Record<Vital, Held | null> = { rr: null, spo2: null, sbp: null, pulse: null, temp: null };
  let acvpu: Held | null = null;
  let inUse: Held | null = null;
  let fraction: Held | null = null;
  let ventilated: Held | null = null;
  let isActive = false;
  for (const key in twin.slots) {
    const held = (twin.slots[key] as Slot)[evidence];
    if (held === null || !isBelieved(twin, held)) continue;
    // Evidence of an end has no such allowance.
    const extraMs = evidence === 'scored' ? behindMs(twin, held) : 0;
    if (atMs > expiresAtMs(held) + extraMs) continue;
    const source = vitalOf.get(held.code);
    if (source !== undefined) {
      const best = vitals[source.vital];
      if (best === null || isBetter(held, source.rank, best, vitalOf.get(best.code)!.rank)) vitals[source.vital] = held;
    } else if (held.code === codes.oxygenInUse) {
      if (newer(held, inUse)) inUse = held;
    } else if (held.code === codes.inspiredOxygen) {
      if (newer(held, fraction)) fraction = held;
    } else if (held.code === codes.mechanicalVentilation) {
      if (newer(held, ventilated)) ventilated = held;
    } else if (held.code === codes.steps) {
      if (held.value >= activeStepsPerMinute) isActive = true;
    } else if (held.code === codes.consciousness || held.code === codes.glasgowComaScore) {
      if (newer(held, acvpu)) acvpu = held;
    }
  }
  const oxygen = oxygenStatus(inUse, fraction, ventilated);
  const observation: News2Observation = {
    rr: vitals.rr?.text ?? null,
    spo2: vitals.spo2?.text ?? null,
    scale: twin.scale,
    oxygen: oxygen === null ? null : oxygen.on,
    sbp: vitals.sbp?.text ?? null,
    pulse: vitals.pulse?.text ?? null,
    acvpu: acvpu === null ? null : letterOf(acvpu),
    temp: vitals.temp?.text ?? null,
  };
  return {
    atMs,
    vitals,
    acvpu,
    oxygen: oxygen?.held ?? null,
    isActive,
    news2: mayScore(twin) ? scoreNews2(observation) : null,
  };
}

/** A few steps to the bed's end are fewer; a walk is 60 and more. */
const activeStepsPerMinute = 20;

/** Glasgow coma score 15 is Alert; less, without saying how, is new confusion. */
function letterOf(held: Held): 'A' | 'C' | 'V' | 'P' | 'U' {
  if (held.code === codes.glasgowComaScore) return held.value >= 15 ? 'A' : 'C';
  return (['A', 'C', 'V', 'P', 'U'] as const)[held.value] ?? 'C';
}

/** Room air has 21 % oxygen; more than 22 % inspired, or a ventilator, is supplemental oxygen. */
const roomAirMaxPercent = 22;

function oxygenStatus(inUse: Held | null, fraction: Held | null, ventilated: Held | null) {
  let given: Held | null = null;
  if (ventilated !== null && ventilated.value >= 1) given = ventilated;
  else if (fraction !== null && fraction.value > roomAirMaxPercent) given = fraction;
  // A person who charts "no oxygen" later than the last setting was read has taken it off.
  if (inUse !== null && (given === null || inUse.effectiveMs > given.effectiveMs || inUse.value >= 1)) {
    return { on: inUse.value >= 1, held: inUse };
  }
  if (given !== null) return { on: true, held: given };
  const said = fraction ?? ventilated;
  return said === null ? null : { on: false, held: said };
}

/** The value behind a NEWS2 parameter in a view. */
export function heldOf(view: ClinicalView, parameter: News2Parameter): Held | null {
  if (parameter === 'acvpu') return view.acvpu;
  if (parameter === 'oxygen') return view.oxygen;
  return view.vitals[parameter];
}

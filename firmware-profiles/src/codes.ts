import type { Unit } from './profile.ts';
import { units } from './units.ts';

const project = 1024 * 65_536;

/**
 * Codes of IEEE 11073-10101 that the profiles use, as partition x 65,536 + term, and project codes in its private
 * partition 1024 for what it has no term for.
 */
export const codes = {
  ecgLead: 131328,
  ecgLeadI: 131329,
  ecgLeadII: 131330,
  rrInterval: 147240,
  heartRate: 147842,
  pulseRate: 149530,
  nibpSystolic: 150021,
  nibpDiastolic: 150022,
  nibpMean: 150023,
  abpSystolic: 150037,
  abpDiastolic: 150038,
  abpMean: 150039,
  bodyTemperature: 150364,
  skinTemperature: 150388,
  perfusionIndex: 150448,
  pleth: 150452,
  spo2: 150456,
  respirationRate: 151562,
  inspiredOxygen: 152196,
  glasgowComaScore: 153728,
  accelerationX: project + 1,
  accelerationY: project + 2,
  accelerationZ: project + 3,
  /** 0 alert, 1 new confusion, 2 responds to voice, 3 to pain, 4 unresponsive (the letters of ACVPU). */
  consciousness: project + 4,
  /** 1 while supplemental oxygen is given by any means, else 0. */
  oxygenInUse: project + 5,
  /** 1 while mechanically ventilated, else 0. */
  mechanicalVentilation: project + 6,
  steps: project + 7,
} as const;

export type SignalName = keyof typeof codes;

/** Closed range. */
export type Range = readonly [low: number, high: number];

/** A change beyond `step` (in `direction`) within `withinMs` is an artifact, not physiology. */
export interface ChangeLimit {
  readonly step: number;
  readonly withinMs: number;
  readonly direction: 'any' | 'fall' | 'rise';
}

/** What every station knows about one signal, whatever device sent it. */
export interface CodeEntry {
  readonly code: number;
  readonly signal: SignalName;
  /** Words for a person. */
  readonly name: string;
  readonly loinc?: string;
  readonly ucum: string;
  readonly mdcUnit: number;
  readonly form: 'value' | 'waveform';
  /** Outside: flag for review. */
  readonly plausible?: Range;
  /** Outside: drop as artifact with reason. */
  readonly valid?: Range;
  /** How often a wearable sends it; absent for charted ones. The card of a device goes before this. */
  readonly expectedIntervalMs?: number;
  readonly changeLimit?: ChangeLimit;
}

const entry = (
  signal: SignalName,
  name: string,
  unit: Unit,
  rest: Omit<CodeEntry, 'code' | 'signal' | 'name' | 'ucum' | 'mdcUnit' | 'form'> & { form?: CodeEntry['form'] } = {},
): CodeEntry => ({
  code: codes[signal],
  signal,
  name,
  ucum: unit.ucum,
  mdcUnit: unit.mdc,
  form: 'value',
  ...rest,
});

const heart = {
  plausible: [25, 230],
  valid: [20, 250],
  expectedIntervalMs: 1000,
  changeLimit: { step: 40, withinMs: 5000, direction: 'any' },
} as const;
const systolic = { loinc: '8480-6', plausible: [60, 260], valid: [30, 300] } as const;
const diastolic = { loinc: '8462-4', plausible: [30, 150], valid: [30, 300] } as const;
const mean = { loinc: '8478-0', plausible: [40, 190], valid: [30, 300] } as const;
const ecg = { form: 'waveform', loinc: '11524-6', plausible: [-5000, 5000], expectedIntervalMs: 1000 } as const;
const acceleration = { form: 'waveform', plausible: [-157, 157], expectedIntervalMs: 1000 } as const;

/** The table of clinical signals: plausible and invalid ranges, rates of change. Diastolic >= systolic is invalid too. */
export const codeTable: readonly CodeEntry[] = [
  entry('heartRate', 'heart rate', units.perMinute, { loinc: '8867-4', ...heart }),
  entry('pulseRate', 'pulse rate', units.perMinute, { loinc: '8867-4', ...heart }),
  entry('rrInterval', 'RR interval', units.millisecond, {
    loinc: '8637-1',
    plausible: [250, 2500],
    valid: [200, 3000],
    expectedIntervalMs: 1000,
  }),
  entry('respirationRate', 'breathing rate', units.breathsPerMinute, {
    loinc: '9279-1',
    plausible: [4, 60],
    valid: [2, 70],
    expectedIntervalMs: 60_000,
  }),
  entry('spo2', 'oxygen saturation', units.percent, {
    loinc: '59408-5',
    plausible: [60, 100],
    valid: [50, 100],
    expectedIntervalMs: 1000,
    changeLimit: { step: 8, withinMs: 4000, direction: 'fall' },
  }),
  entry('inspiredOxygen', 'inspired oxygen', units.percent, {
    loinc: '3150-6',
    plausible: [21, 100],
    valid: [21, 100],
  }),
  entry('oxygenInUse', 'on oxygen', units.one, { plausible: [0, 1], valid: [0, 1] }),
  entry('mechanicalVentilation', 'ventilated', units.one, { plausible: [0, 1], valid: [0, 1] }),
  entry('bodyTemperature', 'temperature', units.celsius, { loinc: '8310-5', plausible: [32, 42], valid: [28, 44] }),
  entry('skinTemperature', 'skin temperature', units.celsius, {
    loinc: '39106-0',
    plausible: [20, 41],
    valid: [10, 45],
    expectedIntervalMs: 60_000,
    changeLimit: { step: 0.5, withinMs: 10_000, direction: 'any' },
  }),
  entry('nibpSystolic', 'systolic pressure (cuff)', units.mmHg, systolic),
  entry('nibpDiastolic', 'diastolic pressure (cuff)', units.mmHg, diastolic),
  entry('nibpMean', 'mean pressure (cuff)', units.mmHg, mean),
  entry('abpSystolic', 'systolic pressure (arterial)', units.mmHg, systolic),
  entry('abpDiastolic', 'diastolic pressure (arterial)', units.mmHg, diastolic),
  entry('abpMean', 'mean pressure (arterial)', units.mmHg, mean),
  entry('consciousness', 'consciousness', units.score, { loinc: '67775-7', plausible: [0, 4], valid: [0, 4] }),
  entry('glasgowComaScore', 'Glasgow coma score', units.score, {
    loinc: '9269-2',
    plausible: [3, 15],
    valid: [3, 15],
  }),
  entry('perfusionIndex', 'perfusion index', units.percent, {
    loinc: '61006-3',
    plausible: [0.1, 20],
    valid: [0.05, 100],
    expectedIntervalMs: 1000,
  }),
  entry('pleth', 'pulse wave', units.normalized, { form: 'waveform', expectedIntervalMs: 1000 }),
  entry('ecgLead', 'ECG', units.microvolt, ecg),
  entry('ecgLeadI', 'ECG lead I', units.microvolt, ecg),
  entry('ecgLeadII', 'ECG lead II', units.microvolt, ecg),
  entry('accelerationX', 'acceleration x', units.metrePerSecondSquared, acceleration),
  entry('accelerationY', 'acceleration y', units.metrePerSecondSquared, acceleration),
  entry('accelerationZ', 'acceleration z', units.metrePerSecondSquared, acceleration),
  entry('steps', 'steps', units.steps, {
    loinc: '55423-8',
    plausible: [0, 300],
    valid: [0, 1000],
    expectedIntervalMs: 60_000,
  }),
];

const byCode: ReadonlyMap<number, CodeEntry> = new Map(codeTable.map((row) => [row.code, row]));

/** Entry of a code, or undefined for one the product does not know (kept raw, never scored). */
export function codeEntry(code: number): CodeEntry | undefined {
  return byCode.get(code);
}

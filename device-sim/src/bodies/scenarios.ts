import type { Random } from '@pulseseal/runtime';
import type { ScenarioName } from './body.ts';
import { between, clamp } from './noise.ts';

/** What a scenario adds to the base of a person at one moment. */
export interface Effect {
  readonly heartRate: number;
  readonly respiration: number;
  readonly spo2: number;
  /** Share of the usual SpO2 noise; small while the fall itself dominates. */
  readonly spo2Noise: number;
  readonly systolic: number;
  readonly temperature: number;
  readonly skinTemperature: number;
  /** Share of the usual beat-to-beat variation. */
  readonly variability: number;
  /** Coefficient of variation of RR in atrial fibrillation, 0 in sinus rhythm. */
  readonly irregularity: number;
  readonly strapWorn: boolean;
}

export interface Scenario {
  readonly name: ScenarioName;
  /** Effect at `seconds` since onset (negative: not yet). */
  effect(seconds: number): Effect;
}

const none: Effect = {
  heartRate: 0,
  respiration: 0,
  spo2: 0,
  spo2Noise: 1,
  systolic: 0,
  temperature: 0,
  skinTemperature: 0,
  variability: 1,
  irregularity: 0,
  strapWorn: true,
};

const hourS = 3600;
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const ramp = (seconds: number, fromS: number, overS: number): number => clamp((seconds - fromS) / overS, 0, 1);

/** Dynamics of the scenario table of the clinical design; the seed draws the sizes within its ranges. */
export function createScenario(name: ScenarioName, random: Random, ageYears: number): Scenario {
  const builders: Record<ScenarioName, () => Scenario['effect']> = {
    stable: () => () => none,
    'acute-desaturation': () => desaturation(),
    sepsis: () => sepsis(random, ageYears),
    af: () => fibrillation(random),
    fall: () => afterFall(random),
    'sensor-off': () => (seconds) => (seconds < 0 ? none : { ...none, strapWorn: false }),
  };
  return { name, effect: builders[name]() };
}

/** SpO2 falls exponentially by 19 points (97 to 78), tau 90 s; breathing and heart follow. */
function desaturation(): Scenario['effect'] {
  return (seconds) => {
    if (seconds < 0) return none;
    const depth = 1 - Math.exp(-seconds / 90);
    return { ...none, spo2: -19 * depth, spo2Noise: 0.05, heartRate: 22 * depth, respiration: 9 * depth };
  };
}

/** Breathing first (midpoint 3 h), then heart (4 h), fever over 4-8 h, SpO2 from 4 h, pressure from 6 h. */
function sepsis(random: Random, ageYears: number): Scenario['effect'] {
  const cold = ageYears >= 75 && random.unit() < 0.15;
  const feverEnd = cold ? between(random, -1.3, -1.1) : between(random, 2.0, 2.6);
  const feverOverS = between(random, 4, 5.5) * hourS;
  const heart = between(random, 40, 50);
  const breath = between(random, 12, 14);
  const pressure = between(random, 35, 50);
  const oxygen = between(random, 5, 6);
  return (seconds) => {
    if (seconds < 0) return none;
    const hours = seconds / hourS;
    const fever = feverEnd * ramp(seconds, 0, feverOverS);
    const shock = logistic((hours - 7) / 0.4);
    return {
      ...none,
      heartRate: heart * logistic((hours - 4) / 0.6),
      respiration: breath * logistic((hours - 3) / 0.6),
      temperature: fever,
      skinTemperature: 0.8 * fever * (1 - shock) - 2.5 * shock,
      spo2: -oxygen * ramp(seconds, 4 * hourS, 2 * hourS),
      systolic: -pressure * shock,
      variability: 1 - 0.4 * ramp(seconds, 2 * hourS, hourS),
    };
  };
}

/** Rhythm turns irregular within one beat, without P waves; the rate of a treated patient (below 91). */
function fibrillation(random: Random): Scenario['effect'] {
  const irregularity = between(random, 0.18, 0.28);
  return (seconds) => (seconds < 0 ? none : { ...none, heartRate: 6, irregularity });
}

/** The heart after a fall: +15 to +25 for five minutes. The fall itself is in the acceleration. */
function afterFall(random: Random): Scenario['effect'] {
  const rise = between(random, 15, 25);
  return (seconds) =>
    seconds < 0 ? none : { ...none, heartRate: rise * ramp(seconds, 0, 10) * (1 - ramp(seconds, 300, 120)) };
}

import type { Random } from '@pulseseal/runtime';
import { createSeededRandom } from '@pulseseal/runtime';
import { between, clamp, createDrift } from './noise.ts';
import type { PersonPlan } from './person.ts';
import type { Effect } from './scenarios.ts';
import { createScenario } from './scenarios.ts';

/** The true state of a generated person in one second, in clinical units. */
export interface Vitals {
  readonly heartRate: number;
  readonly respiration: number;
  readonly spo2: number;
  readonly systolic: number;
  readonly diastolic: number;
  readonly mean: number;
  readonly temperature: number;
  readonly skinTemperature: number;
  readonly perfusionIndex: number;
  /** 0 still to 1 brisk. */
  readonly activity: number;
  readonly effect: Effect;
  /** Seconds since the scenario's onset, negative before. */
  readonly scenarioS: number;
}

export interface Physiology {
  /** State in second `s` (0, 1, ...); seconds must not go back. */
  at(s: number): Vitals;
}

/**
 * One second after another from the plan's seed: every device of a person keeps its own copy and all see the same
 * person, in whatever order they are asked.
 */
export function createPhysiology(plan: PersonPlan, startHour: number): Physiology {
  const root = createSeededRandom(plan.seed);
  const scenario = createScenario(plan.scenario, root.fork('scenario'), plan.ageYears);
  const shape = root.fork('rhythm of the day');
  const nightDip = between(shape, 8, 12);
  const heartNoise = createDrift(root.fork('heart noise'), 3, 60);
  const breathNoise = createDrift(root.fork('breath noise'), 1.5, 60);
  const spo2Noise = createDrift(root.fork('spo2 noise'), 0.6, 30);
  const systolicNoise = createDrift(root.fork('systolic noise'), 6, 120);
  const temperatureNoise = createDrift(root.fork('temperature noise'), 0.05, 300);
  const activity = createActivity(root.fork('activity'), plan.activityRise);

  const step = (s: number): Vitals => {
    const hour = (startHour + s / 3600) % 24;
    const scenarioS = plan.enteredAtMs / 1000 + s;
    const effect = scenario.effect(scenarioS);
    const still = plan.scenario === 'fall' && scenarioS >= 0;
    const burst = activity(hour, still);
    const dip = (nightDip * (1 + Math.cos((2 * Math.PI * (hour - 4)) / 24))) / 2;
    const systolic = plan.systolic + clamp(systolicNoise(), -12, 12) + effect.systolic + 0.2 * burst;
    const diastolic = 0.45 * systolic + 24;
    const temperature =
      plan.temperature + 0.35 * Math.cos((2 * Math.PI * (hour - 17)) / 24) + temperatureNoise() + effect.temperature;
    return {
      heartRate: clamp(plan.heartRate - dip + heartNoise() + burst + effect.heartRate, 25, 220),
      respiration: clamp(plan.respiration + clamp(breathNoise(), -3, 3) + burst / 12 + effect.respiration, 4, 60),
      spo2: clamp(plan.spo2 + spo2Noise() * effect.spo2Noise + effect.spo2, 50, 100),
      systolic,
      diastolic,
      mean: diastolic + (systolic - diastolic) / 3,
      temperature,
      skinTemperature: temperature - 3.6 + effect.skinTemperature - effect.temperature,
      perfusionIndex: clamp(2.5 + systolicNoiseShare(systolic, plan.systolic), 0.3, 8),
      activity: burst / 60,
      effect,
      scenarioS,
    };
  };
  let done = -1;
  let now: Vitals | undefined;
  return {
    at(s) {
      if (s < done) throw new RangeError('physiology does not go back');
      while (done < s || now === undefined) now = step(++done);
      return now;
    },
  };
}

const systolicNoiseShare = (systolic: number, base: number): number => (systolic - base) / 25;

/** Bursts of activity by day, one in half an hour, one to four minutes long; tau 40 s up, 90 s down. */
function createActivity(random: Random, greatestRise: number): (hour: number, still: boolean) => number {
  let leftS = 0;
  let target = 0;
  let level = 0;
  return (hour, still) => {
    const start = random.unit() < 1 / 1800;
    if (leftS > 0) leftS -= 1;
    else if (start && hour >= 7 && hour < 22) {
      leftS = Math.round(between(random, 60, 240));
      target = between(random, 15, greatestRise);
    }
    const aim = leftS > 0 && !still ? target : 0;
    level += (aim - level) * (1 - Math.exp(-1 / (aim > level ? 40 : 90)));
    return level;
  };
}

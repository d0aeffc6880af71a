import type { FirmwareProfile } from '@pulseseal/firmware-profiles';
import { bedsideHub, chestStrap, wristBand } from '@pulseseal/firmware-profiles';
import { createSeededRandom } from '@pulseseal/runtime';
import type { Body, ScenarioName } from './body.ts';
import type { GeneratedSettings } from './generated-device.ts';
import { createGeneratedDevice, defaultGenerated } from './generated-device.ts';
import { bodyLimits } from './limits.ts';
import type { PersonPlan } from './person.ts';
import { drawPerson, fictitiousNames } from './person.ts';

/** A circle of generated patients; every setting has a default. */
export interface CircleOptions extends Partial<GeneratedSettings> {
  /** Devices of each person. */
  readonly profiles?: readonly FirmwareProfile[];
}

interface Part {
  readonly scenario: ScenarioName;
  readonly enteredAtMs: number;
  readonly fixed?: Parameters<typeof drawPerson>[4];
}

/**
 * The parts of the demo. The fall of saturation is entered 207 s after its onset, about 20 s before the band shows
 * 79 %; sepsis in its sixth hour, where NEWS2 is 7 or more with every set; the strap comes off after 17 s.
 */
const demoParts: readonly Part[] = [
  { scenario: 'acute-desaturation', enteredAtMs: 207_000, fixed: { spo2: 97 } },
  {
    scenario: 'sepsis',
    enteredAtMs: 5.8 * 3_600_000,
    fixed: { systolic: 104, heartRate: 78, respiration: 16, spo2: 97 },
  },
  { scenario: 'sensor-off', enteredAtMs: -17_000 },
  { scenario: 'af', enteredAtMs: 600_000, fixed: { heartRate: 74, activityRise: 15 } },
  { scenario: 'fall', enteredAtMs: -45_000 },
];

/** Bodies of one generated person. */
export function createGeneratedBody(
  plan: PersonPlan,
  profiles: readonly FirmwareProfile[] = [chestStrap, wristBand, bedsideHub],
  settings: GeneratedSettings = defaultGenerated,
): Body {
  return {
    name: `generated-${plan.seed.toString(16).padStart(8, '0')}`,
    patient: plan.name,
    devices: profiles.map((profile) => createGeneratedDevice(profile, plan, settings)),
    scenario: plan.scenario,
    ageYears: plan.ageYears,
  };
}

/**
 * `count` generated people, the same for the same seed: acute desaturation, sepsis, strap taken off, AF, fall, and all
 * others stable. Each has a strap, a band and a hub unless `profiles` says otherwise.
 */
export function createDemoCircle(count: number, seed: number, options: CircleOptions = {}): readonly Body[] {
  if (!Number.isInteger(count) || count < 0 || count > bodyLimits.maxPatients)
    throw new RangeError(`a circle has 0 to ${bodyLimits.maxPatients} patients`);
  const { profiles, ...settings } = options;
  const random = createSeededRandom(seed);
  const names = fictitiousNames(count, random.fork('names'));
  return names.map((name, i) => {
    const part = demoParts[i] ?? { scenario: 'stable', enteredAtMs: 0 };
    const personSeed = Math.floor(random.fork(`person ${i}`).unit() * 2 ** 32);
    const plan = drawPerson(personSeed, name, part.scenario, part.enteredAtMs, part.fixed);
    return createGeneratedBody(plan, profiles, { ...defaultGenerated, ...settings });
  });
}

import type { Random } from '@pulseseal/runtime';
import { createSeededRandom, normal } from '@pulseseal/runtime';
import type { ScenarioName } from './body.ts';
import { clamp } from './noise.ts';

/** A generated person's own normal and scenario. */
export interface PersonPlan {
  readonly seed: number;
  readonly name: string;
  readonly ageYears: number;
  readonly heartRate: number;
  readonly respiration: number;
  readonly spo2: number;
  readonly temperature: number;
  readonly systolic: number;
  /** Greatest rise of the heart rate in activity. */
  readonly activityRise: number;
  readonly scenario: ScenarioName;
  /** Scenario time at data time 0: negative = onset comes that much later, positive = entered on the way. */
  readonly enteredAtMs: number;
}

const first =
  'Amber Basil Clementine Dorian Elm Fern Garnet Hazel Indigo Juniper Kestrel Linden Marigold Nimbus Olive Pepper Quill Rowan Saffron Tansy Umber Violet Willow Yarrow'.split(
    ' ',
  );
const last =
  'Applegarth Bramblewick Candlewood Dewberry Evergale Fiddlestone Goosefeather Honeymead Inkwell Jamwright Kettlebrook Lanternhill Mossworthy Nettlefield Oatcake Pebblebank Quickthorn Ravenscone Saltmarsh Teacake Underhedge Vinegarden Whistledown Yellowhammer'.split(
    ' ',
  );

/** Invented names, all different, in an order that the seed gives. */
export function fictitiousNames(count: number, random: Random): readonly string[] {
  const pairs = first.flatMap((a) => last.map((b) => `${a} ${b}`));
  shuffle(pairs, random);
  return Array.from({ length: count }, (_, i) =>
    i < pairs.length ? pairs[i]! : `${pairs[i % pairs.length]} ${Math.floor(i / pairs.length) + 1}`,
  );
}

/** Fisher and Yates, in place. */
export function shuffle<T>(list: T[], random: Random): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random.unit() * (i + 1));
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
}

/**
 * Draws a person from the base distributions of the clinical design: HR N(72, 9), breathing N(15, 2), SpO2 97,
 * temperature N(36.7, 0.25), systolic N(126, 14). The people of a circle are kept to the part of them that scores
 * NEWS2 0 at rest day and night, so that only a scenario alerts.
 */
export function drawPerson(
  seed: number,
  name: string,
  scenario: ScenarioName,
  enteredAtMs: number,
  fixed: Partial<
    Pick<PersonPlan, 'systolic' | 'spo2' | 'heartRate' | 'respiration' | 'temperature' | 'ageYears' | 'activityRise'>
  > = {},
): PersonPlan {
  const random = createSeededRandom(seed).fork('person');
  const heartRate = clamp(normal(random, 72, 9), 66, 80);
  return {
    seed,
    name,
    ageYears: 20 + Math.floor(random.unit() * 71),
    heartRate,
    respiration: clamp(normal(random, 15, 2), 13, 16.5),
    spo2: random.unit() < 0.7 ? 97.4 : 98,
    temperature: clamp(normal(random, 36.7, 0.25), 36.65, 37.2),
    systolic: clamp(normal(random, 126, 14), 126, 150),
    activityRise: clamp(104 - heartRate, 15, 60),
    scenario,
    enteredAtMs,
    ...fixed,
  };
}

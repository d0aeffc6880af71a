import type { FirmwareProfile } from '@pulseseal/firmware-profiles';
import { codes } from '@pulseseal/firmware-profiles';
import { createSeededRandom } from '@pulseseal/runtime';
import { createAcceleration } from './acceleration.ts';
import { createDropouts } from './dropouts.ts';
import { createEcgModel } from './ecg-model.ts';
import type { GeneratedSettings } from './generated-device.ts';
import { createBeatCursor, createHeart } from './heart.ts';
import { between } from './noise.ts';
import type { PersonPlan } from './person.ts';
import { createPhysiology } from './physiology.ts';
import { pulseDelayMs, pulseWave } from './pulse-wave.ts';

/** What the sensors of one device measure, by code of the table. Times must not go back by more than a block. */
export interface Sensors {
  knows(code: number): boolean;
  /** Value in the table's unit, or undefined when nothing was measured. */
  value(code: number, atMs: number): number | undefined;
  /** Quality of the block that begins now, 0 to 100. */
  startBlock(code: number, fromMs: number): number;
  wave(code: number, tMs: number, noise: number, quality: number): number;
  worn(atMs: number): boolean;
  /** A short loss of contact while worn. */
  dropped(atMs: number): boolean;
}

const axes: ReadonlyMap<number, 0 | 1 | 2> = new Map([
  [codes.accelerationX, 0],
  [codes.accelerationY, 1],
  [codes.accelerationZ, 2],
]);
const ecgCodes: ReadonlySet<number> = new Set([codes.ecgLead, codes.ecgLeadI, codes.ecgLeadII]);

/** Each group of sensors walks its own copy of the person, because blocks and values reach different times. */
export function createSensors(plan: PersonPlan, settings: GeneratedSettings, profile: FirmwareProfile): Sensors {
  const root = createSeededRandom(plan.seed);
  const person = () => createPhysiology(plan, settings.startHour);
  const heart = () => createBeatCursor(createHeart(person(), root.fork('heart')));
  const own = root.fork(`sensors ${profile.name}`);
  const amplitudeUv = between(own, 800, 1400);
  const wanderPhase = between(own, 0, 2 * Math.PI);
  const hasEcg = profile.streams.some((stream) => stream.items.some((item) => ecgCodes.has(item.code)));

  const vitals = person();
  const counted = heart();
  const ecg = createEcgModel();
  const beatsFor = perKey(heart);
  const movement = person();
  const acceleration = createAcceleration(root.fork(`acceleration ${profile.name}`));
  const dropouts = createDropouts(root.fork(`dropouts ${profile.name}`), settings.dropoutsPerDay);
  const artifacts = root.fork(`artifacts ${profile.name}`);
  const blocksFor = perKey(person);

  const worn = (atMs: number): boolean => !(hasEcg && plan.scenario === 'sensor-off' && plan.enteredAtMs + atMs >= 0);
  const touching = (atMs: number): boolean => worn(atMs) && !dropouts.at(atMs);

  const rate = (atMs: number): number | undefined => {
    counted.at(atMs);
    return counted.rate();
  };
  const readings = new Map<number, (atMs: number) => number | undefined>([
    [codes.heartRate, rate],
    // The wrist misses some beats of fibrillation: the pulse deficit.
    [
      codes.pulseRate,
      (atMs) => {
        const now = rate(atMs);
        return now === undefined ? undefined : now - (vitalsAt(atMs).effect.irregularity > 0 ? 6 : 0);
      },
    ],
    [
      codes.rrInterval,
      (atMs) => {
        counted.at(atMs);
        return counted.lastRrMs();
      },
    ],
    [codes.spo2, (atMs) => vitalsAt(atMs).spo2],
    [codes.perfusionIndex, (atMs) => vitalsAt(atMs).perfusionIndex],
    [codes.respirationRate, (atMs) => vitalsAt(atMs).respiration],
    [codes.skinTemperature, (atMs) => vitalsAt(atMs).skinTemperature],
    [codes.bodyTemperature, (atMs) => Math.round(vitalsAt(atMs).temperature * 10) / 10],
    [codes.nibpSystolic, (atMs) => Math.round(vitalsAt(atMs).systolic)],
    [codes.nibpDiastolic, (atMs) => Math.round(vitalsAt(atMs).diastolic)],
    [codes.nibpMean, (atMs) => Math.round(vitalsAt(atMs).mean)],
    [codes.oxygenInUse, () => 0],
    [codes.consciousness, () => 0],
    [codes.steps, (atMs) => (vitalsAt(atMs).activity > 0.05 ? 108 * Math.min(1, vitalsAt(atMs).activity * 1.4) : 0)],
  ]);
  function vitalsAt(atMs: number) {
    return vitals.at(Math.floor(atMs / 1000));
  }
  const staffMeasured: ReadonlySet<number> = new Set([
    codes.bodyTemperature,
    codes.nibpSystolic,
    codes.nibpDiastolic,
    codes.nibpMean,
    codes.oxygenInUse,
    codes.consciousness,
  ]);
  const waves = new Set<number>([...ecgCodes, codes.pleth, ...axes.keys()]);
  return {
    knows: (code) => readings.has(code) || waves.has(code),
    value(code, atMs) {
      if (!staffMeasured.has(code) && !touching(atMs)) return undefined;
      return readings.get(code)?.(atMs);
    },
    startBlock(code, fromMs) {
      if (axes.has(code)) return 100;
      if (!touching(fromMs)) return 0;
      const { activity } = blocksFor(code).at(Math.floor(fromMs / 1000));
      const spoiled = activity > 0.1 && artifacts.unit() < settings.motionArtifacts;
      return spoiled ? 35 : 95;
    },
    wave(code, tMs, noise, quality) {
      const axis = axes.get(code);
      if (axis !== undefined) {
        const { activity, scenarioS } = movement.at(Math.floor(tMs / 1000));
        const falls = plan.scenario === 'fall' && scenarioS >= -1;
        return acceleration(
          axis,
          tMs,
          { activity, loose: !worn(tMs), ...(falls ? { sinceFallMs: plan.enteredAtMs + tMs } : {}) },
          noise,
        );
      }
      const rough = quality < 50 ? 12 : 1;
      if (code === codes.pleth) {
        if (!touching(tMs)) return 0;
        const late = Math.max(0, tMs - pulseDelayMs);
        return pulseWave(beatsFor(code).at(late), late) + 0.006 * rough * noise;
      }
      if (!touching(tMs)) return 0;
      const beat = beatsFor(code).at(tMs);
      const flutter = beat.fibrillating ? 35 * Math.sin((2 * Math.PI * tMs * 6.3) / 1000 + Math.sin(tMs / 700)) : 0;
      const wander = 60 * Math.sin((2 * Math.PI * tMs * 0.25) / 1000 + wanderPhase);
      return amplitudeUv * ecg(beat, tMs) + wander + flutter + 8 * rough * noise;
    },
    worn,
    dropped: (atMs) => dropouts.at(atMs),
  };
}

/** One walker for each waveform: blocks of different length reach different times. */
function perKey<T>(make: () => T): (key: number) => T {
  const made = new Map<number, T>();
  return (key) => {
    const known = made.get(key) ?? make();
    made.set(key, known);
    return known;
  };
}

import type { FirmwareProfile, ProfileStream } from '@pulseseal/firmware-profiles';
import { frameSamples, toInteger } from '@pulseseal/firmware-profiles';
import { createSeededRandom } from '@pulseseal/runtime';
import type { BodyDevice, SensorState } from './body.ts';
import { clamp, createNoiseTable } from './noise.ts';
import type { PersonPlan } from './person.ts';
import type { Feed } from './schedule.ts';
import { createSchedule } from './schedule.ts';
import { createSensors } from './sensors.ts';
import { createUrgency } from './urgency.ts';

/** How a generated device behaves beside its profile. */
export interface GeneratedSettings {
  /** Clock hour at data time 0, for the rhythms of the day. */
  readonly startHour: number;
  /** Time between two sets of charted values. */
  readonly chartedIntervalMs: number;
  /** Short losses of contact of the optical and electrical sensors, a day (clinical design: 4). 0 = none. */
  readonly dropoutsPerDay: number;
  /** Chance that activity spoils a second of a waveform. 0 = none. */
  readonly motionArtifacts: number;
}

export const defaultGenerated: GeneratedSettings = {
  startHour: 10,
  chartedIntervalMs: 300_000,
  dropoutsPerDay: 0,
  motionArtifacts: 0,
};

/**
 * Sensors of one device on a generated person, for any profile: streams with an item that the model does not know are
 * left out (charted ones send the items it knows), and charted streams that repeat what the device streams anyway.
 */
export function createGeneratedDevice(
  profile: FirmwareProfile,
  plan: PersonPlan,
  settings: GeneratedSettings = defaultGenerated,
): BodyDevice {
  const random = createSeededRandom(plan.seed).fork(`device ${profile.name}`);
  const sensors = createSensors(plan, settings, profile);
  const noise = createNoiseTable(random);
  const streamed = new Set(profile.streams.flatMap((s) => (s.charted ? [] : s.items.map((item) => item.code))));
  const streams = profile.streams.filter(
    (stream) =>
      stream.items[stream.charted ? 'some' : 'every']((item) => sensors.knows(item.code)) &&
      !(stream.charted && stream.items.every((item) => streamed.has(item.code))),
  );
  // Devices start at different places of the second, so that a fleet does not publish in one burst.
  const phaseMs = Math.floor(random.unit() * 1000);

  const valuesFeed = (stream: ProfileStream): Feed => {
    const periodMs = stream.expectedIntervalMs ?? settings.chartedIntervalMs;
    let dueMs = 1000 + phaseMs + (periodMs > 1000 ? 1000 : 0);
    const alarm = createUrgency();
    return {
      dueMs: () => dueMs,
      take() {
        const atMs = dueMs;
        dueMs += periodMs;
        const values = new Map<number, number>();
        stream.items.forEach((item, index) => {
          const value = sensors.value(item.code, atMs);
          if (value !== undefined) values.set(index, toInteger(item.scale, value));
        });
        if (values.size === 0) return undefined;
        const urgent = alarm(stream, values, atMs);
        return { kind: 'values', stream: stream.id, atMs, values, ...(urgent ? { urgent } : {}) };
      },
    };
  };

  const blockFeed = (stream: ProfileStream): Feed => {
    const periodMs = (stream.items[0]!.blockSamples * 1_000_000) / stream.items[0]!.rateMilliHz;
    let dueMs = periodMs + phaseMs;
    return {
      dueMs: () => dueMs,
      take() {
        const atMs = dueMs;
        const fromMs = dueMs - periodMs;
        dueMs += periodMs;
        const samples = new Int16Array(frameSamples(stream));
        const quality = sensors.startBlock(stream.items[0]!.code, fromMs);
        noise.startBlock();
        let n = 0;
        // Sample by sample across the items, because the sensors follow time and do not go back.
        const { blockSamples } = stream.items[0]!;
        for (let i = 0; i < blockSamples; i++) {
          const tMs = fromMs + (i * periodMs) / blockSamples;
          n = 0;
          for (const item of stream.items) {
            const value = sensors.wave(item.code, tMs, noise.next(), quality);
            samples[n + i] = clamp(toInteger(item.scale, value), -32_767, 32_767);
            n += item.blockSamples;
          }
        }
        return { kind: 'block', stream: stream.id, atMs, quality, samples };
      },
    };
  };

  const schedule = createSchedule(
    streams.map((stream) => (stream.streamClass === 2 ? blockFeed(stream) : valuesFeed(stream))),
  );
  const batteryAtStart = 70 + Math.floor(random.unit() * 30);
  return {
    profile,
    streams: streams.map((stream) => stream.id),
    advance: schedule.advance,
    state(): SensorState {
      const nowMs = schedule.nowMs();
      const worn = sensors.worn(nowMs);
      // About five days a charge.
      const batteryPercent =
        profile.class === 'C1' ? Math.max(5, Math.round(batteryAtStart - nowMs / 4_320_000)) : null;
      return { contact: worn && !sensors.dropped(nowMs), worn: worn ? 'worn' : 'off-body', batteryPercent };
    },
  };
}

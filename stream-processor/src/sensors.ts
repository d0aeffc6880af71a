import { codeEntry, codes } from '@pulseseal/firmware-profiles';
import { BEAT_FLAG, type Beat, type Reading } from '@pulseseal/protocol';
import { limits } from './limits.ts';
import type { RecentValue, SensorState } from './screening.ts';

/** What one device's sensors are known to be in, for screening. Handed to `screen`, never hidden in it. */
export interface SensorMemory {
  beat(beat: Beat, seq: number): void;
  /** A waveform block; true when the signal is usable. */
  wave(code: number, samples: Int16Array, rateHz: number, quality: number): boolean;
  stateFor(stream: number, code: number): SensorState;
  recent(code: number): readonly RecentValue[];
  previous(code: number): Reading | undefined;
  keep(reading: Reading): void;
}

/** Longer than this without any change is no living signal (clinical tables: flat 2 s). */
const FLAT_MS = 2_000;
const LEAST_QUALITY = 20;
const MISSING = -32_768;
const RAIL = 32_767;

const waveBehind: ReadonlyMap<number, readonly number[]> = new Map([
  [codes.heartRate, [codes.ecgLead, codes.ecgLeadI, codes.ecgLeadII]],
  [codes.rrInterval, [codes.ecgLead, codes.ecgLeadI, codes.ecgLeadII]],
  [codes.spo2, [codes.pleth]],
  [codes.pulseRate, [codes.pleth]],
  [codes.perfusionIndex, [codes.pleth]],
]);

interface WaveState {
  lastSample: number;
  flatForMs: number;
  poor: boolean;
}

export function createSensorMemory(): SensorMemory {
  const flags = new Map<number, number>();
  const waves = new Map<number, WaveState>();
  const recentOf = new Map<number, RecentValue[]>();
  const previousOf = new Map<number, Reading>();
  let state: Beat['state'] = 0;
  let beatSeq = 0;
  return {
    beat(beat, seq) {
      // An older heartbeat that comes late says nothing about now.
      if (seq < beatSeq) return;
      beatSeq = seq;
      state = beat.state;
      for (const s of beat.streams) flags.set(s.st, s.flags);
    },
    wave(code, samples, rateHz, quality) {
      const known = waves.get(code) ?? { lastSample: Number.NaN, flatForMs: 0, poor: false };
      const stepMs = rateHz > 0 ? 1000 / rateHz : 0;
      let measured = 0;
      let atRail = 0;
      for (const sample of samples) {
        if (sample === MISSING) continue;
        measured++;
        if (sample === RAIL || sample === -RAIL) atRail++;
        known.flatForMs = sample === known.lastSample ? known.flatForMs + stepMs : 0;
        known.lastSample = sample;
      }
      known.poor =
        quality < LEAST_QUALITY || measured * 2 < samples.length || known.flatForMs >= FLAT_MS || atRail * 2 > measured;
      waves.set(code, known);
      return !known.poor;
    },
    stateFor(stream, code) {
      const own = flags.get(stream);
      const behind = waveBehind.get(code) ?? [];
      return {
        worn: state === 0 || state === 3,
        contact: own === undefined || (own & BEAT_FLAG.contact) !== 0,
        fault: own !== undefined && (own & BEAT_FLAG.fault) !== 0,
        poorSignal: behind.some((wave) => waves.get(wave)?.poor === true),
      };
    },
    recent: (code) => recentOf.get(code) ?? [],
    previous: (code) => previousOf.get(code),
    keep(reading) {
      const before = previousOf.get(reading.code);
      if (before === undefined || before.atMs <= reading.atMs) previousOf.set(reading.code, reading);
      const windowMs = codeEntry(reading.code)?.changeLimit?.withinMs;
      if (windowMs === undefined) return;
      const kept = (recentOf.get(reading.code) ?? []).filter((known) => reading.atMs - known.atMs <= windowMs);
      kept.push({ value: reading.value, atMs: reading.atMs });
      recentOf.set(reading.code, kept.slice(-limits.recentValues));
    },
  };
}

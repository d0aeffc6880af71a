import type { FirmwareProfile } from '@pulseseal/firmware-profiles';
import { bedsideHub, chestStrap, codes, toValue, wristBand } from '@pulseseal/firmware-profiles';
import { describe, expect, it } from 'vitest';
import type { Body, ScenarioName } from '../src/bodies/mod.ts';
import { createDemoCircle } from '../src/bodies/mod.ts';

const seeds = Array.from({ length: 30 }, (_, i) => i + 1);
const valuesOnly = (profile: FirmwareProfile): FirmwareProfile => ({
  ...profile,
  streams: profile.streams.filter((stream) => stream.streamClass === 1),
});
const quick = [chestStrap, wristBand, bedsideHub].map(valuesOnly);

/** The patient of a scenario without waveforms. */
const patient = (seed: number, scenario: ScenarioName, startHour = 10): Body =>
  createDemoCircle(6, seed, { profiles: quick, startHour }).find((body) => body.scenario === scenario)!;

interface Reading {
  readonly atMs: number;
  readonly code: number;
  readonly value: number;
  readonly urgent: boolean;
}

const readings = (body: Body, fromMs: number, toMs: number): readonly Reading[] =>
  body.devices
    .flatMap((device) =>
      device.advance(toMs).flatMap((sample) => {
        if (sample.kind !== 'values' || sample.atMs < fromMs) return [];
        const stream = device.profile.streams.find((each) => each.id === sample.stream)!;
        return [...sample.values].map(([index, integer]) => {
          const item = stream.items[index]!;
          return {
            atMs: sample.atMs,
            code: item.code,
            value: toValue(item.scale, integer),
            urgent: sample.urgent === true,
          };
        });
      }),
    )
    .sort((a, b) => a.atMs - b.atMs);

/** Points of the chart of the Royal College of Physicians (2017), scale 1, written anew for this test. */
const points: ReadonlyMap<number, (v: number) => number> = new Map([
  [codes.respirationRate, (v) => (v <= 8 || v >= 25 ? 3 : v >= 21 ? 2 : v <= 11 ? 1 : 0)],
  [codes.spo2, (v) => (v <= 91 ? 3 : v <= 93 ? 2 : v <= 95 ? 1 : 0)],
  [codes.oxygenInUse, (v) => (v === 1 ? 2 : 0)],
  [codes.nibpSystolic, (v) => (v <= 90 || v >= 220 ? 3 : v <= 100 ? 2 : v <= 110 ? 1 : 0)],
  [codes.pulseRate, (v) => (v <= 40 || v >= 131 ? 3 : v >= 111 ? 2 : v <= 50 || v >= 91 ? 1 : 0)],
  [codes.consciousness, (v) => (v === 0 ? 0 : 3)],
  [codes.bodyTemperature, (v) => (v <= 35 ? 3 : v >= 39.1 ? 2 : v <= 36 || v >= 38.1 ? 1 : 0)],
]);

/** NEWS2 at each reading once all seven are known. */
const scores = (list: readonly Reading[]): readonly { readonly atMs: number; readonly total: number }[] => {
  const last = new Map<number, number>();
  return list.flatMap(({ atMs, code, value }) => {
    const rule = points.get(code);
    if (rule === undefined) return [];
    last.set(code, rule(value));
    return last.size === points.size ? [{ atMs, total: [...last.values()].reduce((a, b) => a + b, 0) }] : [];
  });
};

/** Longest time that a parameter stays at `least` points or more. */
const longestMs = (list: readonly Reading[], code: number, least: number): number => {
  let sinceMs: number | undefined;
  let longest = 0;
  for (const reading of list) {
    if (reading.code !== code) continue;
    if (points.get(code)!(reading.value) >= least) {
      sinceMs ??= reading.atMs;
      longest = Math.max(longest, reading.atMs - sinceMs);
    } else sinceMs = undefined;
  }
  return longest;
};

const greatest = (totals: readonly { readonly total: number }[]): number =>
  totals.reduce((most, { total }) => Math.max(most, total), 0);

describe('acute desaturation', () => {
  it.each(seeds)(
    'seed %d: below 80 %% about 20 s after the start, for 10 s on end within 55 s, first one urgent',
    (seed) => {
      const spo2 = readings(patient(seed, 'acute-desaturation'), 0, 90_000).filter((r) => r.code === codes.spo2);
      const first = spo2.find((r) => r.value < 80)!;
      expect(first.atMs).toBeGreaterThan(8000);
      expect(first.atMs).toBeLessThan(32_000);
      expect(first.urgent).toBe(true);
      let heldMs = 0;
      let sinceMs: number | undefined;
      for (const r of spo2) {
        sinceMs = r.value < 80 ? (sinceMs ?? r.atMs) : undefined;
        if (heldMs === 0 && sinceMs !== undefined && r.atMs - sinceMs >= 10_000) heldMs = r.atMs;
      }
      expect(heldMs).toBeGreaterThan(0);
      expect(heldMs).toBeLessThan(55_000);
      expect(spo2.at(-1)!.value).toBeGreaterThanOrEqual(77);
    },
  );
});

describe('sepsis in its sixth hour', () => {
  it.each(seeds)('seed %d: NEWS2 >= 7 from the first full set and for an hour', (seed) => {
    const list = readings(patient(seed, 'sepsis'), 0, 3_600_000);
    const all = scores(list);
    expect(all[0]!.atMs).toBeLessThan(5000);
    expect(Math.min(...all.map((score) => score.total))).toBeGreaterThanOrEqual(7);
    const temperatures = list.filter((r) => r.code === codes.bodyTemperature).map((r) => r.value);
    expect(Math.max(...temperatures) > 38 || Math.min(...temperatures) < 36).toBe(true);
  });
});

describe('strap taken off', () => {
  it.each(seeds.slice(0, 5))('seed %d: off body after 15 to 20 s, ECG flat, band goes on, no points', (seed) => {
    const body = createDemoCircle(3, seed)[2]!;
    const [strap, band] = body.devices;
    strap!.advance(15_000);
    expect(strap!.state()).toMatchObject({ contact: true, worn: 'worn' });
    strap!.advance(20_000);
    expect(strap!.state()).toMatchObject({ contact: false, worn: 'off-body' });
    const after = strap!.advance(40_000);
    const ecg = after
      .filter((sample) => sample.stream === 3)
      .map((sample) => (sample.kind === 'block' ? sample : undefined)!);
    expect(ecg.length).toBeGreaterThan(15);
    for (const block of ecg) {
      expect(block.quality).toBe(0);
      expect(new Set(block.samples)).toEqual(new Set([0]));
    }
    expect(after.filter((sample) => sample.kind === 'values')).toEqual([]);
    band!.advance(40_000);
    expect(band!.state()).toMatchObject({ contact: true, worn: 'worn' });
    const totals = scores(readings(patient(seed, 'sensor-off'), 0, 300_000)).map((score) => score.total);
    expect(Math.max(...totals)).toBeLessThan(5);
  });
});

describe('atrial fibrillation', () => {
  it.each(seeds)('seed %d: RR varies by 0.15 to 0.35, rate stays below 131, NEWS2 below 5', (seed) => {
    const list = readings(patient(seed, 'af'), 0, 1_800_000);
    const rr = list.filter((r) => r.code === codes.rrInterval).map((r) => r.value);
    const mean = rr.reduce((a, b) => a + b, 0) / rr.length;
    const deviation = Math.sqrt(rr.reduce((a, b) => a + (b - mean) ** 2, 0) / rr.length);
    expect(deviation / mean).toBeGreaterThan(0.15);
    expect(deviation / mean).toBeLessThan(0.35);
    const rates = list.filter((r) => r.code === codes.heartRate).map((r) => r.value);
    expect(Math.max(...rates)).toBeLessThan(131);
    expect(greatest(scores(list))).toBeLessThan(5);
  });
});

describe('fall', () => {
  it.each(seeds.slice(0, 10))('seed %d: free fall, impact, another posture, stillness, a faster heart', (seed) => {
    const band = createDemoCircle(5, seed)[4]!.devices[1]!;
    const times: number[] = [];
    const sizes: number[] = [];
    const vectors: (readonly number[])[] = [];
    for (const sample of band.advance(90_000)) {
      if (sample.kind !== 'block' || sample.stream !== 4) continue;
      for (let i = 0; i < 25; i++) {
        const axes = [0, 25, 50].map((from) => sample.samples[from + i]! * 0.005);
        times.push(sample.atMs - 1000 + i * 40);
        vectors.push(axes);
        sizes.push(Math.hypot(...axes) / 9.81);
      }
    }
    const within = (fromMs: number, toMs: number) => times.flatMap((t, i) => (t >= fromMs && t < toMs ? [i] : []));
    const low = within(44_900, 46_000).filter((i) => sizes[i]! < 0.6);
    expect(low.length * 40).toBeGreaterThanOrEqual(240);
    expect(low.length * 40).toBeLessThanOrEqual(800);
    const impact = Math.max(...within(45_300, 46_000).map((i) => sizes[i]!));
    expect(impact).toBeGreaterThan(2.5);
    expect(impact).toBeLessThan(9.5);
    const mean = (list: readonly number[]) =>
      [0, 1, 2].map((axis) => list.reduce((sum, i) => sum + vectors[i]![axis]!, 0) / list.length);
    const before = mean(within(20_000, 40_000));
    const after = mean(within(50_000, 85_000));
    const dot = before.reduce((sum, value, axis) => sum + value * after[axis]!, 0);
    const angle = (Math.acos(dot / (Math.hypot(...before) * Math.hypot(...after))) * 180) / Math.PI;
    expect(angle).toBeGreaterThan(45);
    expect(angle).toBeLessThan(105);
    const still = within(50_000, 85_000).map((i) => Math.abs(sizes[i]! - 1));
    expect(Math.max(...still)).toBeLessThan(0.05);
    const heart = readings(patient(seed, 'fall'), 0, 120_000).filter((r) => r.code === codes.heartRate);
    const average = (fromMs: number, toMs: number) => {
      const list = heart.filter((r) => r.atMs >= fromMs && r.atMs < toMs).map((r) => r.value);
      return list.reduce((a, b) => a + b, 0) / list.length;
    };
    expect(average(90_000, 120_000) - average(10_000, 40_000)).toBeGreaterThan(5);
  });
});

describe('stable people', () => {
  it.each(seeds.slice(0, 8))('seed %d: a whole day without a rule of severity and duration being met', (seed) => {
    const body = patient(seed, 'stable', 0);
    const list: Reading[] = [];
    for (let hour = 1; hour <= 24; hour++) list.push(...readings(body, (hour - 1) * 3_600_000, hour * 3_600_000));
    for (const code of points.keys()) {
      expect(longestMs(list, code, 3)).toBe(0);
      expect(longestMs(list, code, 2)).toBeLessThan(300_000);
      expect(longestMs(list, code, 1)).toBeLessThan(900_000);
    }
    expect(list.filter((r) => r.code === codes.spo2 && r.value < 80)).toEqual([]);
    expect(greatest(scores(list))).toBeLessThan(5);
  });

  it('follow the base distributions and the rhythm of the day', () => {
    const people = createDemoCircle(205, 5, { profiles: [valuesOnly(wristBand)] }).slice(5);
    const firstPulse = people.map(
      (body) =>
        readings(body, 0, 20_000)
          .filter((r) => r.code === codes.pulseRate)
          .at(-1)!.value,
    );
    const mean = firstPulse.reduce((a, b) => a + b, 0) / firstPulse.length;
    expect(mean).toBeGreaterThan(66);
    expect(mean).toBeLessThan(76);
    const body = patient(1, 'stable', 0);
    const pulse: number[] = [];
    for (let hour = 1; hour <= 24; hour++) {
      const list = readings(body, (hour - 1) * 3_600_000, hour * 3_600_000).filter((r) => r.code === codes.heartRate);
      pulse.push(list.map((r) => r.value).sort((a, b) => a - b)[Math.floor(list.length / 2)]!);
    }
    expect(pulse[16]! - pulse[4]!).toBeGreaterThan(4);
  });
});

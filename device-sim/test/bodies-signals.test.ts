import { chestStrap, codes, ecgPatch, wristBand } from '@pulseseal/firmware-profiles';
import { createSeededRandom } from '@pulseseal/runtime';
import { describe, expect, it } from 'vitest';
import { createEcgModel, ecgCycle } from '../src/bodies/ecg-model.ts';
import { createHeart } from '../src/bodies/heart.ts';
import type { BlockSample, BodyDevice, GeneratedSettings } from '../src/bodies/mod.ts';
import { createDemoCircle, createGeneratedDevice, defaultGenerated, drawPerson } from '../src/bodies/mod.ts';
import { createPhysiology } from '../src/bodies/physiology.ts';

const stable = drawPerson(11, 'Somebody', 'stable', 0);

const wave = (
  device: BodyDevice,
  stream: number,
  toMs: number,
): { readonly fromMs: number; readonly values: number[] } => {
  const blocks = device.advance(toMs).filter((s): s is BlockSample => s.kind === 'block' && s.stream === stream);
  return { fromMs: blocks[0]!.atMs - 1000, values: blocks.flatMap((block) => [...block.samples]) };
};

/** Times of local maxima above `share` of the greatest value, at least 250 ms apart. */
const peaks = (values: readonly number[], rateHz: number, share: number): readonly number[] => {
  const top = Math.max(...values);
  const found: number[] = [];
  values.forEach((value, i) => {
    if (value < share * top || value < (values[i - 1] ?? 0) || value <= (values[i + 1] ?? 0)) return;
    const tMs = (i * 1000) / rateHz;
    if (found.length === 0 || tMs - found.at(-1)! > 250) found.push(tMs);
  });
  return found;
};

describe('ECG model', () => {
  it.each([330, 500, 800, 1200, 2000])(
    'RR %d ms: R peak first and highest, waves P, Q, S, T in their places',
    (rrMs) => {
      const cycle = ecgCycle(rrMs, true);
      const at = (ms: number) => cycle[Math.round((ms / rrMs) * cycle.length + cycle.length) % cycle.length]!;
      const span = (fromMs: number, toMs: number) =>
        Array.from({ length: 200 }, (_, i) => at(fromMs + ((toMs - fromMs) * i) / 199));
      expect(cycle[0]).toBe(1);
      expect(Math.max(...cycle)).toBe(1);
      expect(Math.min(...span(-60, -5))).toBeLessThan(-0.05);
      expect(Math.min(...span(5, 60))).toBeLessThan(-0.1);
      expect(Math.max(...span(0.15 * rrMs, 0.45 * rrMs))).toBeGreaterThan(0.1);
      const p = Math.max(...span(-0.3 * rrMs, -0.12 * rrMs));
      expect(p).toBeGreaterThan(0.05);
      expect(Math.max(...Array.from(ecgCycle(rrMs, false).subarray(720, 920)))).toBeLessThan(0.03);
    },
  );

  it('puts R peaks at the beats', () => {
    const model = createEcgModel();
    const next = createHeart(createPhysiology(stable, 10), createSeededRandom(1));
    for (let n = 0; n < 200; n++) {
      const beat = next();
      const values = Array.from({ length: Math.floor(beat.rrMs / 4) }, (_, i) => model(beat, beat.atMs + 4 * i));
      expect(values.indexOf(Math.max(...values))).toBe(0);
    }
  });
});

describe('waveforms', () => {
  it('the strap counts the beats that stand in its ECG', () => {
    const device = createGeneratedDevice(chestStrap, stable);
    const all = device.advance(60_000);
    const rates = all.flatMap((s) => (s.kind === 'values' && s.stream === 1 ? [s.values.get(0)] : []));
    const known = rates.filter((rate) => rate !== undefined);
    const mean = known.reduce((a, b) => a + b, 0) / known.length;
    const ecg = all
      .filter((s): s is BlockSample => s.kind === 'block' && s.stream === 3)
      .flatMap((s) => [...s.samples]);
    const found = peaks(ecg, 250, 0.6);
    expect(Math.abs(found.length - mean * (ecg.length / 250 / 60))).toBeLessThan(3);
  });

  it('the patch sees the same heart as the strap', () => {
    const strap = wave(createGeneratedDevice(chestStrap, stable), 3, 30_000);
    const patch = wave(createGeneratedDevice(ecgPatch, stable), 3, 30_000);
    const [a, b] = [strap, patch].map(({ fromMs, values }) => peaks(values, 250, 0.6).map((t) => t + fromMs));
    for (const t of b!.slice(2, -2)) expect(Math.min(...a!.map((other) => Math.abs(other - t)))).toBeLessThanOrEqual(8);
  });

  it('the pulse follows each R peak by 250 to 500 ms', () => {
    const strap = wave(createGeneratedDevice(chestStrap, stable), 3, 30_000);
    const band = wave(createGeneratedDevice(wristBand, stable), 3, 30_000);
    const beats = peaks(strap.values, 250, 0.6).map((t) => t + strap.fromMs);
    const pulses = peaks(band.values, 125, 0.7).map((t) => t + band.fromMs);
    expect(pulses.length).toBeGreaterThan(25);
    for (const pulse of pulses.slice(2, -2)) {
      const delay = Math.min(...beats.map((beat) => pulse - beat).filter((ms) => ms > 0));
      expect(delay).toBeGreaterThan(250);
      expect(delay).toBeLessThan(520);
    }
  });

  it('twenty-four patients cost less than a twentieth of a core', () => {
    const circle = createDemoCircle(24, 1);
    const before = process.cpuUsage();
    for (let t = 1000; t <= 30_000; t += 1000)
      for (const body of circle) for (const device of body.devices) device.advance(t);
    const used = process.cpuUsage(before);
    expect((used.user + used.system) / 1000).toBeLessThan(30_000 * 0.05);
  });
});

describe('missing data', () => {
  const lost = (settings: Partial<GeneratedSettings>) => {
    const device = createGeneratedDevice({ ...wristBand, streams: wristBand.streams.slice(0, 1) }, stable, {
      ...defaultGenerated,
      ...settings,
    });
    let frames = 0;
    for (let hour = 1; hour <= 48; hour++) frames += device.advance(hour * 3_600_000).length;
    return 1 - frames / (48 * 3600);
  };

  it('comes only when asked for', () => {
    expect(lost({})).toBeLessThan(0.001);
    const share = lost({ dropoutsPerDay: 24 });
    expect(share).toBeGreaterThan(0.03);
    expect(share).toBeLessThan(0.25);
  });

  it('a profile of another maker gets the streams that the model knows', () => {
    const strange = { ...wristBand.streams[0], items: [{ ...wristBand.streams[0].items[0], code: 999 }] };
    const device = createGeneratedDevice(
      { ...wristBand, name: 'other', streams: [strange, wristBand.streams[2]] },
      stable,
    );
    expect(device.streams).toEqual([3]);
    expect(device.profile.streams[1]!.items[0]!.code).toBe(codes.pleth);
  });
});

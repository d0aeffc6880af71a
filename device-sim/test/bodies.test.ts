import { codes, toValue } from '@pulseseal/firmware-profiles';
import { describe, expect, it } from 'vitest';
import type { Body, Sample } from '../src/bodies/mod.ts';
import { createDemoCircle } from '../src/bodies/mod.ts';

const drain = (body: Body, toMs: number, stepMs: number): readonly (readonly Sample[])[] =>
  body.devices.map((device) => {
    const all: Sample[] = [];
    for (let t = stepMs; t <= toMs; t += stepMs) all.push(...device.advance(t));
    return all;
  });

describe('generated bodies', () => {
  it('repeat exactly for the same seed, however the time is cut', () => {
    const once = createDemoCircle(6, 7).map((body) => drain(body, 60_000, 60_000));
    const again = createDemoCircle(6, 7).map((body) => drain(body, 60_000, 250));
    expect(again).toEqual(once);
    expect(createDemoCircle(6, 8).map((body) => drain(body, 60_000, 60_000))).not.toEqual(once);
  });

  it('deliver every stream they name, in time order', () => {
    for (const body of createDemoCircle(6, 3)) {
      const devices = drain(body, 90_000, 1000);
      body.devices.forEach((device, i) => {
        const samples = devices[i]!;
        expect(new Set(samples.map((sample) => sample.stream))).toEqual(new Set(device.streams));
        expect(samples.map((sample) => sample.atMs)).toEqual(
          samples.map((sample) => sample.atMs).sort((a, b) => a - b),
        );
      });
    }
  });

  it('refuse to go back or too far ahead at once', () => {
    const device = createDemoCircle(1, 1)[0]!.devices[0]!;
    device.advance(5000);
    expect(() => device.advance(4000)).toThrow(RangeError);
    expect(() => device.advance(9_000_000)).toThrow(RangeError);
  });

  it('give each of hundreds a name of its own', () => {
    const names = createDemoCircle(700, 1).map((body) => body.patient);
    expect(new Set(names).size).toBe(700);
  });

  it('know a value by the profile alone', () => {
    const hub = createDemoCircle(1, 1)[0]!.devices[2]!;
    const temperature = hub.advance(10_000).find((sample) => sample.stream === 2);
    if (temperature?.kind !== 'values') throw new Error('no temperature');
    const item = hub.profile.streams[1]!.items[0]!;
    expect(item.code).toBe(codes.bodyTemperature);
    expect(toValue(item.scale, temperature.values.get(0)!)).toBeCloseTo(36.7, 0);
  });
});

import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FirmwareProfile } from '../src/mod.ts';
import {
  bedsideHub,
  checkProfile,
  chestStrap,
  codeEntry,
  codes,
  codeTable,
  frameSamples,
  ProfileRefused,
  parseProfile,
  profileByName,
  profiles,
  toInteger,
  toValue,
  wristBand,
} from '../src/mod.ts';

const altered = (change: Record<string, unknown>): string => JSON.stringify({ ...chestStrap, ...change });

describe('shipped profiles', () => {
  it.each(profiles.map((profile) => [profile.name, profile] as const))('%s has no fault', (_name, profile) => {
    expect(checkProfile(profile)).toEqual([]);
    expect(profileByName(profile.name)).toBe(profile);
  });

  it('stand one in each file', () => {
    const files = readdirSync(new URL('../src', import.meta.url)).map((file) => file.replace('.ts', ''));
    for (const profile of profiles) expect(files).toContain(profile.name);
  });

  it.each(profiles.map((profile) => [profile.name, profile] as const))('%s survives JSON', (_name, profile) => {
    expect(parseProfile(JSON.stringify(profile))).toEqual(profile);
  });

  it('use only codes of the table, in the unit of the table', () => {
    for (const item of profiles.flatMap((profile) => profile.streams.flatMap((stream) => [...stream.items]))) {
      const row = codeEntry(item.code);
      expect(row?.mdcUnit).toBe(item.unit.mdc);
      expect(row?.ucum).toBe(item.unit.ucum);
    }
  });

  it('fit the byte budget: frames, their envelope of 53 bytes and heartbeats', () => {
    for (const profile of profiles) {
      const perSecond = profile.streams.map((stream: FirmwareProfile['streams'][number]) => {
        const bytes = 53 + (stream.streamClass === 2 ? 8 + 2 * frameSamples(stream) : stream.padBytes);
        return stream.expectedIntervalMs === undefined ? 0 : (bytes * 1000) / stream.expectedIntervalMs;
      });
      const heartbeat = (60 + 16 * profile.streams.length) / (profile.heartbeatMs / 1000);
      const total = perSecond.reduce((a, b) => a + b, heartbeat) * 3600;
      expect(total).toBeLessThan(profile.byteBudgetPerHour);
    }
  });
});

describe('scale', () => {
  it('keeps hundredths of a degree exact', () => {
    const { scale } = bedsideHub.streams[1].items[0];
    expect(toInteger(scale, 38.05)).toBe(3805);
    expect(toValue(scale, 3805)).toBe(38.05);
    expect(toValue(scale, -1780)).toBe(-17.8);
  });

  it('gives back every integer of every item', () => {
    const scales = profiles.flatMap((profile) => profile.streams.flatMap((stream) => [...stream.items]));
    fc.assert(
      fc.property(fc.constantFrom(...scales), fc.integer({ min: -32_768, max: 32_767 }), ({ scale }, integer) => {
        expect(toInteger(scale, toValue(scale, integer))).toBe(integer);
      }),
    );
  });

  it('counts the offset before the factor', () => {
    expect(toValue({ m: 5, e: 1, offset: -100 }, 104)).toBe(200);
    expect(toInteger({ m: 5, e: 1, offset: -100 }, 200)).toBe(104);
  });
});

describe('checks', () => {
  const faultsOf = (json: string): readonly string[] => {
    try {
      parseProfile(json);
    } catch (error) {
      if (error instanceof ProfileRefused) return error.faults;
      throw error;
    }
    return [];
  };
  const ecg = chestStrap.streams[2];
  it.each([
    ['not JSON', '{', /is not JSON/],
    ['unknown field', altered({ colour: 'red' }), /profile.colour: unknown field/],
    ['missing field', altered({ model: undefined }), /profile.model: must be a text/],
    ['wrong class', altered({ class: 'C9' }), /class/],
    ['suite 3', altered({ suite: 3 }), /suites 1 and 2/],
    ['hub class with suite 1', altered({ class: 'C2' }), /suite: class C2/],
    ['too many frames', altered({ maxSegmentFrames: 4097 }), /maxSegmentFrames/],
    ['stream 0', altered({ streams: [{ ...ecg, id: 0, scope: 1 }] }), /stream 0 id/],
    ['same stream twice', altered({ streams: [ecg, ecg] }), /ids must rise/],
    ['unknown scope', altered({ streams: [{ ...ecg, scope: 9 }] }), /not among the scopes/],
    ['scope without stream', altered({ streams: [ecg] }), /has no stream/],
    ['fraction', altered({ segmentMs: 60_000.5 }), /whole number/],
    [
      'other codec',
      altered({
        streams: [...chestStrap.streams.slice(0, 3), { ...ecg, id: 9, items: [{ ...ecg.items[0], codec: 1 }] }],
      }),
      /codec/,
    ],
    [
      'interval that the card would not tell',
      altered({
        streams: [...chestStrap.streams.slice(0, 2), { ...ecg, expectedIntervalMs: 5000 }, chestStrap.streams[3]],
      }),
      /give 1000/,
    ],
    ['very long text', ' '.repeat(300_000), /longer than/],
    ['array', '[]', /must be an object/],
    ['prototype key', '{"__proto__": {"name": "x"}}', /unknown field|must be a text/],
  ])('refuse %s', (_name, json, words) => {
    expect(faultsOf(json).join('\n')).toMatch(words);
  });

  it('never throw anything but the named refusal', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(faultsOf(JSON.stringify(value)).length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('code table', () => {
  it('has one row for each code, all within their valid range', () => {
    expect(codeTable.map((row) => row.code).sort()).toEqual([...Object.values(codes)].sort());
    for (const { plausible, valid } of codeTable) {
      if (plausible === undefined || valid === undefined) continue;
      expect(plausible[0]).toBeGreaterThanOrEqual(valid[0]);
      expect(plausible[1]).toBeLessThanOrEqual(valid[1]);
    }
  });

  it('knows charted streams by rate 0', () => {
    expect(bedsideHub.streams.every((stream) => stream.charted)).toBe(true);
    expect(wristBand.streams.filter((stream) => stream.charted).map((stream) => stream.name)).toEqual(['spot checks']);
  });
});

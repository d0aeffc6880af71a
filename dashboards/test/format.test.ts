import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAge, plainAge } from '../src/app/format/age.ts';
import { contributors, news2Range, news2Text, pointsText } from '../src/app/format/news2.ts';
import {
  diastolicOf,
  hasUnit,
  keepTogether,
  unitText,
  valueFor,
  valueText,
  valueTitle,
} from '../src/app/format/values.ts';
import { freshness } from '../src/app/store/context.ts';
import { wardFixture } from './fixture.ts';

const score = { total: 6, lower: 5, upper: 8, missing: ['BP'], risk: 'medium', single3: false, scale: 1 } as const;
const value = {
  code: 150456,
  name: 'SpO2',
  value: 93,
  text: '93',
  unit: '%',
  atMs: 0,
  grade: 'sealed',
  readingId: 'a.b.1.0',
  charted: false,
  staleAtMs: 20_000,
  expiresAtMs: 50_000,
  doubt: null,
  points: 2,
} as const;

describe('ages', () => {
  it.each([
    [-5_000, '0 s'],
    [999, '0 s'],
    [3_400, '3 s'],
    [99_999, '99 s'],
    [100_000, '1 min'],
    [99 * 60_000, '99 min'],
    [100 * 60_000, '1 h 40'],
    [5 * 3_600_000, '5 h'],
    [5 * 3_600_000 + 5 * 60_000, '5 h 05'],
    [47 * 3_600_000, '47 h'],
    [72 * 3_600_000, '3 d'],
  ])('%i ms is shown as %s', (ageMs, text) => expect(formatAge(ageMs)).toBe(text));

  it('speaks plainly to a caregiver', () => {
    expect(plainAge(500)).toBe('just now');
    expect(plainAge(3_000)).toBe('3 seconds ago');
    expect(plainAge(180_000)).toBe('3 minutes ago');
  });

  it('an age never looks younger than a younger one', () => {
    const read = (text: string): number => {
      const [first = 0, second = 0] = text.match(/\d+/g)?.map(Number) ?? [];
      if (text.endsWith(' s')) return first;
      if (text.endsWith('min')) return first * 60;
      return text.endsWith('d') ? first * 86_400 : first * 3600 + second * 60;
    };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e8 }), fc.integer({ min: 0, max: 4e8 }), (a, b) => {
        const [younger, older] = [Math.min(a, b), Math.max(a, b)];
        expect(read(formatAge(younger))).toBeLessThanOrEqual(read(formatAge(older)));
        expect(read(formatAge(older)) * 1000).toBeLessThanOrEqual(older);
      }),
    );
  });
});

describe('NEWS2', () => {
  it('never shows a partial total without its bounds', () => {
    expect(news2Text({ ...score, partial: true })).toBe('6, partial: 5 to 8');
    expect(news2Range({ ...score, partial: true })).toBe('5 to 8');
    expect(news2Text({ ...score, partial: false })).toBe('6');
    expect(news2Range({ ...score, partial: false })).toBeNull();
  });

  it('names what makes the score, most points first', () => {
    const septic = wardFixture(1e12).patients[9];
    expect(contributors(septic?.values ?? []).map(({ slot, points }) => [slot, points])).toEqual([
      ['RR', 3],
      ['SpO2', 2],
      ['HR', 2],
      ['Temp', 2],
    ]);
    expect(pointsText(1)).toBe('1 point');
  });
});

describe('values', () => {
  it('is grey from staleAtMs and crossed out from expiresAtMs', () => {
    expect([19_999, 20_000, 49_999, 50_000].map((now) => freshness(now, value))).toEqual([
      'fresh',
      'stale',
      'stale',
      'expired',
    ]);
  });

  it('joins the two halves of one pressure, and only of one', () => {
    const systolic = { ...value, code: 150021, name: 'BP', text: '124' };
    const diastolic = { ...value, code: 150022, name: 'BP dia', text: '71' };
    expect(valueText(systolic, diastolicOf([systolic, diastolic], systolic))).toBe('124/71');
    const later = { ...diastolic, atMs: 3_600_000 };
    expect(valueText(systolic, diastolicOf([systolic, later], systolic))).toBe('124');
    expect(valueFor([diastolic], 'BP')).toBeUndefined();
    expect(valueTitle(diastolic)).toBe('BP diastolic');
  });

  it.each([
    [67108869, 0, '0', 'room air'],
    [67108869, 1, '1', 'on oxygen'],
    [152196, 0.4, '0.40', 'FiO₂ 0.40'],
    [67108868, 0, '0', 'A, alert'],
    [67108868, 4, '4', 'U, unresponsive'],
    [153728, 14, '14', 'GCS 14'],
  ])('code %i with %d is said in words', (code, number, text, words) => {
    const state = { ...value, code, value: number, text };
    expect(valueText(state)).toBe(words);
    expect(hasUnit(state)).toBe(false);
  });

  it('keeps the exact decimal text of a number and writes units as a ward does', () => {
    expect(valueText({ ...value, text: '36.0' })).toBe('36.0');
    expect(['mm[Hg]', 'Cel', '%', '/min', 'mmol/L'].map(unitText)).toEqual(['mmHg', '°C', '%', '/min', 'mmol/L']);
  });

  it('breaks no line between a number and its unit', () => {
    expect(keepTogether('Oxygen 82 % for 60 s, limit 85 %')).toBe('Oxygen 82\u00a0% for 60\u00a0s, limit 85\u00a0%');
    expect(keepTogether('NEWS2 9 since 2 straps')).toBe('NEWS2 9 since 2 straps');
  });
});

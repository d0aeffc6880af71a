import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addUp, countMissing, type FrameSets, type Ranges, without } from '../src/start/totals.ts';

const members = (ranges: Ranges) =>
  new Set(ranges.flatMap(([first, n]) => Array.from({ length: n }, (_, i) => first + i)));
const rangesOf = (numbers: Iterable<number>): Ranges => {
  const out: [number, number][] = [];
  for (const n of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = out.at(-1);
    if (last !== undefined && last[0] + last[1] === n) last[1]++;
    else out.push([n, 1]);
  }
  return out;
};
const some = fc.array(fc.integer({ min: 1, max: 60 })).map(rangesOf);
const sets = (ranges: Ranges): FrameSets => new Map([['dev.eh', ranges]]);

describe('totals of a run', () => {
  it('takes range sets apart as sets of numbers', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        const expected = [...members(a)].filter((n) => !members(b).has(n));
        expect([...members(without(a, b))]).toEqual(expected);
        expect(countMissing(sets(a), [sets(b)])).toBe(expected.length);
      }),
    );
  });

  const edge = (stored: Ranges) => ({
    stored: sets(stored),
    sealed: sets([]),
    anchored: sets([]),
    duplicates: 0,
    refusals: {},
  });
  const care = { opened: 0, duplicates: 0, refusals: {}, alerts: {} };

  it.each([
    ['acknowledged but not stored', [[1, 10]], [[1, 10]], [], [[1, 9]], 1],
    ['sent, neither on a device nor stored', [[1, 10]], [[1, 8]], [[9, 1]], [[1, 8]], 1],
    ['still on the device', [[1, 10]], [[1, 8]], [[9, 2]], [[1, 8]], 0],
    ['stored before the acknowledgement arrived', [[1, 10]], [[1, 8]], [], [[1, 10]], 0],
  ] as const)('counts as lost what is %s', (_what, sent, acknowledged, held, stored, lost) => {
    const body = { sent: sets(sent), acknowledged: sets(acknowledged), held: sets(held), speed: 1 };
    expect(addUp(body, edge(stored), care).lost).toBe(lost);
  });
});

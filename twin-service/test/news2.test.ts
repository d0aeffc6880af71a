import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Acvpu, News2Observation } from '../src/mod.ts';
import { evaluateNews2Line, roundHalfUp, scoreNews2 } from '../src/mod.ts';

const nothing: News2Observation = {
  rr: null,
  spo2: null,
  scale: 1,
  oxygen: null,
  sbp: null,
  pulse: null,
  acvpu: null,
  temp: null,
};
const normal: News2Observation = {
  rr: '16',
  spo2: '97',
  scale: 1,
  oxygen: false,
  sbp: '120',
  pulse: '70',
  acvpu: 'A',
  temp: '37.0',
};

/** Chart of the Royal College, written out as [first value, points] from low to high, apart from the code under test. */
const chart = {
  rr: [
    [0, 3],
    [9, 1],
    [12, 0],
    [21, 2],
    [25, 3],
  ],
  sbp: [
    [0, 3],
    [91, 2],
    [101, 1],
    [111, 0],
    [220, 3],
  ],
  pulse: [
    [0, 3],
    [41, 1],
    [51, 0],
    [91, 1],
    [111, 2],
    [131, 3],
  ],
  temp: [
    [0, 3],
    [351, 1],
    [361, 0],
    [381, 1],
    [391, 2],
  ],
  scale1: [
    [0, 3],
    [92, 2],
    [94, 1],
    [96, 0],
  ],
  scale2air: [
    [0, 3],
    [84, 2],
    [86, 1],
    [88, 0],
  ],
  scale2oxygen: [
    [0, 3],
    [84, 2],
    [86, 1],
    [88, 0],
    [93, 1],
    [95, 2],
    [97, 3],
  ],
} as const;

function fromChart(bands: readonly (readonly [number, number])[], value: number): number {
  let points = 0;
  for (const [from, given] of bands) if (value >= from) points = given;
  return points;
}

function spo2Chart(scale: 1 | 2, oxygen: boolean) {
  if (scale === 1) return chart.scale1;
  return oxygen ? chart.scale2oxygen : chart.scale2air;
}

describe('rounding on the decimal text', () => {
  it.each([
    ['38.05', 1, 381],
    ['38.04', 1, 380],
    ['38.049999999999999999999999', 1, 380],
    ['90.5', 0, 91],
    ['90.49', 0, 90],
    ['1e1', 0, 10],
    ['0e99999', 0, 0],
    ['1e-1000', 0, 0],
    ['1e-99999999999', 1, 0],
    ['0.00015e6', 0, 150],
    ['0.05', 1, 1],
    ['0.049', 1, 0],
    [`15.${'4'.repeat(900)}`, 0, 15],
    [`15.5${'0'.repeat(900)}`, 0, 16],
    [`14.4${'9'.repeat(900)}`, 0, 14],
    ['905e-1', 0, 91],
    ['0.5', 0, 1],
    ['0.4', 0, 0],
    ['-0.5', 0, 0],
    ['-1.5', 0, -1],
    ['-1.51', 0, -2],
    ['36', 1, 360],
    ['0.05', 1, 1],
    ['5e-9', 0, 0],
  ])('%s to %i places is %i', (text, places, expected) => {
    expect(roundHalfUp(text, places)).toBe(expected);
  });

  it('refuses what is no decimal number', () => {
    for (const text of ['', 'x', '1.', '.5', '--1', '1e', 'NaN', '0x10', '1e16', '1'.repeat(5_000), '1e99999999999']) {
      expect(roundHalfUp(text, 0)).toBeUndefined();
    }
  });

  it('agrees with integer arithmetic on every hundredth', () => {
    for (let n = -500; n <= 5000; n++) {
      const text = `${n < 0 ? '-' : ''}${Math.floor(Math.abs(n) / 100)}.${String(Math.abs(n) % 100).padStart(2, '0')}`;
      expect(roundHalfUp(text, 1)).toBe(Math.floor((n + 5) / 10) + 0);
      expect(roundHalfUp(text, 0)).toBe(Math.floor((n + 50) / 100) + 0);
    }
  });
});

describe('NEWS2 bands', () => {
  it('gives the chart points for every integer of every parameter', () => {
    for (const name of ['rr', 'sbp', 'pulse'] as const) {
      for (let v = 0; v <= 300; v++) {
        expect(scoreNews2({ ...nothing, [name]: String(v) }).points[name]).toBe(fromChart(chart[name], v));
      }
    }
  });

  it('gives the chart points for every tenth of a degree', () => {
    for (let t = 250; t <= 450; t++) {
      const text = `${Math.floor(t / 10)}.${t % 10}`;
      expect(scoreNews2({ ...nothing, temp: text }).points.temp).toBe(fromChart(chart.temp, t));
    }
  });

  it('gives the chart points for every saturation on both scales, on air and on oxygen', () => {
    for (const scale of [1, 2] as const) {
      for (const oxygen of [false, true]) {
        for (let v = 40; v <= 100; v++) {
          const { points } = scoreNews2({ ...nothing, scale, oxygen, spo2: String(v) });
          expect(points.spo2).toBe(fromChart(spo2Chart(scale, oxygen), v));
          expect(points.oxygen).toBe(oxygen ? 2 : 0);
        }
      }
    }
  });

  it('gives 3 for everything but Alert', () => {
    for (const letter of ['A', 'C', 'V', 'P', 'U'] as const) {
      expect(scoreNews2({ ...nothing, acvpu: letter }).points.acvpu).toBe(letter === 'A' ? 0 : 3);
    }
  });

  it('reaches 20 at worst and 0 at best, both whole', () => {
    const worst = {
      ...normal,
      rr: '30',
      spo2: '80',
      oxygen: true,
      sbp: '80',
      pulse: '140',
      acvpu: 'U',
      temp: '34',
    } as const;
    expect(scoreNews2(worst)).toMatchObject({ total: 20, lower: 20, upper: 20, partial: false, risk: 'high' });
    expect(scoreNews2(normal)).toMatchObject({ total: 0, lower: 0, upper: 0, partial: false, risk: 'low' });
  });

  it('names the risk from total and single 3', () => {
    expect(scoreNews2({ ...normal, rr: '26' })).toMatchObject({ total: 3, risk: 'low-medium', single3: true });
    expect(scoreNews2({ ...normal, oxygen: true, pulse: '115' })).toMatchObject({ total: 4, risk: 'low' });
    expect(scoreNews2({ ...normal, oxygen: true, rr: '26' })).toMatchObject({ total: 5, risk: 'medium' });
    expect(scoreNews2({ ...normal, oxygen: true, rr: '26', pulse: '115' })).toMatchObject({ total: 7, risk: 'high' });
    expect(scoreNews2({ ...nothing, rr: '26' })).toMatchObject({ total: 3, upper: 20, risk: 'low-medium' });
  });
});

describe('partial NEWS2', () => {
  const arbitrary = fc.record({
    rr: fc.option(fc.integer({ min: 5, max: 30 }).map(String), { nil: null }),
    spo2: fc.option(fc.integer({ min: 80, max: 100 }).map(String), { nil: null }),
    scale: fc.constantFrom<1 | 2>(1, 2),
    oxygen: fc.option(fc.boolean(), { nil: null }),
    sbp: fc.option(fc.integer({ min: 80, max: 230 }).map(String), { nil: null }),
    pulse: fc.option(fc.integer({ min: 35, max: 140 }).map(String), { nil: null }),
    acvpu: fc.option(fc.constantFrom<Acvpu>('A', 'C', 'V', 'P', 'U'), { nil: null }),
    temp: fc.option(
      fc.integer({ min: 345, max: 395 }).map((t) => `${Math.floor(t / 10)}.${t % 10}`),
      { nil: null },
    ),
  });

  /** All values that matter of what is missing, jointly, by the chart alone. */
  function bruteForce(seen: News2Observation) {
    const every = (low: number, high: number) => Array.from({ length: high - low + 1 }, (_, i) => low + i);
    const range = (name: 'rr' | 'sbp' | 'pulse' | 'temp') => {
      const text = seen[name];
      const factor = name === 'temp' ? 10 : 1;
      const values = text === null ? every(0, name === 'temp' ? 450 : 300) : [Math.round(Number(text) * factor)];
      const points = values.map((v) => fromChart(chart[name], v));
      return [Math.min(...points), Math.max(...points)] as const;
    };
    let lower = Number.POSITIVE_INFINITY;
    let upper = -1;
    for (const oxygen of seen.oxygen === null ? [false, true] : [seen.oxygen]) {
      for (const spo2 of seen.spo2 === null ? every(50, 100) : [Number(seen.spo2)]) {
        const sum = (oxygen ? 2 : 0) + fromChart(spo2Chart(seen.scale, oxygen), spo2);
        lower = Math.min(lower, sum);
        upper = Math.max(upper, sum);
      }
    }
    for (const name of ['rr', 'sbp', 'pulse', 'temp'] as const) {
      lower += range(name)[0];
      upper += range(name)[1];
    }
    if (seen.acvpu === null) upper += 3;
    else if (seen.acvpu !== 'A') {
      lower += 3;
      upper += 3;
    }
    return { lower, upper };
  }

  it('has the bounds of all values of the missing parameters jointly', () => {
    fc.assert(
      fc.property(arbitrary, (seen) => {
        const score = scoreNews2(seen);
        expect({ lower: score.lower, upper: score.upper }).toEqual(bruteForce(seen));
        expect(score.total).toBeGreaterThanOrEqual(score.lower);
        expect(score.total).toBeLessThanOrEqual(score.upper);
        expect(score.partial).toBe(score.missing.length > 0);
        if (!score.partial) expect(score.lower).toBe(score.upper);
      }),
      { numRuns: 3000 },
    );
  });

  it('does not know a high saturation on scale 2 without oxygen status', () => {
    const high = scoreNews2({ ...normal, scale: 2, oxygen: null, spo2: '97' });
    expect(high).toMatchObject({ total: 0, lower: 0, upper: 5, partial: true, missing: ['spo2', 'oxygen'] });
    const low = scoreNews2({ ...normal, scale: 2, oxygen: null, spo2: '83' });
    expect(low).toMatchObject({ total: 3, lower: 3, upper: 5, partial: true, single3: true, missing: ['oxygen'] });
  });
});

describe('evaluate news2', () => {
  it('keeps the decimal text of numbers', () => {
    const line = '{"rr":15,"spo2":97,"oxygen":false,"sbp":120,"pulse":90.5,"acvpu":"A","temp":38.05}';
    expect(JSON.parse(evaluateNews2Line(line))).toEqual({
      total: 2,
      lower: 2,
      upper: 2,
      partial: false,
      risk: 'low',
      single3: false,
    });
    expect(evaluateNews2Line('{"temp":38.04999999999999999999999}')).toContain('"total":0');
  });

  it('takes absent and null as missing, and scale 1 by default', () => {
    expect(evaluateNews2Line('{}')).toBe(
      '{"total":0,"lower":0,"upper":20,"partial":true,"risk":"low","single3":false}',
    );
    expect(evaluateNews2Line('{"rr":null,"scale":null}')).toBe(evaluateNews2Line('{}'));
  });

  it.each([
    ['{', 'not-json'],
    ['', 'not-json'],
    ['5', 'not-an-object'],
    ['null', 'not-an-object'],
    ['[]', 'not-an-object'],
    ['"x"', 'not-an-object'],
    ['{"hr":5}', 'unknown-field'],
    ['{"__proto__":5}', 'unknown-field'],
    ['{"rr":5,"rr":6}', 'duplicate-field'],
    ['{"rr":"5"}', 'wrong-type'],
    ['{"rr":{"source":"5"}}', 'wrong-type'],
    ['{"oxygen":1}', 'wrong-type'],
    ['{"acvpu":true}', 'wrong-type'],
    ['{"scale":"2"}', 'wrong-type'],
    ['{"scale":3}', 'out-of-range'],
    ['{"acvpu":"X"}', 'out-of-range'],
    ['{"spo2":101}', 'out-of-range'],
    ['{"rr":-1}', 'out-of-range'],
    ['{"rr":1e300}', 'out-of-range'],
    [`{"rr":${' '.repeat(5000)}5}`, 'too-long'],
  ])('%s is refused as %s', (line, error) => {
    expect(JSON.parse(evaluateNews2Line(line))).toEqual({ error });
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(typeof JSON.parse(evaluateNews2Line(line))).toBe('object');
      }),
      { numRuns: 2000 },
    );
  });
});

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FIGURES } from '../bench/figures/mod.ts';
import { documentOf, readRecords } from '../bench/lib/document.ts';
import { quantile, sampleOf } from '../bench/lib/stats.ts';

const results = fileURLToPath(new URL('../bench/results/', import.meta.url));
const names = FIGURES.map((figure) => figure.name);
const titles = FIGURES.map((figure) => figure.title);
const page = readFileSync(new URL('../../docs/benchmarks.md', import.meta.url), 'utf8');

describe('docs/benchmarks.md', () => {
  const records = readRecords(results, names);

  it('says what the results say, figure for figure', () => expect(page).toBe(documentOf(records, titles)));
  it('has a result of every figure that it does not name as not measured yet, and none of a figure that is gone', () => {
    const isNamed = (title: string) => /^Not measured yet: .*$/m.exec(page)?.[0].includes(title) === true;
    const measured = FIGURES.filter(({ title }) => !isNamed(title)).map(({ name }) => name);
    expect(records.map((record) => record.figure)).toEqual(measured);
  });
  it('quotes medians of the raw runs beside them', () => {
    for (const { figure, samples } of records)
      for (const [name, sample] of Object.entries(samples)) {
        const sorted = [...sample.raw].sort((a, b) => a - b);
        expect(sample.median, `${figure} ${name}`).toBe(quantile(sorted, 0.5));
        expect(sample.raw.length, `${figure} ${name}`).toBeGreaterThan(0);
      }
  });
  it('would notice a figure that was changed by hand', () => {
    const [first, ...rest] = records;
    const [line, ...lines] = first!.lines;
    const changed = { ...first!, lines: [{ ...line!, measured: '99 x' }, ...lines] };
    expect(documentOf([changed, ...rest], titles)).not.toBe(page);
  });
});

describe('the arithmetic of samples', () => {
  it('takes the middle, or the mean of the middle pair', () => {
    expect(sampleOf('x', [3, 1, 2])).toEqual({ unit: 'x', median: 2, least: 1, most: 3, raw: [3, 1, 2] });
    expect(sampleOf('x', [4, 1, 2, 3]).median).toBe(2.5);
  });
  it('takes the nearest rank elsewhere', () => {
    const sorted = Array.from({ length: 100 }, (_, i) => i + 1);
    expect(quantile(sorted, 0.99)).toBe(99);
    expect(quantile(sorted, 1)).toBe(100);
  });
});

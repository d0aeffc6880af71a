import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REFUSALS } from '../src/mod.ts';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const root = join(here, '..', '..');
const spec = readFileSync(join(here, 'SPEC.md'), 'utf8');
const clauses = [...spec.matchAll(/^\*\*\[([A-Z]+-\d+)\]\*\*/gm)].map((m) => m[1]!);

/** Clauses that a service keeps, with the package whose tests name them. */
const ELSEWHERE: { readonly [clause: string]: string } = {
  'SUITE-3': 'edge-gateway',
  'FRAME-3': 'device-sim',
  'FRAME-7': 'device-sim',
  'FRAME-8': 'edge-gateway',
  'CTL-2': 'device-sim',
  'CTL-3': 'edge-gateway',
  'GRANT-2': 'stream-processor',
  'SEG-6': 'edge-gateway',
  'EPOCH-1': 'edge-gateway',
  'EPOCH-3': 'edge-gateway',
  'EPOCH-4': 'device-sim',
  'EPOCH-5': 'edge-gateway',
  'EPOCH-6': 'stream-processor',
  'EPOCH-7': 'stream-processor',
  'EPOCH-9': 'edge-gateway',
  'EPOCH-10': 'device-sim',
  'ENROL-5': 'device-sim',
  'TIME-2': 'stream-processor',
  'TIME-3': 'device-sim',
  'TIME-4': 'device-sim',
  'GRADE-1': 'stream-processor',
  'ENROL-1': 'device-sim',
  'ENROL-4': 'edge-gateway',
  'TOPIC-2': 'edge-gateway',
  'TOPIC-3': 'edge-gateway',
  'TOPIC-5': 'edge-gateway',
};

/** Clause ids in the titles of a package's tests. */
function titled(folder: string): Set<string> {
  const found = new Set<string>();
  const dir = join(root, folder, 'test');
  if (!existsSync(dir)) return found;
  for (const file of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(test|contract)\.tsx?$/.test(file)) continue;
    const code = readFileSync(join(dir, file), 'utf8');
    for (const [, , title] of code.matchAll(
      /\b(?:it|test|describe)(?:\.[^\n]*?\))?\s*\(\s*(['"`])((?:(?!\1)[^\\]|\\.)*)\1/g,
    ))
      for (const [, clause] of title!.matchAll(/\[([A-Z]+-\d+)\]/g)) found.add(clause!);
  }
  return found;
}

describe('SPEC.md', () => {
  it('has each clause once, and every clause that a refusal names [ENC-3]', () => {
    expect(clauses.length).toBeGreaterThan(70);
    expect(new Set(clauses).size).toBe(clauses.length);
    const named = new Set(Object.values(REFUSALS).map(([clause]) => clause as string));
    expect([...named].filter((clause) => !clauses.includes(clause))).toEqual([]);
  });

  it('every clause kept here stands in the title of a test here', () => {
    const found = titled('libs/protocol');
    expect(clauses.filter((clause) => ELSEWHERE[clause] === undefined && !found.has(clause))).toEqual([]);
    expect([...found].filter((clause) => !clauses.includes(clause))).toEqual([]);
    expect(Object.keys(ELSEWHERE).filter((clause) => !clauses.includes(clause))).toEqual([]);
  });

  it('every clause kept by a service stands in the title of a test there', () => {
    const found = new Map(Object.values(ELSEWHERE).map((folder) => [folder, titled(folder)]));
    expect(Object.entries(ELSEWHERE).filter(([clause, folder]) => !found.get(folder)!.has(clause))).toEqual([]);
    const unknown = [...found.values()].flatMap((titles) => [...titles].filter((clause) => !clauses.includes(clause)));
    expect(unknown).toEqual([]);
  });

  it('clause ids in the source exist', () => {
    const dir = join(here, 'src');
    for (const file of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const names = [
        ...readFileSync(join(dir, file), 'utf8').matchAll(
          /\b((?:ENC|SUITE|KEY|ID|FRAME|SEG|EPOCH|LOG|PAY|PROOF|ENROL|TOPIC|TIME|WRAP|MSG|CTL|GRANT)-\d+)\b/g,
        ),
      ];
      for (const [, clause] of names) expect(clauses, file).toContain(clause);
    }
  });
});

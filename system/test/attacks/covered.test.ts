import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RefusalName, refusalNames } from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';

/** Every way to be refused is provoked somewhere, under its own name. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const filesUnder = (folder: string, ending: RegExp): { readonly path: string; readonly text: string }[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => ending.test(path) && !/(^|\/)(node_modules|dist)\//.test(path))
    .map((path) => ({ path: `${folder}/${path}`, text: readFileSync(join(root, folder, path), 'utf8') }));
const has = (files: readonly { readonly text: string }[], name: string) =>
  files.some(({ text }) => text.includes(`'${name}'`));

const PACKAGES = ['libs', 'chaincode', 'device-sim', 'edge-gateway', 'stream-processor', 'patient-agent', 'system'];
/** Lists of names are no tests of them. */
const LISTS = /vectors\.test\.ts$|spec\.test\.ts$|covered\.test\.ts$/;
const tests = PACKAGES.flatMap((folder) => filesUnder(folder, /\.test\.ts$/)).filter(({ path }) => !LISTS.test(path));
const sources = PACKAGES.flatMap((folder) => filesUnder(folder, /(^|\/)src\/.*\.ts$/)).filter(
  ({ path }) => !path.endsWith('protocol/src/refusal.ts'),
);
const vectors = JSON.parse(readFileSync(join(root, 'libs/protocol/vectors/refusals.json'), 'utf8')) as {
  readonly vectors: readonly { readonly refusal: RefusalName }[];
};
const inVectors = new Set(vectors.vectors.map((vector) => vector.refusal));

/** Names that code of this folder gives, as an argument of what refuses. */
function givenBy(folder: string): RefusalName[] {
  const given = new Set<string>();
  for (const { text } of filesUnder(folder, /\.ts$/))
    for (const match of text.matchAll(/(?:refuse|Refusal|demand|note|refused)\((?:[^;]*?[\s(,])?'([a-z-]+)'\)/g))
      given.add(match[1]!);
  return refusalNames.filter((name) => given.has(name));
}

describe('refusals', () => {
  it('have a vector or a test each, and code that gives them', () => {
    const isProvoked = (name: RefusalName) => inVectors.has(name) || has(tests, name);
    expect(refusalNames.filter((name) => !isProvoked(name))).toEqual([]);
    expect(refusalNames.filter((name) => !has(sources, name))).toEqual([]);
  });

  it('that the gateway gives are provoked at its real door and read from its counters', () => {
    const given = givenBy('edge-gateway/src');
    expect(given.length).toBeGreaterThan(25);
    const doors = tests.filter(({ path }) => /^edge-gateway\/test\/|^system\/test\/attacks\//.test(path));
    expect(given.filter((name) => !has(doors, name))).toEqual([]);
  });

  it('that the processor gives are provoked by what an edge hands it', () => {
    const given = givenBy('stream-processor/src');
    expect(given.length).toBeGreaterThan(12);
    const own = tests.filter(({ path }) => path.startsWith('stream-processor/test/'));
    // The parser's own bound on a map comes before the processor's.
    expect(given.filter((name) => !has(own, name))).toEqual(['count-exceeded']);
  });
});

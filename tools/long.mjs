// `npm run test:long`: the suites that repeat (kills, cuts, flips, random runs), with their loops in full.
// A suite takes part by calling isLong() or longFactor() of the testkit, or by a name that ends in .long.test.ts. The
// number is the factor by which `npm test` shortens the loops; a suite may cap it where its loop is complete earlier.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const FACTOR = 10;
const asked = Number(process.env.PULSESEAL_LONG ?? FACTOR);
if (!Number.isInteger(asked) || asked < 2 || asked > 1000) {
  process.stderr.write(`PULSESEAL_LONG takes a whole number from 2 to 1000 (default ${FACTOR}).\n`);
  process.exit(2);
}

const asksForMore = /\b(isLong|longFactor)\(/;
/** @param {string} dir @returns {string[]} */
function longSuites(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return /^(\.|node_modules$|dist$)/.test(entry.name) ? [] : longSuites(path);
    if (!/\.test\.tsx?$/.test(entry.name) || !relative(root, path).split(sep).includes('test')) return [];
    return entry.name.includes('.long.test.') || asksForMore.test(readFileSync(path, 'utf8')) ? [path] : [];
  });
}

const suites = longSuites(root)
  .map((path) => relative(root, path))
  .filter((path) => !path.startsWith('tools'))
  .sort();
process.stderr.write(
  `Long suites, loops ${asked} times as long as in \`npm test\`:\n${suites.map((s) => `  ${s}\n`).join('')}`,
);
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const own = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]
  .map((name) => join(root, 'node_modules', name, 'bin', 'node'))
  .find((path) => spawnSync(path, ['--version']).status === 0);
const run = spawnSync(own ?? process.execPath, [vitest, 'run', ...suites, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PULSESEAL_LONG: String(asked) },
});
process.exit(run.status ?? 1);

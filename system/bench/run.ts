import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FIGURES } from './figures/mod.ts';
import { documentOf, readRecords } from './lib/document.ts';
import type { BenchContext, FigureResult } from './lib/figure.ts';
import { describeMachine, describeVersions } from './lib/machine.ts';
import { tableOf } from './lib/table.ts';

/**
 * `npm run bench [-- NAME... --quick --list --out DIR]`: measures, prints asked / aim / measured, writes one JSON per
 * figure. Ends with 1 when a figure is below what is asked.
 */
// Children and network namespaces are put away in the exit handlers, which a signal alone would pass by.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));
const words = process.argv.slice(2);
const isQuick = words.includes('--quick');
const outAt = words.indexOf('--out');
const results = fileURLToPath(new URL('./results/', import.meta.url));
const out = outAt >= 0 ? (words[outAt + 1] ?? results) : results;
const names = words.filter((word, i) => !word.startsWith('--') && (outAt < 0 || i !== outAt + 1));
const unknown = names.filter((name) => FIGURES.every((figure) => figure.name !== name));
if (words.includes('--list') || unknown.length > 0) {
  if (unknown.length > 0) console.error(`No such figure: ${unknown.join(', ')}. There are:`);
  for (const { name, title } of FIGURES) console.log(`${name.padEnd(18)} ${title}`);
  process.exit(unknown.length > 0 ? 2 : 0);
}
const chosen = FIGURES.filter((figure) => names.length === 0 || names.includes(figure.name));
const done: { readonly name: string; readonly result: FigureResult }[] = [];
const failed: string[] = [];
mkdirSync(out, { recursive: true });
for (const figure of chosen) {
  const reason = figure.cannotRun?.();
  if (reason !== undefined) {
    console.error(`${figure.name}: left out, ${reason}`);
    continue;
  }
  const startedMs = performance.now();
  const context: BenchContext = {
    isQuick,
    warmUps: isQuick ? 1 : 3,
    rounds: isQuick ? 3 : 7,
    say: (text) => console.error(`  ${text}`),
  };
  console.error(`${figure.name}: ${figure.title}`);
  try {
    const result = await figure.run(context);
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    const record = {
      figure: figure.name,
      title: figure.title,
      takenAt: new Date().toISOString(),
      command: `npm run bench -- ${figure.name}${isQuick ? ' --quick' : ''}`,
      seconds,
      machine: describeMachine(),
      versions: describeVersions(),
      ...result,
    };
    // A quick run is for looking: it never replaces what the documents quote, unless told where to write.
    if (!isQuick || outAt >= 0) writeFileSync(`${out}/${figure.name}.json`, `${JSON.stringify(record, null, 2)}\n`);
    done.push({ name: figure.name, result });
    console.log(tableOf(result.lines));
  } catch (error) {
    console.error(error);
    failed.push(figure.name);
  }
}
if (chosen.length > 1) {
  console.log('\nAll figures');
  console.log(tableOf(done.flatMap(({ result }) => result.lines)));
}
if (!isQuick && outAt < 0)
  writeFileSync(
    new URL('../../docs/benchmarks.md', import.meta.url),
    documentOf(
      readRecords(
        results,
        FIGURES.map((figure) => figure.name),
      ),
      FIGURES.map((figure) => figure.title),
    ),
  );
if (failed.length > 0) console.error(`Did not finish: ${failed.join(', ')}`);
const isBelow = done.some(({ result }) => result.lines.some((line) => !line.isMet));
process.exit(failed.length > 0 ? 2 : isBelow ? 1 : 0);

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FigureResult } from './figure.ts';
import type { Machine } from './machine.ts';
import { verdictOf } from './table.ts';

/** One results file. */
export interface ResultRecord extends FigureResult {
  readonly figure: string;
  readonly title: string;
  readonly takenAt: string;
  readonly command: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
}

export function readRecords(dir: string, order: readonly string[]): ResultRecord[] {
  const records = readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(dir, name), 'utf8')) as ResultRecord);
  return records.sort((a, b) => order.indexOf(a.figure) - order.indexOf(b.figure));
}

/** `docs/benchmarks.md`, made of the results alone: no figure in it can differ from what was measured. `titles`: of all figures. */
export function documentOf(records: readonly ResultRecord[], titles: readonly string[]): string {
  const missing = titles.filter((title) => records.every((record) => record.title !== title));
  const rows = records.flatMap((record) =>
    record.lines.map((line) => `| ${[line.name, line.asked, line.aim, line.measured, verdictOf(line)].join(' | ')} |`),
  );
  return [
    '# Benchmarks',
    '',
    '`npm run bench` measures all of this, `npm run bench -- NAME...` some of it (each section says how long it took),',
    '`npm run bench -- --quick` looks with fewer rounds and writes nothing, `--list` names the figures. This page is made of the',
    'JSON files in `system/bench/results/`; a test holds the two together. A0 is the rate of bare `crypto.verify` calls with',
    'ML-DSA-65 on one core; "bare aedes" is the broker alone with an async hook that does nothing. Read ratios, not rates:',
    'they compare what ran in the same minute on the same core.',
    ...(missing.length === 0 ? [] : [`Not measured yet: ${missing.join('; ')}.`]),
    '',
    '| figure | asked | aim | measured | verdict |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    ...records.flatMap((record) => ['', ...sectionOf(record)]),
    '',
  ].join('\n');
}

function sectionOf(record: ResultRecord): string[] {
  const { machine, versions } = record;
  return [
    `## ${record.title}`,
    '',
    `\`${record.command}\`, ${record.takenAt.slice(0, 10)}, ${record.rounds} round${record.rounds === 1 ? '' : 's'} after ${record.warmUps} warm-up${record.warmUps === 1 ? '' : 's'}, ${record.seconds} s in all; ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.isPinned ? 'pinned' : 'not pinned'}; Node ${versions.node}, OpenSSL ${versions.openssl}, aedes ${versions.aedes}.`,
    '',
    ...record.notes.map((note) => `- ${note}`),
    '',
    '| sample | unit | median | least | most |',
    '| --- | --- | --- | --- | --- |',
    ...Object.entries(record.samples).map(
      ([name, s]) => `| ${[name, s.unit, s.median, s.least, s.most].join(' | ')} |`,
    ),
  ];
}

// Adds up what several test runs reported: `node tools/ci-summary.mjs DIR`. DIR holds NAME.json (vitest's own report),
// NAME.log (its output) and NAME.status (exit status, one line) of each run, in the order of their modification.
// Prints what ran, what was skipped and why, and one closing line. Exit 1 when anything failed.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const dir = process.argv[2] ?? '';
if (dir === '' || !existsSync(dir)) {
  process.stderr.write('usage: node tools/ci-summary.mjs DIR\n');
  process.exit(2);
}

const names = readdirSync(dir)
  .filter((name) => name.endsWith('.status'))
  .sort((a, b) => statSync(join(dir, a)).mtimeMs - statSync(join(dir, b)).mtimeMs)
  .map((name) => name.slice(0, -'.status'.length));
const sum = { passed: 0, failed: 0, skipped: 0 };
/** @type {Map<string, number>} */
const reasons = new Map();

for (const name of names) {
  const status = Number(readFileSync(join(dir, `${name}.status`), 'utf8'));
  const report = join(dir, `${name}.json`);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  if (existsSync(report)) {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
    for (const file of testResults) {
      for (const { status: verdict, fullName } of file.assertionResults) {
        if (verdict === 'passed') counts.passed++;
        else if (verdict === 'failed') {
          counts.failed++;
          process.stdout.write(`FAILED ${name}: ${fullName}\n`);
        } else counts.skipped++;
      }
      // A file that does not load has no tests to fail.
      if (file.status === 'failed' && !file.assertionResults.some((a) => a.status === 'failed')) {
        counts.failed++;
        process.stdout.write(`FAILED ${name}: ${file.name}\n`);
      }
    }
  }
  // A run that ended badly without a failed test (a crash, a time limit, a check) counts as one failure.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  for (const key of ['passed', 'failed', 'skipped']) sum[key] += counts[key];
  const what = existsSync(report)
    ? `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
    : 'no tests of its own';
  process.stdout.write(`ran ${name}: ${status === 0 ? 'ok' : `exit ${status}`} (${what})\n`);
  const log = join(dir, `${name}.log`);
  if (!existsSync(log)) continue;
  for (const line of stripVTControlCharacters(readFileSync(log, 'utf8')).split('\n')) {
    const found = /SKIPPED:.*/.exec(line)?.[0].trim();
    if (found !== undefined) reasons.set(found, (reasons.get(found) ?? 0) + 1);
  }
}
for (const [reason, times] of reasons) process.stdout.write(`${reason}${times > 1 ? ` (${times} times)` : ''}\n`);
if (sum.skipped > 0 && reasons.size === 0) process.stdout.write('Some tests were skipped without a stated reason.\n');
process.stdout.write(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`);
process.exit(sum.failed === 0 && names.length > 0 ? 0 : 1);

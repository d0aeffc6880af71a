import { spawnSync } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { expect, it } from 'vitest';

const isThere = existsSync('/dev/full');
if (!isThere) console.warn('SKIPPED: logging to a full disk, because there is no /dev/full');

it.skipIf(!isThere)('a log that cannot be written ends no service', () => {
  const program = `const { createLogger } = await import(${JSON.stringify(new URL('../src/mod.ts', import.meta.url))});
    const logger = createLogger('test');
    for (let i = 0; i < 3; i++) logger.error({}, 'a word');
    console.log('still there');`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', openSync('/dev/full', 'w')],
  });
  expect(run).toMatchObject({ status: 0, signal: null });
  expect(String(run.stdout)).toBe('still there\n');
});

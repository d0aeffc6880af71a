import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../ensure.mjs', import.meta.url));
const locked = {
  '': { name: 'x' },
  'libs/a': { version: '0.1.0' },
  'node_modules/a': { resolved: 'libs/a', link: true },
  'node_modules/b': { version: '1.0.0', integrity: 'sha512-b' },
  'node_modules/b-of-another-platform': { version: '1.0.0', optional: true },
};
const installed = {
  'libs/a': { version: '0.1.0' },
  'node_modules/a': { resolved: 'libs/a', link: true },
  'node_modules/b': { version: '1.0.0', integrity: 'sha512-b' },
};
const folders: string[] = [];
afterEach(() => {
  for (const dir of folders.splice(0)) rmSync(dir, { recursive: true });
});

/** Whether npm was called, in a clone with these two lockfiles. */
function installs(lock: object, hidden: object | undefined): boolean {
  const dir = mkdtempSync(join(tmpdir(), 'pulseseal-ensure-'));
  folders.push(dir);
  for (const name of ['tools', 'node_modules', 'bin']) mkdirSync(join(dir, name));
  copyFileSync(program, join(dir, 'tools', 'ensure.mjs'));
  const stamp = join(dir, 'node_modules', '.package-lock.json');
  if (hidden !== undefined) {
    writeFileSync(stamp, JSON.stringify({ packages: hidden }));
    utimesSync(stamp, 1, 1);
  }
  writeFileSync(join(dir, 'package-lock.json'), JSON.stringify({ packages: lock }));
  writeFileSync(join(dir, 'bin', 'npm'), `#!/bin/sh\ntouch '${dir}/called'\n`, { mode: 0o755 });
  const env = { ...process.env, PATH: `${join(dir, 'bin')}:${process.env.PATH}` };
  expect(spawnSync(process.execPath, [join(dir, 'tools', 'ensure.mjs')], { env }).status).toBe(0);
  return existsSync(join(dir, 'called'));
}

it('leaves an installation alone that has what the lockfile names, however old its files are', () => {
  expect(installs(locked, installed)).toBe(false);
});

it.each([
  ['there is none', undefined],
  ['a version is another', { ...installed, 'node_modules/b': { version: '1.0.1', integrity: 'sha512-b' } }],
  ['the same version has other bytes', { ...installed, 'node_modules/b': { version: '1.0.0', integrity: 'sha512-c' } }],
  ['a package is missing', { 'node_modules/b': installed['node_modules/b'] }],
])('installs when %s', (_name, hidden) => {
  expect(installs(locked, hidden)).toBe(true);
});

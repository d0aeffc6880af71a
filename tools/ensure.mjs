// Installs what the lockfile names when node_modules is missing or older than it. Runs before `npm start` and
// `npm test` on whatever Node the machine has, so it uses nothing but Node's own modules.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.package-lock.json');
const lock = join(root, 'package-lock.json');

if (!existsSync(stamp) || statSync(stamp).mtimeMs < statSync(lock).mtimeMs) {
  process.stderr.write('Installing what package-lock.json names (once; about half a minute) ...\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const done = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (done.status !== 0) {
    process.stderr.write('npm ci failed. Check the network and the disk, then run the same command again.\n');
    process.exit(done.status ?? 1);
  }
  const now = new Date();
  utimesSync(stamp, now, now);
}

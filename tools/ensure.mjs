// Installs what the lockfile names when node_modules holds something else. Runs before `npm start` and `npm test` on
// whatever Node the machine has, so it uses nothing but Node's own modules.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** @param {string} path @returns {Record<string, {version?: string, integrity?: string, resolved?: string, optional?: boolean}>} */
function packagesOf(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
}

/** By content, never by file times: copies, branches and caches have times of their own, and `npm ci` begins by deleting. */
function isInstalled() {
  try {
    // npm writes it last, so it stands for a whole installation.
    const installed = packagesOf('node_modules/.package-lock.json');
    return Object.entries(packagesOf('package-lock.json')).every(([path, wanted]) => {
      if (!path.includes('node_modules/')) return true;
      const found = installed[path];
      // Optional: of another platform.
      if (found === undefined) return wanted.optional === true;
      return ['version', 'integrity', 'resolved'].every(
        (key) => wanted[key] === undefined || wanted[key] === found[key],
      );
    });
  } catch {
    return false;
  }
}

if (!isInstalled()) {
  process.stderr.write('Installing what package-lock.json names (once; about half a minute) ...\n');
  const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (done.status !== 0) {
    process.stderr.write('npm ci failed. Check the network and the disk, then run the same command again.\n');
    process.exit(done.status ?? 1);
  }
}

#!/usr/bin/env node
// Hands over to the Node that the lockfile pins: the sources are TypeScript and need it, whatever Node the machine has.
import { spawn, spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(realpathSync(fileURLToPath(import.meta.url))), '..', '..');
const ensured = spawnSync(process.execPath, [join(root, 'tools', 'ensure.mjs')], { stdio: ['ignore', 2, 2] });
if (ensured.status !== 0) process.exit(ensured.status ?? 1);

const packages = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];
// Probed: a system with another C library has the file and cannot run it.
const pinned = packages
  .map((name) => join(root, 'node_modules', name, 'bin', 'node'))
  .find((path) => spawnSync(path, ['--version']).status === 0);
const own = Number(process.versions.node.split('.')[0]) >= 26 ? process.execPath : undefined;
const node = pinned ?? own;
if (node === undefined) {
  process.stderr.write(
    'No Node 26 for this platform in node_modules. Install Node 26 and run the same command with it.\n',
  );
  process.exit(1);
}

const child = spawn(node, [join(root, 'system', 'src', 'cli.ts'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  // Two threads per two cores: more only delay the disk's calls behind signature checks.
  env: { UV_THREADPOOL_SIZE: '4', NODE_NO_WARNINGS: '1', ...process.env },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
// npm passes on SIGINT and SIGTERM alone, and npx's shell none: a system whose starter is gone would run on unseen.
if (['start', 'npx'].includes(process.env.npm_lifecycle_event ?? '')) {
  const starter = process.ppid;
  setInterval(() => process.ppid === starter || child.kill('SIGTERM'), 1000).unref();
}
child.on('error', (error) => {
  process.stderr.write(`${node} does not start: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 128 + 2));

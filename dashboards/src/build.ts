import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const stampFile = 'sources.sha256';

/** What the build reads, relative to the package. The lockfile stands for React, uPlot and Vite themselves. */
const inputs = [
  'index.html',
  'vite.config.ts',
  'src',
  '../libs/protocol/src',
  '../libs/crypto/src',
  '../firmware-profiles/src',
  '../package-lock.json',
];

/** The folder a web server serves at `/`. It exists after `ensureDashboards`. */
export function dashboardsDist(): string {
  return join(packageFolder, 'dist');
}

/**
 * Whether `dist` is missing or was built from other sources. Decided by content, not by file times: a checkout, a copy
 * or a restored cache changes times without changing anything. About 10 ms.
 */
export function dashboardsStale(): boolean {
  const stamp = join(dashboardsDist(), stampFile);
  return !existsSync(stamp) || readFileSync(stamp, 'utf8') !== sourcesHash();
}

/** Builds `dist` when it is missing or stale, else does nothing. About one second, or 10 ms. */
export async function buildDashboards(): Promise<void> {
  if (dashboardsStale()) await build();
}

/** The same. @returns the folder to serve and whether a build ran. */
export async function ensureDashboards(): Promise<{ readonly folder: string; readonly built: boolean }> {
  const stale = dashboardsStale();
  if (stale) await build();
  return { folder: dashboardsDist(), built: stale };
}

/** Vite is loaded only here. Built aside and moved in whole, so that two starts at once never serve half a board. */
async function build(): Promise<void> {
  const hash = sourcesHash();
  const aside = join(packageFolder, 'node_modules', `.build-${process.pid}`);
  const [vite, { default: config }] = await Promise.all([import('vite'), import('../vite.config.ts')]);
  // Vite takes a NODE_ENV that is set for more than its own mode: under a test runner it would build React for development.
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = 'production';
  try {
    await vite.build({ ...config, configFile: false, mode: 'production', build: { ...config.build, outDir: aside } });
    writeFileSync(join(aside, stampFile), hash);
    // Another start may have been quicker with the same sources.
    if (!dashboardsStale()) return;
    rmSync(dashboardsDist(), { recursive: true, force: true });
    renameSync(aside, dashboardsDist());
  } finally {
    rmSync(aside, { recursive: true, force: true });
    if (before === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = before;
  }
}

function sourcesHash(): string {
  const hash = createHash('sha256');
  for (const input of inputs)
    for (const file of filesUnder(join(packageFolder, input))) hash.update(file.name).update('\0').update(file.bytes);
  return hash.digest('hex');
}

function filesUnder(path: string): { name: string; bytes: Uint8Array }[] {
  if (!existsSync(path)) return [];
  const read = (file: string): { name: string; bytes: Uint8Array } => ({
    name: file.slice(packageFolder.length),
    bytes: readFileSync(file),
  });
  const entries = readdirSyncOrFile(path);
  return entries === undefined ? [read(path)] : entries.map(read);
}

function readdirSyncOrFile(path: string): string[] | undefined {
  try {
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch {
    return undefined;
  }
}

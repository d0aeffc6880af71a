import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { freemem } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { verifyLog } from '@pulseseal/log';
import { ports } from '../start/options.ts';

/** One prerequisite: what was found, and what to do when it is not met. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** Not needed for the embedded start: shown, but no failure. */
  readonly optional?: boolean;
  readonly found: string;
  readonly fix?: string;
}

export interface DoctorSettings {
  readonly dataDir: string;
  readonly portBase: number;
}

/** Bounds with their reasons. */
const LIMITS = {
  nodeMajor: 26,
  /** A day of 12 patients with waveforms is about 3 GB. */
  freeDiskBytes: 4 * 2 ** 30,
  /** Four processes of 150 to 300 MB. */
  freeMemoryBytes: 1.5 * 2 ** 30,
  /** A group commit above this delays every acknowledgement noticeably. */
  syncMs: 50,
  syncRounds: 20,
  /** Years that a clock may plausibly show: tokens and beacons are judged by it. */
  clockFromYear: 2025,
  clockToYear: 2100,
} as const;

/** Looks at everything a start needs; changes nothing but a scratch file. */
export async function diagnose(settings: DoctorSettings): Promise<Finding[]> {
  return [
    nodeFinding(process.versions.node),
    ...(await portFindings(settings.portBase)),
    await diskSpeedFinding(settings.dataDir),
    await diskSpaceFinding(settings.dataDir),
    clockFinding(new Date()),
    memoryFinding(freemem()),
    await influxFinding(),
    ...(await dataFindings(settings.dataDir)),
  ];
}

export function nodeFinding(version: string): Finding {
  const ok = Number(version.split('.')[0]) >= LIMITS.nodeMajor;
  return {
    name: 'Node',
    ok,
    found: version,
    ...(ok
      ? {}
      : {
          fix: 'Start by `npm start` or `npx pulseseal`: they use the Node of the lockfile. Run `npm ci` when it is missing.',
        }),
  };
}

async function portFindings(base: number): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [use, port] of Object.entries(ports(base))) {
    const ok = await isPortFree(port);
    findings.push({
      name: `Port ${port}`,
      ok,
      found: ok ? `free (${use})` : `taken (${use})`,
      ...(ok ? {} : { fix: `Stop what listens on 127.0.0.1:${port}, or choose other ports with --port-base.` }),
    });
  }
  return findings;
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

async function nearestFolder(dir: string): Promise<string> {
  let at = dir;
  while (!existsSync(at)) at = dirname(at);
  return at;
}

async function diskSpeedFinding(dataDir: string): Promise<Finding> {
  const name = 'Disk speed';
  try {
    const scratch = await mkdtemp(join(await nearestFolder(dataDir), '.doctor-'));
    try {
      const file = await open(join(scratch, 'sync'), 'w', 0o600);
      const block = new Uint8Array(4096).fill(0xa5);
      const times: number[] = [];
      for (let i = 0; i < LIMITS.syncRounds; i++) {
        await file.write(block);
        const begin = performance.now();
        await file.datasync();
        times.push(performance.now() - begin);
      }
      await file.close();
      const median = times.sort((a, b) => a - b)[LIMITS.syncRounds / 2]!;
      const ok = median <= LIMITS.syncMs;
      const found = `${median.toFixed(1)} ms for a synced 4 kB write (median of ${LIMITS.syncRounds})`;
      return {
        name,
        ok,
        found,
        ...(ok
          ? {}
          : { fix: 'Put the data folder on a local SSD (--data); network disks make every acknowledgement wait.' }),
      };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  } catch (error) {
    return {
      name,
      ok: false,
      found: codeOf(error),
      fix: `Make the folder above ${dataDir} writable for this user, or choose another with --data.`,
    };
  }
}

async function diskSpaceFinding(dataDir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestFolder(dataDir));
  const free = bavail * bsize;
  const ok = free >= LIMITS.freeDiskBytes;
  return {
    name: 'Disk space',
    ok,
    found: `${gigabytes(free)} free`,
    ...(ok ? {} : { fix: `Free space: ${gigabytes(LIMITS.freeDiskBytes)} hold about a day of 12 patients.` }),
  };
}

export function clockFinding(now: Date): Finding {
  const year = now.getUTCFullYear();
  const ok = year >= LIMITS.clockFromYear && year <= LIMITS.clockToYear;
  return {
    name: 'Clock',
    ok,
    found: now.toISOString(),
    ...(ok ? {} : { fix: 'Set the machine’s clock (NTP): beacons, tokens and certificates are judged by it.' }),
  };
}

export function memoryFinding(freeBytes: number): Finding {
  const ok = freeBytes >= LIMITS.freeMemoryBytes;
  return {
    name: 'Memory',
    ok,
    found: `${gigabytes(freeBytes)} free`,
    ...(ok ? {} : { fix: `Close other programs: the four processes take up to ${gigabytes(LIMITS.freeMemoryBytes)}.` }),
  };
}

async function influxFinding(): Promise<Finding> {
  const name = 'influxd';
  try {
    const { stdout } = await promisify(execFile)('influxd', ['version'], { timeout: 5000 });
    return { name, ok: true, optional: true, found: stdout.trim() };
  } catch {
    return {
      name,
      ok: false,
      optional: true,
      found: 'not on PATH; only `--store influx` needs it',
      fix: 'Install InfluxDB 1.x, or give the URL of a running one.',
    };
  }
}

/** Folders of libs/log inside a data folder; sealed ones are checked for their checksums alone. */
const LOGS = ['ledger/chain', 'edge/journal', 'edge/feed', 'care/toedge', 'care/twin'] as const;

async function dataFindings(dataDir: string): Promise<Finding[]> {
  const name = 'Data folder';
  const entry = await stat(dataDir).catch(() => undefined);
  if (entry === undefined)
    return [{ name, ok: true, found: `${dataDir} does not exist yet; the first start makes it` }];
  if (!entry.isDirectory())
    return [{ name, ok: false, found: `${dataDir} is a file`, fix: 'Name a folder with --data.' }];
  const findings = [await permissionFinding(dataDir)];
  for (const log of LOGS) if (existsSync(join(dataDir, log))) findings.push(await logFinding(dataDir, log));
  return findings;
}

async function permissionFinding(dataDir: string): Promise<Finding> {
  const name = 'Permissions';
  try {
    const loose = await looseEntries(dataDir);
    return loose.length === 0
      ? { name, ok: true, found: 'for this user alone' }
      : {
          name,
          ok: false,
          found: `open to others: ${loose.slice(0, 3).join(', ')}`,
          fix: `chmod -R go= ${quoted(dataDir)}`,
        };
  } catch (error) {
    return unreadable(name, dataDir, error);
  }
}

async function logFinding(dataDir: string, log: string): Promise<Finding> {
  const name = `Log ${log}`;
  try {
    const { damaged, records, tornTail } = await verifyLog(join(dataDir, log));
    if (damaged.length === 0) {
      const torn = tornTail === undefined ? '' : ', a torn tail that the next start cuts';
      return { name, ok: true, found: `${records} records whole${torn}` };
    }
    return {
      name,
      ok: false,
      found: `${damaged.length} damaged, first at ${damaged[0]!.position} (${damaged[0]!.reason})`,
      fix: 'Restore this folder from a backup, or keep it: what is damaged is named wherever it is read, the rest stays provable.',
    };
  } catch (error) {
    return unreadable(name, join(dataDir, log), error);
  }
}

function unreadable(name: string, path: string, error: unknown): Finding {
  const fix = `Run this as the user who started the system, or give that user the folder: chown -R USER ${quoted(path)}`;
  return { name, ok: false, found: `${path} cannot be read (${codeOf(error)})`, fix };
}

async function looseEntries(dir: string): Promise<string[]> {
  const loose: string[] = [];
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = await stat(path).catch(() => ({ mode: 0 }));
    if ((mode & 0o077) !== 0) loose.push(path.slice(dir.length + 1));
  }
  if (((await stat(dir)).mode & 0o077) !== 0) loose.unshift('.');
  // Inside a folder that only this user can enter, a file's own mode opens nothing.
  return ((await stat(dir)).mode & 0o077) === 0
    ? loose.filter((path) => path.startsWith('keys') || path.includes('/keys/'))
    : loose;
}

export function findingLines(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map((f) => f.name.length));
  return findings.flatMap((f) => {
    const mark = f.ok ? '✓' : '✗';
    const line = `${mark} ${f.name.padEnd(width)}  ${f.found}`;
    return f.fix === undefined ? [line] : [line, `  ${' '.repeat(width)}  → ${f.fix}`];
  });
}

/** As one word of a shell. */
const quoted = (path: string) => `'${path.replaceAll("'", `'\\''`)}'`;
const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GB`;
const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error);

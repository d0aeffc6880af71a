import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The bin as `npm start` and `npx pulseseal` run it. */
export const bin = fileURLToPath(new URL('../../bin/pulseseal.mjs', import.meta.url));

export interface Ready {
  readonly clinician: string;
  readonly caregiver: string;
  readonly broker: string;
  readonly metrics: readonly string[];
  readonly data: string;
}

export interface AlertLine {
  readonly patient: string;
  readonly rule: string;
  readonly priority: string;
  readonly state: string;
  readonly at: string;
  readonly record?: string;
  readonly recordTimeMs?: number;
  readonly reason: string;
}

export interface ReadingLine {
  readonly id: string;
  readonly value: number;
  readonly unit: string;
  readonly grade: string;
}

export interface TotalsLine {
  readonly sent: number;
  readonly acknowledged: number;
  readonly stored: number;
  readonly opened: number;
  readonly sealed: number;
  readonly anchored: number;
  readonly alerts: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly duplicate: number;
  readonly speed: number;
}

export interface Line {
  readonly raw: string;
  /** Wall time at which the line came. */
  readonly seenMs: number;
  readonly value: {
    readonly ready?: Ready;
    readonly alert?: AlertLine;
    readonly reading?: ReadingLine;
    readonly totals?: TotalsLine;
  };
}

/** A whole system, started by its own command. */
export interface Run {
  readonly pid: number;
  readonly lines: readonly Line[];
  readonly stderr: () => string;
  /** The first line, earlier or later, that `wanted` likes. */
  line(wanted: (line: Line) => boolean, timeoutMs: number): Promise<Line>;
  readonly ready: Promise<Ready>;
  readonly ended: Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
  /** For afterAll: ends what is left. */
  dispose(): Promise<void>;
}

const READY_MS = 90_000;

export function startRun(args: readonly string[], settings: { readonly cwd?: string } = {}): Run {
  const child: ChildProcess = spawn(process.execPath, [bin, 'start', '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(settings.cwd === undefined ? {} : { cwd: settings.cwd }),
    env: without(process.env, 'INIT_CWD'),
  });
  const lines: Line[] = [];
  const watchers = new Set<() => void>();
  let errors = '';
  child.stderr!.on('data', (chunk) => {
    errors += String(chunk);
  });
  createInterface({ input: child.stdout! }).on('line', (raw) => {
    let value: Line['value'] = {};
    try {
      value = JSON.parse(raw) as Line['value'];
    } catch {
      // Kept as it is: the test of the lines' form sees it.
    }
    lines.push({ raw, seenMs: Date.now(), value });
    for (const watcher of [...watchers]) watcher();
  });
  let isOver = false;
  // `close`, not `exit`: the last lines have been read then.
  const ended = new Promise<number | null>((resolve) =>
    child.once('close', (code) => {
      isOver = true;
      resolve(code);
      for (const watcher of [...watchers]) watcher();
    }),
  );
  const line = (wanted: (line: Line) => boolean, timeoutMs: number) =>
    new Promise<Line>((resolve, reject) => {
      const look = () => {
        const found = lines.find(wanted);
        if (found === undefined && !isOver) return;
        watchers.delete(look);
        clearTimeout(timer);
        if (found !== undefined) resolve(found);
        else reject(new Error(`the run ended without the line awaited; standard error:\n${errors.slice(-2000)}`));
      };
      const timer = setTimeout(() => {
        watchers.delete(look);
        reject(new Error(`no such line within ${timeoutMs / 1000} s; standard error:\n${errors.slice(-2000)}`));
      }, timeoutMs);
      watchers.add(look);
      look();
    });
  const ready = line((l) => l.value.ready !== undefined, READY_MS).then((l) => l.value.ready!);
  ready.catch(() => {});
  return {
    pid: child.pid!,
    lines,
    stderr: () => errors,
    line,
    ready,
    ended,
    signal: (signal) => void child.kill(signal),
    async dispose() {
      if (isOver) return;
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGKILL'), 40_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

export interface Answer {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly text: string;
  readonly stderr: string;
}

/** One command of the CLI, to its end. */
export async function pulseseal(
  args: readonly string[],
  settings: { readonly input?: string; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<Answer> {
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(settings.cwd === undefined ? {} : { cwd: settings.cwd }),
    env: { ...without(process.env, 'INIT_CWD'), ...settings.env },
  });
  const out: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  child.stdin.on('error', () => {});
  child.stdin.end(settings.input ?? '');
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const stdout = Buffer.concat(out);
  return { code, stdout, text: stdout.toString('utf8'), stderr };
}

function without(env: NodeJS.ProcessEnv, name: string): NodeJS.ProcessEnv {
  const { [name]: _left, ...rest } = env;
  return rest;
}

export async function scratchFolder(name: string): Promise<{ readonly dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), `pulseseal-${name}-`));
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

/** First of seven ports on loopback that are free now. */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const base = 25_200 + 10 * Math.floor(Math.random() * 600);
    const free = await Promise.all(Array.from({ length: 7 }, (_, i) => isFree(base + i)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no seven free ports in a row');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Processes below `pid`, read from /proc; empty where there is none. */
export async function descendants(pid: number): Promise<readonly number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (parent > 0) parents.set(Number(name), parent);
  }
  const found: number[] = [];
  for (let level = [pid]; level.length > 0; ) {
    level = [...parents].filter(([, parent]) => level.includes(parent)).map(([child]) => child);
    found.push(...level);
  }
  return found;
}

/** True while the process runs; one that ended and was not yet collected does not. */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/^[ZX]$/.test(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3));
}

/** A client of the board's API, logged in by the code of a printed URL. */
export async function logIn(url: string, person: string) {
  const { origin, hash } = new URL(url);
  const code = new URLSearchParams(hash.slice(1)).get('login');
  const reply = await fetch(`${origin}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, person }),
  });
  if (!reply.ok) throw new Error(`login answered ${reply.status}`);
  const { token } = (await reply.json()) as { readonly token: string };
  return {
    async get<T>(path: string): Promise<T> {
      const answer = await fetch(`${origin}${path}`, { headers: { authorization: `Bearer ${token}` } });
      if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
      return (await answer.json()) as T;
    },
  };
}

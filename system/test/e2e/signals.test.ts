import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { descendants, freePortBase, isAlive, scratchFolder, startRun } from '../support/run.ts';

/** `npm start` as a terminal or a service manager runs it: in a process group of its own, npm at its head. */

const root = fileURLToPath(new URL('../../../', import.meta.url));
let scratch: Awaited<ReturnType<typeof scratchFolder>>;
beforeAll(async () => {
  scratch = await scratchFolder('signals');
});
afterAll(() => scratch?.remove());

async function npmStart(name: string) {
  const data = join(scratch.dir, name);
  const args = [
    'start',
    '--',
    '--json',
    '--patients',
    '1',
    '--data',
    data,
    '--port-base',
    String(await freePortBase()),
  ];
  const npm = spawn('npm', args, { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  let errors = '';
  npm.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  const isReady = Promise.withResolvers<void>();
  createInterface({ input: npm.stdout }).on('line', (line) => {
    lines.push(line);
    isReady.resolve();
  });
  // `close`: whoever still writes to these pipes would hold it up.
  const ended = new Promise<number | string | null>((resolve) =>
    npm.once('close', (code, signal) => {
      resolve(signal ?? code);
      isReady.reject(new Error(`npm start ended (${signal ?? code}): ${errors}`));
    }),
  );
  return {
    pid: npm.pid!,
    lines,
    errors: () => errors,
    stopReading: () => npm.stdout.destroy(),
    isReady: isReady.promise,
    ended,
  };
}

describe('npm start, when it is ended', () => {
  // npm itself does not live through a SIGHUP; the system does.
  it.concurrent.each([
    ['Ctrl-C in its terminal', 'SIGINT', 'group', 0],
    ['a service manager', 'SIGTERM', 'group', 0],
    ['whoever started npm', 'SIGTERM', 'npm', 0],
    ['whoever hangs up on npm', 'SIGHUP', 'npm', 'SIGHUP'],
  ] as const)(
    'by %s (%s to the %s), drains, says the totals, and leaves no process',
    async (_by, signal, to, status) => {
      const run = await npmStart(`${signal}-${to}`);
      let below: readonly number[] = [];
      try {
        await run.isReady;
        below = await descendants(run.pid);
        expect(below.length).toBeGreaterThanOrEqual(6);
        process.kill(to === 'group' ? -run.pid : run.pid, signal);
        expect(await run.ended, run.errors()).toBe(status);
        expect(JSON.parse(run.lines.at(-1)!)).toMatchObject({ totals: { lost: 0, duplicate: 0 } });
        await vi.waitFor(async () => expect(await living(below)).toEqual([]), 5_000);
      } finally {
        for (const pid of await living([run.pid, ...below])) process.kill(pid, 'SIGKILL');
      }
    },
    100_000,
  );
});

it('npm start drains when its reader has seen enough (`| head -1`), and lets go of its folder', async () => {
  const run = await npmStart('head');
  let below: readonly number[] = [];
  try {
    await run.isReady;
    below = await descendants(run.pid);
    run.stopReading();
    expect(await run.ended, run.errors()).toBe(0);
    expect(run.errors()).toContain('stopping:');
    expect(existsSync(join(scratch.dir, 'head', 'running'))).toBe(false);
    await vi.waitFor(async () => expect(await living(below)).toEqual([]), 5_000);
  } finally {
    for (const pid of await living([run.pid, ...below])) process.kill(pid, 'SIGKILL');
  }
}, 100_000);

const hasTerminal = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;
if (!hasTerminal)
  console.warn('SKIPPED: closing the terminal of npm start, because `script` of util-linux is not on PATH');

it.skipIf(!hasTerminal)(
  'npm start drains when its terminal is gone and takes no word more',
  async () => {
    const data = join(scratch.dir, 'terminal');
    const command = `npm start -- --patients 1 --data '${data}' --port-base ${await freePortBase()}`;
    const terminal = spawn('script', ['-qec', command, '/dev/null'], { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] });
    let below: readonly number[] = [];
    try {
      await new Promise<void>((resolve, reject) => {
        let shown = '';
        terminal.stdout.on('data', (chunk) => {
          shown += String(chunk);
          if (shown.includes('Ctrl-C')) resolve();
        });
        terminal.once('close', () => reject(new Error(shown)));
      });
      below = await descendants(terminal.pid!);
      terminal.kill('SIGKILL');
      // A run that ends out of order leaves the mark.
      await vi.waitFor(() => expect(existsSync(join(data, 'running'))).toBe(false), 30_000);
      await vi.waitFor(async () => expect(await living(below)).toEqual([]), 5_000);
    } finally {
      for (const pid of await living([terminal.pid!, ...below])) process.kill(pid, 'SIGKILL');
    }
  },
  100_000,
);

it('has totals over both runs after kill -9 of everything', async () => {
  const args = ['--patients', '1', '--data', join(scratch.dir, 'killed'), '--port-base', String(await freePortBase())];
  const first = startRun(args);
  await first.ready;
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  const all = [first.pid, ...(await descendants(first.pid))];
  for (const pid of all) process.kill(pid, 'SIGKILL');
  await vi.waitFor(async () => expect(await living(all)).toEqual([]), 5_000);
  const second = startRun(['--for', '3', ...args]);
  expect(await second.ended, second.stderr()).toBe(0);
  const { totals } = second.lines.at(-1)!.value;
  expect(totals).toMatchObject({ lost: 0, duplicate: 0, acknowledged: totals!.stored, opened: totals!.stored });
}, 100_000);

async function living(pids: readonly number[]): Promise<readonly number[]> {
  const found: number[] = [];
  for (const pid of pids) if (await isAlive(pid)) found.push(pid);
  return found;
}

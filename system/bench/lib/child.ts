import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A process of a bench, on its own core where the machine can do that. Answers questions one by one. */
export interface BenchChild {
  readonly pid: number;
  ask<Answer>(name: string, value?: unknown): Promise<Answer>;
  /** CPU time used so far by all its threads, s. */
  cpuS(): number;
  kill(): Promise<void>;
  /** Closes the channel: the process ends by itself; killed when it does not. */
  end(): Promise<void>;
}

export interface ChildOptions {
  /** Undefined: anywhere. */
  readonly core?: number;
  readonly args?: readonly string[];
  readonly execArgv?: readonly string[];
  /** Words before the program, such as `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
}

/** taskset of util-linux; without it processes move between cores and figures are worth less. */
export const canPin = spawnSync('taskset', ['-V']).status === 0;

const CLOCK_TICKS_PER_S = 100;
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function startChild(file: string, options: ChildOptions = {}): BenchChild {
  const path = fileURLToPath(new URL(`../processes/${file}`, import.meta.url));
  const pin = options.core !== undefined && canPin ? ['taskset', '-c', String(options.core)] : [];
  const profile = process.env.BENCH_PROFILE;
  const profiling =
    profile === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${file}.${Date.now()}.cpuprofile`];
  const words = [...(options.prefix ?? []), ...pin, process.execPath, ...profiling, ...(options.execArgv ?? []), path];
  const child = spawn(words[0]!, [...words.slice(1), ...(options.args ?? [])], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
    env: { ...process.env, UV_THREADPOOL_SIZE: '4', NODE_NO_WARNINGS: '1' },
  });
  running.add(child);
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let nextId = 1;
  const ended = new Promise<void>((resolve) => {
    const finish = () => {
      running.delete(child);
      for (const w of waiting.values()) w.reject(new Error(`${file} ended (${child.signalCode ?? child.exitCode})`));
      waiting.clear();
      resolve();
    };
    child.once('exit', finish);
    child.once('error', finish);
  });
  child.on('message', (raw) => {
    const { id, value, error } = raw as { readonly id: number; readonly value?: unknown; readonly error?: string };
    const w = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) w?.resolve(value);
    else w?.reject(new Error(`${file}: ${error}`));
  });
  return {
    get pid() {
      return child.pid ?? 0;
    },
    ask<Answer>(name: string, value?: unknown) {
      if (!running.has(child)) return Promise.reject(new Error(`${file} has ended`));
      const id = nextId++;
      return new Promise<Answer>((resolve, reject) => {
        waiting.set(id, { resolve: (answer) => resolve(answer as Answer), reject });
        child.send({ id, name, value });
      });
    },
    cpuS: () => cpuSecondsOf(child.pid ?? 0),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async end() {
      if (child.connected) child.disconnect();
      const hard = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(hard);
    },
  };
}

/** User and system time of a process, s; 0 where there is no /proc. */
export function cpuSecondsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_S;
  } catch {
    return 0;
  }
}

/** Resident bytes of a process; 0 where there is no /proc. */
export function residentBytesOf(pid: number): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Ids of the processes of which `pid` is the parent. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]!.split(' ')[1]) === pid;
      } catch {
        return false;
      }
    })
    .map(Number);
}

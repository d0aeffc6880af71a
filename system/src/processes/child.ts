import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromZone, ToZone, ZoneName } from './ipc.ts';

/** One zone's process as the supervisor sees it. */
export interface Child {
  readonly zone: ZoneName;
  readonly pid: number;
  call<Answer>(name: string, value?: unknown): Promise<Answer>;
  onEvent(listener: (name: string, value: unknown) => void): void;
  /** Resolves with the exit code when the process has ended, however it ended. */
  readonly ended: Promise<number>;
  stop(graceMs: number): Promise<void>;
  /** For fault drills: kill -9. */
  kill(): void;
}

/** A zone's process whose code loads while it waits for its settings. */
export interface Fork {
  /** Waits for its `ready`. @throws with the zone's own words when it cannot start. */
  start<Ready>(settings: unknown): Promise<{ readonly child: Child; readonly ready: Ready }>;
  /** Ends a process that was never started. */
  abandon(): void;
}

export function forkZone(zone: ZoneName): Fork {
  const process_ = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), [zone], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return {
    start: (settings) => begin(process_, zone, settings),
    abandon: () => {
      process_.kill('SIGKILL');
    },
  };
}

/** Starts a zone's process and waits for its `ready`. @throws with the zone's own words when it cannot start. */
export function startChild<Ready>(
  zone: ZoneName,
  settings: unknown,
): Promise<{ readonly child: Child; readonly ready: Ready }> {
  return forkZone(zone).start(settings);
}

async function begin<Ready>(
  process_: ChildProcess,
  zone: ZoneName,
  settings: unknown,
): Promise<{ readonly child: Child; readonly ready: Ready }> {
  if (process_.exitCode !== null || process_.signalCode !== null)
    throw new Error(`the ${zone} process ended at its start`);
  const listeners: ((name: string, value: unknown) => void)[] = [];
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let nextId = 1;
  let isEnded = false;
  const started = Promise.withResolvers<unknown>();
  const ended = new Promise<number>((resolve) => {
    process_.once('exit', (code, signal) => {
      isEnded = true;
      const error = new Error(`the ${zone} process ended (${signal ?? code})`);
      started.reject(error);
      for (const w of waiting.values()) w.reject(error);
      waiting.clear();
      resolve(code ?? 128);
    });
  });
  process_.on('message', (raw) => {
    const message = raw as FromZone;
    if (message.kind === 'ready') started.resolve(message.value);
    else if (message.kind === 'event') for (const l of listeners) l(message.name, message.value);
    else if (message.kind === 'fatal') started.reject(new Error(`${zone}: ${message.text}`));
    else {
      const w = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.kind === 'answer') w?.resolve(message.value);
      else w?.reject(new Error(`${zone}: ${message.text}`));
    }
  });
  send(process_, { kind: 'start', settings });
  const child: Child = {
    zone,
    pid: process_.pid ?? 0,
    call<Answer>(name: string, value?: unknown) {
      if (isEnded) return Promise.reject(new Error(`the ${zone} process has ended`));
      const id = nextId++;
      return new Promise<Answer>((resolve, reject) => {
        waiting.set(id, { resolve: (answer) => resolve(answer as Answer), reject });
        send(process_, { kind: 'call', id, name, value });
      });
    },
    onEvent: (listener) => listeners.push(listener),
    ended,
    async stop(graceMs) {
      if (isEnded) return;
      send(process_, { kind: 'stop' });
      const hard = setTimeout(() => process_.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(hard);
    },
    kill: () => {
      process_.kill('SIGKILL');
    },
  };
  try {
    return { child, ready: (await started.promise) as Ready };
  } catch (error) {
    process_.kill('SIGKILL');
    throw error;
  }
}

function send(child: ChildProcess, message: ToZone): void {
  if (child.connected) child.send(message);
}

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromZone, ToZone } from '../../src/processes/ipc.ts';

/** A zone's process as a test starts it: everything it writes is kept. */
export interface ZoneChild<Ready> {
  readonly pid: number;
  readonly ready: Ready;
  /** What it wrote to stdout and stderr so far. */
  readonly output: () => Uint8Array;
  stop(): Promise<void>;
}

export const ZONE_PROGRAM = fileURLToPath(new URL('../../src/processes/main.ts', import.meta.url));
export const LEAKY_EDGE = fileURLToPath(new URL('./leaky-edge.ts', import.meta.url));

export async function startZone<Ready>(program: string, name: string, settings: unknown): Promise<ZoneChild<Ready>> {
  const child = fork(program, [name], { serialization: 'advanced', stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const written: Uint8Array[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Uint8Array) => written.push(chunk));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.on('message', (message) => {
      const said = message as FromZone;
      if (said.kind === 'ready') resolve(said.value as Ready);
      if (said.kind === 'fatal') reject(new Error(`${name}: ${said.text}`));
    });
    void ended.then(() => reject(new Error(`${name} ended: ${Buffer.concat(written).toString().slice(-2_000)}`)));
    child.send({ kind: 'start', settings } satisfies ToZone);
  });
  return {
    pid: child.pid ?? 0,
    ready,
    output: () => Buffer.concat(written),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.send({ kind: 'stop' } satisfies ToZone);
      const hard = setTimeout(() => child.kill('SIGKILL'), 8_000);
      await ended;
      clearTimeout(hard);
    },
  };
}

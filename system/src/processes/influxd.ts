import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Clock, sleep } from '@pulseseal/runtime';
import { OptionError } from '../start/options.ts';

export interface Influxd {
  readonly url: string;
  stop(): Promise<void>;
}

/** How long a fresh server may take until it answers. */
const READY_MS = 20_000;

/**
 * Its standard input is a pipe from this process: however this one ends, the pipe closes and the server is told to stop.
 * Two on one folder would spoil it.
 */
const WATCHED = 'exec 3<&0; (cat <&3 >/dev/null; kill $$) 2>/dev/null & exec influxd run -config "$0" </dev/null 3<&-';
/** What a shell answers for a program that it does not find. */
const NOT_FOUND = 127;

/** Starts the influxd (1.x) found on PATH on loopback, with its files in `dir`. @throws with the next step when there is none */
export async function startInfluxd(dir: string, clock: Clock): Promise<Influxd> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const [http, rpc] = [await freePort(), await freePort()];
  const config = join(dir, 'influxd.conf');
  await writeFile(
    config,
    `reporting-disabled = true\nbind-address = "127.0.0.1:${rpc}"\n[meta]\n  dir = "${join(dir, 'meta')}"\n[data]\n  dir = "${join(dir, 'data')}"\n  wal-dir = "${join(dir, 'wal')}"\n  query-log-enabled = false\n[http]\n  bind-address = "127.0.0.1:${http}"\n  log-enabled = false\n[monitor]\n  store-enabled = false\n`,
    { mode: 0o600 },
  );
  // Detached: what a terminal sends to the whole group would end it before the drain.
  const child = spawn('/bin/sh', ['-c', WATCHED, config], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  const gone = Promise.withResolvers<never>();
  child.once('error', gone.reject);
  child.once('exit', (code) =>
    gone.reject(
      code === NOT_FOUND
        ? new OptionError('influxd is not on PATH: install InfluxDB 1.x, or give --store influx=URL of a running one')
        : new Error(`influxd ended at its start (${code}): see its folder ${dir}`),
    ),
  );
  gone.promise.catch(() => {});
  const url = `http://127.0.0.1:${http}`;
  const untilMs = clock.monotonicMs() + READY_MS;
  while (!(await answers(url))) {
    if (clock.monotonicMs() > untilMs)
      throw new Error(`influxd did not answer within ${READY_MS / 1000} s: see its folder ${dir}`);
    await Promise.race([sleep(clock, 200), gone.promise]);
  }
  return {
    url: `${url}/pulseseal`,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/ping`, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

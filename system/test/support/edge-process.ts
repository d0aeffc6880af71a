import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNativeCrypto } from '@pulseseal/crypto';
import { connectLedger, ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import { createMessageSigner, parseCoseKey } from '@pulseseal/protocol';
import { type ClockScale, createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { startChild } from '../../src/processes/child.ts';
import type { EdgeReady, EdgeZoneSettings } from '../../src/processes/contracts.ts';
import type { FromZone, ToZone } from '../../src/processes/ipc.ts';
import type { LedgerReady, LedgerZoneSettings } from '../../src/processes/ledger.ts';
import { freePort } from './fault-run.ts';

/** The zones ledger and edge as the product starts them, and a hand on the edge's process. */
export interface EdgeGround {
  readonly dir: string;
  readonly edgeDir: string;
  readonly journalDir: string;
  readonly brokerPort: number;
  readonly ledger: ReturnType<typeof connectLedger>;
  /** Of the edge that runs, or ran last. */
  ready: EdgeReady;
  /** Starts the edge; resolves when it is ready, or with undefined when it was killed before. */
  start(): Promise<EdgeReady | undefined>;
  /** kill -9; resolves when the process is gone. */
  kill(): Promise<void>;
  pause(): void;
  goOn(): void;
  call<Answer>(name: string, value?: unknown): Promise<Answer>;
  /** Text of the edge's own metrics endpoint. */
  metrics(): Promise<string>;
  metric(name: string, label?: string): Promise<number>;
  /** What the edge wrote on its log. */
  readonly log: () => string;
  /** In order. */
  stop(): Promise<void>;
  end(): Promise<void>;
}

export interface EdgeGroundOptions {
  readonly scale: ClockScale;
  /** Called with the folder of the edge before anything is in it. */
  readonly prepare?: (edgeDir: string) => void | Promise<void>;
}

export async function createEdgeGround(options: EdgeGroundOptions): Promise<EdgeGround> {
  const dir = await mkdtemp(join(tmpdir(), 'pulseseal-faults-'));
  const edgeDir = join(dir, 'edge');
  await options.prepare?.(edgeDir);
  const crypto = createNativeCrypto();
  const clock = createSystemClock();
  const operator = createMessageSigner('ML-DSA-65', createSystemRandom().bytes(32), crypto);
  const base = { scale: options.scale, logLevel: 'warn' };
  const ledgerSettings: LedgerZoneSettings = {
    ...base,
    dir: join(dir, 'ledger'),
    port: await freePort(),
    operatorKey: operator.key,
  };
  const ledgerZone = await startChild<LedgerReady>('ledger', ledgerSettings);
  const address = { url: ledgerZone.ready.url, spkiHash: ledgerZone.ready.spkiHash };
  const ledger = connectLedger({ ...address, clock });
  const edgeSettings: EdgeZoneSettings = {
    ...base,
    dir: edgeDir,
    ledger: address,
    brokerPort: await freePort(),
    metricsPort: await freePort(),
    store: { kind: 'embedded' },
    fromCareDir: join(dir, 'care', 'toedge'),
  };
  let running: ReturnType<typeof runEdgeProcess> | undefined;
  let log = '';
  const ground: EdgeGround = {
    dir,
    edgeDir,
    journalDir: join(edgeDir, 'journal'),
    brokerPort: edgeSettings.brokerPort,
    ledger,
    ready: undefined as unknown as EdgeReady,
    async start() {
      running = runEdgeProcess(edgeSettings, (text) => {
        log = (log + text).slice(-200_000);
      });
      const ready = await running.ready;
      if (ready !== undefined) ground.ready = ready;
      return ready;
    },
    async kill() {
      running?.signal('SIGKILL');
      await running?.ended;
    },
    pause: () => running?.signal('SIGSTOP'),
    goOn: () => running?.signal('SIGCONT'),
    call: (name, value) => running!.call(name, value),
    async metrics() {
      return (await fetch(ground.ready.metrics)).text();
    },
    async metric(name, label) {
      for (const line of (await ground.metrics()).split('\n'))
        if (new RegExp(`^${name}[ {]`).test(line) && (label === undefined || line.includes(`="${label}"`)))
          return Number(line.split(' ').at(-1));
      return 0;
    },
    log: () => log,
    async stop() {
      running?.send({ kind: 'stop' });
      await running?.ended;
    },
    async end() {
      await ground.kill();
      await ledger.close();
      await ledgerZone.child.stop(5_000);
      await rm(dir, { recursive: true, force: true });
    },
  };
  await ground.start();
  const { ledgerId } = ledgerZone.ready;
  const call = ledgerCalls.registerGateway(parseCoseKey(ground.ready.gatewayKey), ground.ready.tenant);
  await submitCall(ledger, call, signAct(operator, ledgerId, call.fn, call.args, clock.nowMs(), clock.nowMs()));
  return ground;
}

function runEdgeProcess(settings: EdgeZoneSettings, told: (text: string) => void) {
  const child: ChildProcess = fork(fileURLToPath(new URL('../../src/processes/main.ts', import.meta.url)), ['edge'], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  });
  child.stderr?.setEncoding('utf8').on('data', told);
  const waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  const started = Promise.withResolvers<EdgeReady | undefined>();
  let nextId = 1;
  const ended = new Promise<void>((resolve) =>
    child.once('exit', (code) => {
      if (code !== null && code !== 0) started.reject(new Error(`the edge ended by itself (exit ${code})`));
      else started.resolve(undefined);
      for (const { reject } of waiting.values()) reject(new Error('the edge process ended'));
      waiting.clear();
      resolve();
    }),
  );
  child.on('message', (raw) => {
    const message = raw as FromZone;
    if (message.kind === 'ready') started.resolve(message.value as EdgeReady);
    if (message.kind === 'fatal') {
      told(`${message.text}\n`);
      started.reject(new Error(message.text));
    }
    if (message.kind === 'answer') waiting.get(message.id)?.resolve(message.value as never);
    if (message.kind === 'failed') waiting.get(message.id)?.reject(new Error(message.text));
  });
  const send = (message: ToZone) => {
    if (child.connected) child.send(message, () => {});
  };
  started.promise.catch(() => {});
  send({ kind: 'start', settings });
  return {
    ready: started.promise,
    ended,
    send,
    signal: (name: NodeJS.Signals) => void child.kill(name),
    call: <Answer>(name: string, value?: unknown) =>
      new Promise<Answer>((resolve, reject) => {
        const id = nextId++;
        waiting.set(id, { resolve, reject });
        send({ kind: 'call', id, name, value });
      }),
  };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchChild, startChild } from '../lib/child.ts';
import { type BenchContext, type Figure, type FigureResult, type Line, roundsOf } from '../lib/figure.ts';
import { sampleOf } from '../lib/stats.ts';
import type { GatewayReady } from '../processes/gateway.ts';
import type { RoundResult } from '../processes/loader.ts';

const CLIENTS = 50;
const WINDOW = 16;
const PAYLOAD_BYTES = 256;
/** K of the delivered profiles: at these rates a device closes when its segment is full. The second row. */
const SEGMENT_FRAMES = 1_024;
/** One signature a minute at 1 Hz: the harder mix. */
const SHORT_SEGMENT_FRAMES = 60;

export type VerifyRate = Rate;
const MOSQUITTO = ['/usr/sbin/mosquitto', '/usr/bin/mosquitto', '/usr/local/sbin/mosquitto'].find((p) => existsSync(p));

/** No bucket may be what is measured here. */
export const OPEN_DOORS = {
  framesPerS: 1_000_000,
  framesBurst: 4_000_000,
  slowOpensPerS: 10_000,
  slowOpensBurst: 100_000,
  loginsPerS: 10_000,
  loginsBurst: 100_000,
  connectionsPerS: 100_000,
  connectionsBurst: 100_000,
} as const;

/** Frames per second of the wall clock, and per second of CPU time of the gateway's process: threads and what follows the acknowledgement included. */
interface Rate {
  readonly perS: number;
  readonly perCpuS: number;
}

interface Round {
  readonly a0: Rate;
  readonly bare: Rate;
  /** A close after every 60 frames. */
  readonly short: Rate;
  /** A close after every 1,024 frames. */
  readonly long: Rate;
  readonly mosquittoPerS?: number;
}

export const throughput: Figure = figure('throughput', false);
export const throughputTls: Figure = figure('throughput-tls', true);

function figure(name: string, isTls: boolean): Figure {
  return {
    name,
    title: `Frames verified, synced and acknowledged${isTls ? ', over TLS 1.3 with X25519MLKEM768' : ''}`,
    run: (context) => run(context, isTls),
  };
}

async function run(context: BenchContext, isTls: boolean): Promise<FigureResult> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-throughput-'));
  const framesPerClient = context.isQuick ? 600 : 1_200;
  const warmUps = isTls ? Math.min(1, context.warmUps) : context.warmUps;
  const count = isTls ? Math.min(3, context.rounds) : context.rounds;
  const verify = startChild('verify-rate.ts', { core: 0 });
  const gateway = startChild('gateway.ts', {
    core: 0,
  });
  const bare = startChild('bare-aedes.ts', { core: 0 });
  const load = startChild('loader.ts', { core: 1, execArgv: ['--expose-gc'] });
  const bareLoad = startChild('loader.ts', { core: 1, execArgv: ['--expose-gc'] });
  const mosquitto = isTls || MOSQUITTO === undefined ? undefined : await startMosquitto(MOSQUITTO, dir);
  const mosquittoLoad = mosquitto && startChild('loader.ts', { core: 1, execArgv: ['--expose-gc'] });
  try {
    const ready = await gateway.ask<GatewayReady>('start', {
      dir: join(dir, 'edge'),
      isTls,
      isPlain: !isTls,
      settings: OPEN_DOORS,
    });
    const port = isTls ? ready.tlsPort : ready.plainPort;
    const place = { port, isTls, gid: ready.gid, gateway: ready.thumbprint };
    await load.ask('joinGateway', { place, clients: CLIENTS });
    const { port: barePort } = await bare.ask<{ port: number }>('start', { isTls });
    await bareLoad.ask('joinBare', { place: { port: barePort, isTls }, clients: CLIENTS });
    await mosquittoLoad?.ask('joinBare', { place: { port: mosquitto!.port, isTls: false }, clients: CLIENTS });
    const frameBytes = await load.ask<number>('frameBytes', { payloadBytes: PAYLOAD_BYTES });
    const rateOf = async (loader: BenchChild) => {
      const { frames, elapsedMs } = await loader.ask<RoundResult>('go', { window: WINDOW });
      return { frames, rate: (frames * 1000) / elapsedMs };
    };
    const ownRound = async (segmentFrames: number): Promise<Rate> => {
      await load.ask('prepare', { framesPerClient, payloadBytes: PAYLOAD_BYTES, segmentFrames });
      const beforeS = gateway.cpuS();
      const { frames, rate } = await rateOf(load);
      // The index is committed once a second: its cost belongs to this round.
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      return { perS: rate, perCpuS: frames / (gateway.cpuS() - beforeS) };
    };
    const rounds = await roundsOf(context, warmUps, count, async (): Promise<Round> => {
      const a0 = await verify.ask<VerifyRate>('rate', 500);
      await bareLoad.ask('prepareBare', { framesPerClient, frameBytes });
      const bareBeforeS = bare.cpuS();
      const { frames, rate } = await rateOf(bareLoad);
      const bareRate = { perS: rate, perCpuS: frames / (bare.cpuS() - bareBeforeS) };
      await mosquittoLoad?.ask('prepareBare', { framesPerClient, frameBytes });
      const mosquittoRound = mosquittoLoad && (await rateOf(mosquittoLoad));
      const short = await ownRound(SHORT_SEGMENT_FRAMES);
      const long = await ownRound(SEGMENT_FRAMES);
      return {
        a0,
        bare: bareRate,
        short,
        long,
        ...(mosquittoRound === undefined ? {} : { mosquittoPerS: mosquittoRound.rate }),
      };
    });
    return resultOf(rounds, warmUps, isTls, framesPerClient);
  } finally {
    for (const child of [verify, gateway, bare, load, bareLoad, mosquittoLoad]) await child?.end();
    mosquitto?.process.kill('SIGTERM');
    await rm(dir, { recursive: true, force: true });
  }
}

function resultOf(rounds: readonly Round[], warmUps: number, isTls: boolean, framesPerClient: number): FigureResult {
  const per = (unit: string, pick: (round: Round) => number) => sampleOf(unit, rounds.map(pick));
  const samples = {
    a0PerS: per('verifications/s', (r) => r.a0.perS),
    a0PerCpuS: per('verifications per s of CPU', (r) => r.a0.perCpuS),
    bareAedesPerS: per('messages/s', (r) => r.bare.perS),
    bareAedesPerCpuS: per('messages per s of CPU', (r) => r.bare.perCpuS),
    framesPerS: per('frames/s', (r) => r.short.perS),
    framesPerCpuS: per('frames per s of CPU', (r) => r.short.perCpuS),
    overA0: per('x', (r) => r.short.perS / r.a0.perS),
    overA0Cpu: per('x of CPU time', (r) => r.short.perCpuS / r.a0.perCpuS),
    overBareAedes: per('x', (r) => r.short.perS / r.bare.perS),
    overBareAedesCpu: per('x of CPU time', (r) => r.short.perCpuS / r.bare.perCpuS),
    longFramesPerS: per('frames/s', (r) => r.long.perS),
    longFramesPerCpuS: per('frames per s of CPU', (r) => r.long.perCpuS),
    longOverA0: per('x', (r) => r.long.perS / r.a0.perS),
    longOverA0Cpu: per('x of CPU time', (r) => r.long.perCpuS / r.a0.perCpuS),
    longOverBareAedes: per('x', (r) => r.long.perS / r.bare.perS),
    longOverBareAedesCpu: per('x of CPU time', (r) => r.long.perCpuS / r.bare.perCpuS),
    ...(rounds[0]?.mosquittoPerS === undefined
      ? {}
      : {
          mosquittoPerS: per('messages/s', (r) => r.mosquittoPerS!),
          overMosquitto: per('x', (r) => r.short.perS / r.mosquittoPerS!),
        }),
  };
  const over = 'overMosquitto' in samples ? samples.overMosquitto : undefined;
  const where = isTls ? ', both sides over TLS' : '';
  const closeEvery = (segmentFrames: number) => `a close after every ${segmentFrames} frames${where}`;
  const lines: Line[] = [
    {
      name: `frames/s over A0, ${closeEvery(SHORT_SEGMENT_FRAMES)}`,
      asked: isTls ? 'a row of its own' : '>= 8 A0',
      aim: isTls ? '-' : '12 A0',
      measured: `${samples.overA0.median} A0 (${samples.framesPerS.median}/s; of CPU time ${samples.overA0Cpu.median} A0)`,
      isMet: isTls || samples.overA0.median >= 8,
      isAimMet: isTls || samples.overA0.median >= 12,
    },
    {
      name: `frames/s over bare aedes, ${closeEvery(SHORT_SEGMENT_FRAMES)}`,
      asked: isTls ? 'a row of its own' : '>= 0.45 x',
      aim: '-',
      measured: `${samples.overBareAedes.median} x (${samples.bareAedesPerS.median}/s; of CPU time ${samples.overBareAedesCpu.median} x)`,
      isMet: isTls || samples.overBareAedes.median >= 0.45,
    },
    {
      name: closeEvery(SEGMENT_FRAMES),
      asked: '-',
      aim: '-',
      measured: `${samples.longOverA0.median} A0, ${samples.longOverBareAedes.median} x (of CPU time ${samples.longOverA0Cpu.median} A0, ${samples.longOverBareAedesCpu.median} x)`,
      isMet: true,
    },
  ];
  if (over !== undefined)
    lines.push({
      name: "frames/s over mosquitto's unsynced QoS 1",
      asked: '-',
      aim: '> 1 x',
      measured: `${over.median} x`,
      isMet: true,
      isAimMet: over.median > 1,
    });
  return {
    lines,
    samples,
    warmUps,
    rounds: rounds.length,
    notes: [
      `${CLIENTS} devices, window ${WINDOW}, ${framesPerClient} frames of ${PAYLOAD_BYTES} bytes each a round, and a signed close after every ${SHORT_SEGMENT_FRAMES} frames, which is checked and stored but not counted as a frame; then the same with a close after every ${SEGMENT_FRAMES} (what the delivered profiles set).`,
      'Rates and ratios are of the wall clock, each process under test alone on one core; beside them stand the same ratios in work per second of CPU time, which other work on the machine moves less.',
      'The gateway has journal, index, embedded feed and evidence log; its ledger is away, so heads are signed and not anchored. Buckets are opened wide, because no bucket is what is measured.',
      'All processes under test share core 0 by turns (A0, bare aedes, mosquitto, gateway), each loader has core 1.',
      ...(over === undefined && !isTls ? ['mosquitto is not installed here: its row is left out.'] : []),
    ],
  };
}

async function startMosquitto(program: string, dir: string): Promise<{ port: number; process: ChildProcess }> {
  const port = await freePort();
  const path = join(dir, 'mosquitto.conf');
  await writeFile(
    path,
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type none\nmax_inflight_messages 0\nset_tcp_nodelay true\n`,
  );
  const child = spawn('taskset', ['-c', '0', program, '-c', path], { stdio: 'ignore' });
  process.on('exit', () => child.kill('SIGKILL'));
  for (let i = 0; i < 100; i++) {
    if (await answers(port)) return { port, process: child };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGKILL');
  throw new Error('mosquitto did not start');
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

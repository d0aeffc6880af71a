import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../lib/child.ts';
import { type BenchContext, type Figure, type FigureResult, roundsOf } from '../lib/figure.ts';
import { sampleOf } from '../lib/stats.ts';
import type { GatewayReady } from '../processes/gateway.ts';
import type { RoundResult } from '../processes/loader.ts';
import { OPEN_DOORS, type VerifyRate } from './throughput.ts';

const CLIENTS = 50;
const WINDOW = 16;
const PAYLOAD_BYTES = 256;

/** Urgent frames: each is followed by its own signed close, so each costs a signature check. */
export const signatures: Figure = {
  name: 'signatures',
  title: 'Urgent frames, a signature per frame',
  run,
};

async function run(context: BenchContext): Promise<FigureResult> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-signatures-'));
  const framesPerClient = context.isQuick ? 40 : 100;
  const verify = startChild('verify-rate.ts', { core: 0 });
  const gateway = startChild('gateway.ts', { core: 0 });
  const load = startChild('loader.ts', { core: 1, execArgv: ['--expose-gc'] });
  try {
    const ready = await gateway.ask<GatewayReady>('start', { dir, settings: OPEN_DOORS });
    const place = { port: ready.plainPort, isTls: false, gid: ready.gid, gateway: ready.thumbprint };
    await load.ask('joinGateway', { place, clients: CLIENTS });
    const rounds = await roundsOf(context, context.warmUps, context.rounds, async () => {
      const { perCpuS: a0 } = await verify.ask<VerifyRate>('rate', 500);
      await load.ask('prepare', { framesPerClient, payloadBytes: PAYLOAD_BYTES, segmentFrames: 1, isUrgent: true });
      const before = gateway.cpuS();
      const { frames, elapsedMs } = await load.ask<RoundResult>('go', { window: WINDOW });
      return { a0, own: (frames * 1000) / elapsedMs, ownPerCpuS: frames / (gateway.cpuS() - before) };
    });
    const overA0 = sampleOf(
      'x',
      rounds.map((r) => r.ownPerCpuS / r.a0),
    );
    const framesPerS = sampleOf(
      'frames/s',
      rounds.map((r) => r.own),
    );
    return {
      lines: [
        {
          name: 'frames/s with a signature per frame',
          asked: '>= 0.7 A0',
          aim: '0.8 A0',
          measured: `${overA0.median} A0 (${framesPerS.median}/s)`,
          isMet: overA0.median >= 0.7,
          isAimMet: overA0.median >= 0.8,
        },
      ],
      samples: {
        a0PerS: sampleOf(
          'verifications per s of CPU',
          rounds.map((r) => r.a0),
        ),
        framesPerS,
        framesPerCpuS: sampleOf(
          'frames per s of CPU',
          rounds.map((r) => r.ownPerCpuS),
        ),
        overA0,
      },
      warmUps: context.warmUps,
      rounds: rounds.length,
      notes: [
        'Ratios are of work per second of CPU time of the one core (A0 likewise), so that other work on the machine does not move them.',
        `${CLIENTS} devices, window ${WINDOW}, ${framesPerClient} urgent frames of ${PAYLOAD_BYTES} bytes each a round, each followed by its own close. A frame counts once its close is acknowledged too.`,
        'A0 is ML-DSA-65; devices of suite 1 sign with ML-DSA-44, which is what the gateway checks.',
      ],
    };
  } finally {
    for (const child of [verify, gateway, load]) await child.end();
    await rm(dir, { recursive: true, force: true });
  }
}

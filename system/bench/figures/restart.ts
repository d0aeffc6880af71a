import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../lib/child.ts';
import { type BenchContext, type Figure, type FigureResult, roundsOf } from '../lib/figure.ts';
import { sampleOf } from '../lib/stats.ts';
import type { GatewayReady } from '../processes/gateway.ts';
import { OPEN_DOORS } from './throughput.ts';

const CLIENTS = 50;

export const restart: Figure = {
  name: 'restart',
  title: 'Killed with 1 M frames stored: time to the first acknowledgement',
  run,
};

async function run(context: BenchContext): Promise<FigureResult> {
  const framesPerClient = context.isQuick ? 2_000 : 20_000;
  const dir = await mkdtemp(join(tmpdir(), 'bench-restart-'));
  const load = startChild('loader.ts', { core: 1, execArgv: ['--expose-gc'] });
  let gateway = startChild('gateway.ts', { core: 0 });
  try {
    const order = { dir, settings: OPEN_DOORS };
    const ready = await gateway.ask<GatewayReady>('start', order);
    const placeOf = (r: GatewayReady) => ({ port: r.plainPort, isTls: false, gid: r.gid, gateway: r.thumbprint });
    await load.ask('joinGateway', { place: placeOf(ready), clients: CLIENTS });
    let frames = 0;
    for (let sent = 0; sent < framesPerClient; sent += 2_000) {
      const made = await load.ask<{ frames: number }>('prepare', {
        framesPerClient: 2_000,
        payloadBytes: 256,
        segmentFrames: 500,
      });
      frames += made.frames;
      await load.ask('go', { window: 16 });
    }
    context.say(`${frames} frames stored`);
    const times = await roundsOf(context, context.warmUps, context.rounds, async () => {
      await gateway.kill();
      const startMs = performance.now();
      gateway = startChild('gateway.ts', { core: 0 });
      const again = await gateway.ask<GatewayReady>('start', order);
      await load.ask('firstAcknowledged', { place: placeOf(again) });
      return performance.now() - startMs;
    });
    const firstMs = sampleOf('ms', times);
    return {
      lines: [
        {
          name: `restart with ${frames === 1_000_000 ? '1 M' : frames} frames stored: first acknowledgement`,
          asked: '<= 2 s',
          aim: '0.5 s',
          measured: `${(firstMs.median / 1000).toPrecision(3)} s`,
          isMet: firstMs.median <= 2_000,
          isAimMet: firstMs.median <= 500,
        },
      ],
      samples: { firstAcknowledgedMs: firstMs },
      warmUps: context.warmUps,
      rounds: times.length,
      notes: [
        'From the start of the process, after kill -9, to the PUBACK of the next frame of a device that had an epoch: program start, recovery of journal and index, login and reading its epoch back are all in it. The gateway has one core.',
      ],
    };
  } finally {
    await load.end();
    await gateway.end();
    await rm(dir, { recursive: true, force: true });
  }
}

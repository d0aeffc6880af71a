import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchChild, residentBytesOf, startChild } from '../lib/child.ts';
import type { BenchContext, Figure, FigureResult } from '../lib/figure.ts';
import { rounded, sampleOf } from '../lib/stats.ts';
import type { GatewayReady } from '../processes/gateway.ts';
import { OPEN_DOORS } from './throughput.ts';

const LIMIT_BYTES = 12_000;
const AIM_BYTES = 4_000;

export const memory: Figure = {
  name: 'memory',
  title: 'Memory of an idle device beyond TLS and a bare connection',
  run,
};

/** Devices before the first reading: code is compiled, pools and buffers that all share are filled. */
const WARM_UP_DEVICES = 200;

interface Reading {
  readonly residentBytes: number;
  readonly liveBytes: number;
}

async function run(context: BenchContext): Promise<FigureResult> {
  const steps = context.isQuick ? 2 : 4;
  const stepDevices = context.isQuick ? 250 : 500;
  const devices = steps * stepDevices;
  const dir = await mkdtemp(join(tmpdir(), 'bench-memory-'));
  const flags = ['--expose-gc'];
  const gateway = startChild('gateway.ts', { core: 0, execArgv: flags });
  const bare = startChild('bare-aedes.ts', { core: 0, execArgv: flags });
  const loads: BenchChild[] = [];
  const loader = () => {
    const load = startChild('loader.ts', { core: 1 });
    loads.push(load);
    return load;
  };
  try {
    const ready = await gateway.ask<GatewayReady>('start', { dir, isTls: true, settings: OPEN_DOORS });
    const place = { port: ready.tlsPort, isTls: true, gid: ready.gid, gateway: ready.thumbprint };
    const { port } = await bare.ask<{ port: number }>('start', { isTls: true });
    const connect = async (clients: number) => {
      await loader().ask('joinGateway', { place, agentPort: ready.plainPort, clients });
      await loader().ask('joinBare', { place: { port, isTls: true }, clients });
      const readings = { own: await settled(gateway), bare: await settled(bare) };
      context.say(`${clients} more: ${JSON.stringify(readings)}`);
      return readings;
    };
    const readings = [await connect(WARM_UP_DEVICES)];
    for (let step = 0; step < steps; step++) readings.push(await connect(stepDevices));
    const grown = (side: 'own' | 'bare', what: keyof Reading, from: number, to: number) =>
      (readings[to]![side][what] - readings[from]![side][what]) / ((to - from) * stepDevices);
    const beyond = (what: keyof Reading, from = 0, to = steps) =>
      grown('own', what, from, to) - grown('bare', what, from, to);
    const eachStep = (value: (from: number, to: number) => number) =>
      sampleOf(
        'B',
        Array.from({ length: steps }, (_, i) => value(i, i + 1)),
      );
    // The greater of the two: pages that were freed before the first reading and are used again hide growth.
    const most = Math.max(beyond('liveBytes'), beyond('residentBytes'));
    return {
      lines: [
        {
          name: `memory per idle device beyond TLS and a bare aedes connection, ${devices} connected`,
          asked: '<= 12 kB',
          aim: '4 kB',
          measured: `${rounded(most / 1000)} kB`,
          isMet: most <= LIMIT_BYTES,
          isAimMet: most <= AIM_BYTES,
        },
      ],
      samples: {
        perDevice: eachStep((from, to) => grown('own', 'residentBytes', from, to)),
        perBareConnection: eachStep((from, to) => grown('bare', 'residentBytes', from, to)),
        beyond: eachStep((from, to) => beyond('residentBytes', from, to)),
        liveBeyond: eachStep((from, to) => beyond('liveBytes', from, to)),
      },
      warmUps: 1,
      rounds: steps,
      notes: [
        `After the most thorough collection, with ${devices} connections over the same process with ${WARM_UP_DEVICES}; the samples are its ${steps} parts of ${stepDevices}. The figure is the greater of two: live memory of the heap and its buffers (\`liveBeyond\`), and resident memory (\`beyond\`), where pages freed before the first reading and used again hide growth.`,
        'Every device is endorsed, has a manifest, a login over TLS, a subscription and an accepted epoch with its keys. The bare connection has the same TLS and keepalive, and no subscription.',
      ],
    };
  } finally {
    for (const child of [...loads, gateway, bare]) await child.end();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The least of some readings after collections: what is not garbage and not a passing buffer. */
async function settled(child: BenchChild): Promise<Reading> {
  let residentBytes = Number.POSITIVE_INFINITY;
  let liveBytes = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 6; i++) {
    const used = await child.ask<NodeJS.MemoryUsage>('memory');
    await new Promise((resolve) => setTimeout(resolve, 500));
    residentBytes = Math.min(residentBytes, residentBytesOf(child.pid));
    liveBytes = Math.min(liveBytes, used.heapUsed + used.arrayBuffers);
  }
  return { residentBytes, liveBytes };
}

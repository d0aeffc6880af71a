import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchChild, residentBytesOf, startChild } from '../lib/child.ts';
import type { BenchContext, Figure, FigureResult } from '../lib/figure.ts';
import { GATEWAY_FLAGS } from '../lib/flags.ts';
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

async function run(context: BenchContext): Promise<FigureResult> {
  const clients = context.isQuick ? 400 : 2_000;
  const dir = await mkdtemp(join(tmpdir(), 'bench-memory-'));
  const flags = ['--expose-gc', ...GATEWAY_FLAGS];
  const gateway = startChild('gateway.ts', { core: 0, execArgv: flags });
  const bare = startChild('bare-aedes.ts', { core: 0, execArgv: flags });
  const load = startChild('loader.ts', { core: 1 });
  const bareLoad = startChild('loader.ts', { core: 1 });
  try {
    const ready = await gateway.ask<GatewayReady>('start', { dir, isTls: true, settings: OPEN_DOORS });
    const place = { port: ready.tlsPort, isTls: true, gid: ready.gid, gateway: ready.thumbprint };
    const { port } = await bare.ask<{ port: number }>('start', { isTls: true });
    // Code paths are compiled and pools filled before the first reading.
    await load.ask('joinGateway', { place, agentPort: ready.plainPort, clients: 50 });
    await bareLoad.ask('joinBare', { place: { port, isTls: true }, clients: 50 });
    const before = { own: await settled(gateway), bare: await settled(bare) };
    context.say(`before: ${JSON.stringify(before)}`);
    const more = startChild('loader.ts', { core: 1 });
    const bareMore = startChild('loader.ts', { core: 1 });
    try {
      await bareMore.ask('joinBare', { place: { port, isTls: true }, clients });
      await more.ask('joinGateway', { place, agentPort: ready.plainPort, clients });
      const after = { own: await settled(gateway), bare: await settled(bare) };
      context.say(`after: ${JSON.stringify(after)}`);
      const own = (after.own - before.own) / clients;
      const plain = (after.bare - before.bare) / clients;
      const beyond = own - plain;
      return {
        lines: [
          {
            name: `memory per idle device beyond TLS and a bare aedes connection, ${clients} connected`,
            asked: '<= 12 kB',
            aim: '4 kB',
            measured: `${rounded(beyond / 1000)} kB`,
            isMet: beyond <= LIMIT_BYTES,
            isAimMet: beyond <= AIM_BYTES,
          },
        ],
        samples: {
          perDevice: sampleOf('B', [own]),
          perBareConnection: sampleOf('B', [plain]),
          beyond: sampleOf('B', [beyond]),
        },
        warmUps: 0,
        rounds: 1,
        notes: [
          `One run: resident memory after collection with ${clients} connections more, over the same process with 50. Every device is endorsed, has a manifest, a login over TLS and an accepted epoch with its keys.`,
        ],
      };
    } finally {
      for (const child of [more, bareMore]) await child.end();
    }
  } finally {
    for (const child of [load, bareLoad, gateway, bare]) await child.end();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The least of some readings after collections: what is not garbage and not a passing buffer. */
async function settled(child: BenchChild): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 6; i++) {
    await child.ask('memory');
    await new Promise((resolve) => setTimeout(resolve, 500));
    least = Math.min(least, residentBytesOf(child.pid));
  }
  return least;
}

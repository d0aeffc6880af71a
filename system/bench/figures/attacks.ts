import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { residentBytesOf, startChild } from '../lib/child.ts';
import type { BenchContext, Figure, FigureResult } from '../lib/figure.ts';
import { quantile, rounded, sampleOf } from '../lib/stats.ts';
import type { GatewayReady } from '../processes/gateway.ts';

const VALID_PER_S = 200;
const VALID_DEVICES = 50;
const FORGERS = 50;
const FORGED_PER_S = 5_000;
const FLOODERS = 200;

/** Buckets as delivered; only the ward's own start is not rationed. */
const SETTINGS = { slowOpensBurst: 100_000, loginsBurst: 2_500 } as const;

interface Steady {
  readonly total: number;
  readonly latencies: readonly number[];
}

export const forged: Figure = {
  name: 'forged',
  title: '5,000 forged frames a second from 50 clients beside 200 valid ones',
  run: runForged,
};
export const flood: Figure = { name: 'flood', title: 'QoS 0 flood of 200 clients', run: runFlood };

async function runForged(context: BenchContext): Promise<FigureResult> {
  const durationMs = context.isQuick ? 5_000 : 20_000;
  return withGateway(async ({ place, gateway }) => {
    const honest = startChild('steady.ts', { core: 1 });
    const attackers = startChild('attack.ts', { core: 1 });
    try {
      await honest.ask('join', { place, clients: VALID_DEVICES });
      await attackers.ask('join', { place, clients: FORGERS });
      const before = await honest.ask<Steady>('send', { perS: VALID_PER_S, durationMs: 3_000 });
      const attack = attackers.ask<{ sent: number; logins: number }>('forge', {
        place,
        clients: FORGERS,
        perS: FORGED_PER_S,
        durationMs,
      });
      // The attackers prepare first; then both run.
      await new Promise((resolve) => setTimeout(resolve, 500));
      const { total, latencies } = await honest.ask<Steady>('send', { perS: VALID_PER_S, durationMs });
      const { sent, logins } = await attack;
      const sorted = [...latencies].sort((a, b) => a - b);
      const quiet = [...before.latencies].sort((a, b) => a - b);
      const passed = rounded((100 * latencies.filter((ms) => ms <= 3_000).length) / total);
      const p99 = rounded(quantile(sorted, 0.99));
      return {
        lines: [
          {
            name: `valid frames acknowledged within 3 s beside ${FORGED_PER_S} forged/s`,
            asked: '>= 95 %',
            aim: '-',
            measured: `${passed} %`,
            isMet: passed >= 95,
          },
          { name: 'their p99', asked: '<= 3 s', aim: '-', measured: `${p99} ms`, isMet: p99 <= 3_000 },
        ],
        samples: {
          passed: sampleOf('%', [passed]),
          p50Ms: sampleOf('ms', [quantile(sorted, 0.5)]),
          p99Ms: sampleOf('ms', [p99]),
          quietP99Ms: sampleOf('ms', [quantile(quiet, 0.99)]),
          forgedPerS: sampleOf('frames/s', [(sent * 1000) / durationMs]),
          attackerLogins: sampleOf('logins', [logins]),
          residentBytes: sampleOf('B', [residentBytesOf(gateway.pid)]),
        },
        warmUps: 0,
        rounds: 1,
        notes: [
          `One run of ${durationMs / 1000} s with the settings as delivered. The forgers begin as endorsed devices with an epoch that send wrong tags; when they are put out they come back under fresh identities at once.`,
        ],
      };
    } finally {
      for (const child of [honest, attackers]) await child.end();
    }
  });
}

async function runFlood(context: BenchContext): Promise<FigureResult> {
  const durationMs = context.isQuick ? 4_000 : 15_000;
  return withGateway(async ({ place, gateway }) => {
    const honest = startChild('steady.ts', { core: 1 });
    const attackers = startChild('attack.ts', { core: 1 });
    try {
      await honest.ask('join', { place, clients: 10 });
      await attackers.ask('join', { place, clients: FLOODERS });
      const attack = attackers.ask<{ sent: number; closed: number }>('flood', { place, durationMs });
      const during = await honest.ask<Steady>('send', { perS: 50, durationMs });
      const { sent, closed } = await attack;
      const resident = residentBytesOf(gateway.pid);
      const sorted = [...during.latencies].sort((x, y) => x - y);
      const endedMs = performance.now();
      let isAlive = false;
      // What the attackers left in buffers is worked off first.
      for (let i = 0; i < 5 && !isAlive; i++) {
        const after = await honest.ask<Steady>('send', { perS: 50, durationMs: 1_000 });
        isAlive = after.latencies.length === after.total;
      }
      const recoveredMs = performance.now() - endedMs;
      return {
        lines: [
          {
            name: `QoS 0 flood of ${FLOODERS} clients`,
            asked: 'survived',
            aim: '-',
            measured: `${isAlive ? 'survived' : 'NOT survived'}: ${sent} messages, ${during.latencies.length} of ${during.total} valid frames passed`,
            isMet: isAlive,
          },
        ],
        samples: {
          floodedPerS: sampleOf('messages/s', [(sent * 1000) / durationMs]),
          closedConnections: sampleOf('connections', [closed]),
          validPassed: sampleOf('%', [(100 * during.latencies.length) / during.total]),
          recoveredMs: sampleOf('ms', [recoveredMs]),
          validP99Ms: sampleOf('ms', [quantile(sorted, 0.99)]),
          residentBytes: sampleOf('B', [resident]),
        },
        warmUps: 0,
        rounds: 1,
        notes: [
          `One run of ${durationMs / 1000} s: ${FLOODERS} endorsed devices send one valid frame over and over with QoS 0 as fast as their sockets take it, and come back when they are put out; settings as delivered. Survived: the process lives and acknowledges every valid frame afterwards.`,
        ],
      };
    } finally {
      for (const child of [honest, attackers]) await child.end();
    }
  });
}

async function withGateway<T>(
  task: (world: { readonly place: unknown; readonly gateway: ReturnType<typeof startChild> }) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-attack-'));
  const gateway = startChild('gateway.ts', { core: 0 });
  try {
    const ready = await gateway.ask<GatewayReady>('start', { dir, settings: SETTINGS });
    return await task({
      place: { port: ready.plainPort, isTls: false, gid: ready.gid, gateway: ready.thumbprint },
      gateway,
    });
  } finally {
    await gateway.end();
    await rm(dir, { recursive: true, force: true });
  }
}

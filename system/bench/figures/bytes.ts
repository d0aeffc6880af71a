import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../lib/child.ts';
import type { BenchContext, Figure, FigureResult, Line } from '../lib/figure.ts';
import { cannotSeparate, createNetworkSpace } from '../lib/netns.ts';
import { rounded, sampleOf } from '../lib/stats.ts';
import type { GatewayReady } from '../processes/gateway.ts';

const CASES = [
  { segmentFrames: 60, heartbeatMs: 5_000, limit: 1.7, aim: 1.5 },
  { segmentFrames: 300, heartbeatMs: 15_000, limit: 1.4, aim: 1.3 },
] as const;

/** Real packets of one device, counted at its network interface. */
export const bytes: Figure = {
  name: 'bytes',
  title: 'IP bytes both ways of a 64-byte vital at 1 Hz, against MQTT over TLS',
  cannotRun: cannotSeparate,
  run,
};

async function run(context: BenchContext): Promise<FigureResult> {
  const messages = context.isQuick ? 900 : 3_600;
  const scale = { originMs: Date.now(), speed: context.isQuick ? 30 : 20 };
  const dir = await mkdtemp(join(tmpdir(), 'bench-bytes-'));
  const spaces = [1, 2, 3].map(createNetworkSpace);
  const gateway = startChild('gateway.ts', { core: 0 });
  const bare = startChild('bare-aedes.ts', { core: 0 });
  const wearables = spaces.map((space) => startChild('wearable.ts', { core: 1, prefix: space.prefix }));
  try {
    const host = spaces[0]!.host;
    const ready = await gateway.ask<GatewayReady>('start', { dir, isTls: true, isPlain: false, host, scale });
    const { port: barePort } = await bare.ask<{ port: number }>('start', { isTls: true, host });
    const place = { host, port: ready.tlsPort, gateway: ready.thumbprint, scale };
    const own = CASES.map(async (c, i) => {
      const [space, wearable] = [spaces[i]!, wearables[i]!];
      await wearable.ask('claim', { ...place, segmentFrames: c.segmentFrames, heartbeatMs: c.heartbeatMs });
      const before = space.count();
      const said = await wearable.ask<{ isDrained: boolean; counts: unknown }>('live', messages);
      const after = space.count();
      context.say(JSON.stringify({ segmentFrames: c.segmentFrames, ...said }));
      if (!said.isDrained) throw new Error('the device kept something back: its bytes do not count');
      return { bytes: after.bytes - before.bytes, packets: after.packets - before.packets };
    });
    const plain = (async () => {
      const before = spaces[2]!.count();
      await wearables[2]!.ask('plain', { host, port: barePort, scale, messages });
      const after = spaces[2]!.count();
      return { bytes: after.bytes - before.bytes, packets: after.packets - before.packets };
    })();
    const [base, ...counts] = await Promise.all([plain, ...own]);
    const ratios = counts.map((c) => rounded(c.bytes / base.bytes));
    const lines: Line[] = CASES.map((c, i) => ({
      name: `IP bytes of a 64-byte vital at 1 Hz over MQTT with TLS, ${c.segmentFrames} frames a segment, heartbeat ${c.heartbeatMs / 1000} s`,
      asked: `<= ${c.limit} x`,
      aim: `${c.aim} x`,
      measured: `${ratios[i]} x (${rounded(counts[i]!.bytes / messages)} against ${rounded(base.bytes / messages)} B/vital)`,
      isMet: ratios[i]! <= c.limit,
      isAimMet: ratios[i]! <= c.aim,
    }));
    return {
      lines,
      samples: {
        plainBytes: sampleOf('B', [base.bytes]),
        plainPackets: sampleOf('packets', [base.packets]),
        bytes60: sampleOf('B', [counts[0]!.bytes]),
        packets60: sampleOf('packets', [counts[0]!.packets]),
        ratio60: sampleOf('x', [ratios[0]!]),
        bytes300: sampleOf('B', [counts[1]!.bytes]),
        packets300: sampleOf('packets', [counts[1]!.packets]),
        ratio300: sampleOf('x', [ratios[1]!]),
      },
      warmUps: 0,
      rounds: 1,
      notes: [
        `One run: ${messages} s of vitals with all clocks ${scale.speed} times as fast, three network namespaces at once. Counted at the interface (IPv4 + TCP with options, no Ethernet header): TCP and TLS handshakes, login, opening, heartbeats, closes, progress, acknowledgements, both ways.`,
        "Epochs of an hour, as delivered: the second one's opening falls into the hour that is measured. Progress is told once a minute, because PUBACKs of the device's own TLS session count.",
        'The device library sends one chest strap stream of 64-byte payloads padded to 24; the other side sends the same 64 bytes with QoS 1 over the same TLS and a topic of the same length. Faster clocks let a few TCP acknowledgements ride on the next packet, on both sides.',
      ],
    };
  } finally {
    for (const child of [...wearables, gateway, bare]) await child.end();
    for (const space of spaces) space.remove();
    await rm(dir, { recursive: true, force: true });
  }
}

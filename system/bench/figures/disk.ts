import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../lib/child.ts';
import type { BenchContext, Figure, FigureResult } from '../lib/figure.ts';
import { rounded, sampleOf } from '../lib/stats.ts';
import type { GatewayReady } from '../processes/gateway.ts';
import { OPEN_DOORS } from './throughput.ts';

const CLIENTS = 50;
const PAYLOAD_BYTES = 256;
const SEGMENT_FRAMES = 60;

interface Sizes {
  readonly journalBytes: number;
  readonly feedBytes: number;
  readonly indexBytes: number;
}

/** One hour of 50 devices at 1 Hz: every byte that stands in the edge's folder afterwards, over the ciphertext. */
export const disk: Figure = {
  name: 'disk',
  title: 'Disk per frame, all evidence included, over ciphertext bytes',
  run,
};

async function run(context: BenchContext): Promise<FigureResult> {
  const framesPerClient = context.isQuick ? 1_200 : 3_600;
  const dir = await mkdtemp(join(tmpdir(), 'bench-disk-'));
  const gateway = startChild('gateway.ts', { core: 0 });
  const load = startChild('loader.ts', { core: 1 });
  try {
    const ready = await gateway.ask<GatewayReady>('start', { dir, settings: OPEN_DOORS });
    const place = { port: ready.plainPort, isTls: false, gid: ready.gid, gateway: ready.thumbprint };
    await load.ask('joinGateway', { place, clients: CLIENTS });
    let frames = 0;
    let ciphertextBytes = 0;
    for (let sent = 0; sent < framesPerClient; sent += 600) {
      const made = await load.ask<{ frames: number; ciphertextBytes: number }>('prepare', {
        framesPerClient: Math.min(600, framesPerClient - sent),
        payloadBytes: PAYLOAD_BYTES,
        segmentFrames: SEGMENT_FRAMES,
      });
      frames += made.frames;
      ciphertextBytes += made.ciphertextBytes;
      await load.ask('go', { window: 16 });
    }
    await load.end();
    await gateway.ask('stop');
    const sizes = await gateway.ask<Sizes>('sizes');
    const total = sizes.journalBytes + sizes.indexBytes;
    const ratio = rounded(total / ciphertextBytes);
    const withFeed = rounded((total + sizes.feedBytes) / ciphertextBytes);
    return {
      lines: [
        {
          name: 'disk per frame, journal and index, over ciphertext bytes',
          asked: '<= 1.40 x',
          aim: '1.3 x',
          measured: `${ratio} x (${withFeed} x with the unread feed)`,
          isMet: ratio <= 1.4,
          isAimMet: ratio <= 1.3,
        },
      ],
      samples: {
        overCiphertext: sampleOf('x', [ratio]),
        overCiphertextWithFeed: sampleOf('x', [withFeed]),
        ciphertextBytes: sampleOf('B/frame', [ciphertextBytes / frames]),
        journalBytes: sampleOf('B/frame', [sizes.journalBytes / frames]),
        unreadFeedBytes: sampleOf('B/frame', [sizes.feedBytes / frames]),
        indexBytes: sampleOf('B/frame', [sizes.indexBytes / frames]),
      },
      warmUps: 0,
      rounds: 1,
      notes: [
        `One run (sizes do not vary): ${frames} frames of ${CLIENTS} devices, ${SEGMENT_FRAMES} a segment, ${PAYLOAD_BYTES}-byte payloads, each device with its endorsement, manifest, opening and wraps. Counted are the files of journal and index after the gateway has stopped: ciphertext, tags, signatures, tree and index. The feed to recipients is a queue that is given up once it is read; here nobody reads, and what it holds is stated apart (references, leaves, a receipt per segment, and the 3,309-byte signature they share once a record).`,
      ],
    };
  } finally {
    await load.end();
    await gateway.end();
    await rm(dir, { recursive: true, force: true });
  }
}

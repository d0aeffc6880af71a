import { createHash } from 'node:crypto';
import { connectRaw, messageIdOf, publishPacket, type RawClient } from '../lib/raw-client.ts';
import { type GatewayPlace, type LiveDevice, liveDevice, readBeacon } from '../lib/raw-world.ts';
import { serve } from '../lib/serve.ts';

/**
 * The loader: real devices' bytes over raw sockets. Frames and closes of a round are made before it starts, so that
 * sealing costs nothing while it runs.
 */
export interface PlainPlace {
  readonly port: number;
  readonly isTls: boolean;
}

export interface PrepareOrder {
  readonly framesPerClient: number;
  readonly payloadBytes: number;
  /** Frames of a segment; a close follows each. 1 and `isUrgent`: a signature per frame. */
  readonly segmentFrames: number;
  readonly isUrgent?: boolean;
}

export interface RoundResult {
  readonly frames: number;
  readonly elapsedMs: number;
}

let devices: LiveDevice[] = [];
let bare: { readonly topic: string; readonly client: RawClient }[] = [];
let rounds: { readonly client: RawClient; readonly packets: Buffer[] }[] = [];
let framesReady = 0;
let sequence = 0;

serve({
  async joinGateway({ place, clients }: { readonly place: GatewayPlace; readonly clients: number }) {
    const beacon = await readBeacon(place);
    devices = [];
    for (let i = 0; i < clients; i++) devices.push(await liveDevice(place, place, beacon));
  },
  async joinBare({ place, clients }: { readonly place: PlainPlace; readonly clients: number }) {
    bare = [];
    for (let i = 0; i < clients; i++) {
      // Topics and client ids as long as the gateway's.
      const id = createHash('sha256').update(`bare ${i}`).digest('base64url').slice(0, 22);
      bare.push({ topic: `ps1/${id.slice(0, 2)}/${id}/u`, client: await connectRaw({ ...place, clientId: id }) });
    }
  },
  prepare(order: PrepareOrder) {
    const payload = new Uint8Array(order.payloadBytes).fill(0x5a);
    framesReady = devices.length * order.framesPerClient;
    rounds = devices.map(({ circle, client, epoch }) => {
      const packets: Buffer[] = [];
      const { u, c } = circle.device.topics;
      for (let i = 1; i <= order.framesPerClient; i++) {
        const { raw } = epoch.frame({ payload, ft: order.isUrgent === true ? 3 : 1 });
        packets.push(publishPacket(u, raw, messageIdOf(sequence++)));
        if (i % order.segmentFrames === 0) packets.push(publishPacket(c, epoch.close().ctl, messageIdOf(sequence++)));
      }
      return { client, packets };
    });
  },
  /** The same number of messages of the same size for a broker that does not know what they are. */
  prepareBare(order: { readonly framesPerClient: number; readonly frameBytes: number }) {
    framesReady = bare.length * order.framesPerClient;
    const payload = new Uint8Array(order.frameBytes).fill(0x5a);
    rounds = bare.map(({ client, topic }) => ({
      client,
      packets: Array.from({ length: order.framesPerClient }, (_, i) => publishPacket(topic, payload, messageIdOf(i))),
    }));
  },
  frameBytes: ({ payloadBytes }: { readonly payloadBytes: number }) =>
    devices[0]!.epoch.frame({ payload: new Uint8Array(payloadBytes), seq: 2 ** 20 }).raw.length,
  async go({ window }: { readonly window: number }): Promise<RoundResult> {
    globalThis.gc?.();
    const startMs = performance.now();
    await Promise.all(rounds.map(({ client, packets }) => client.run(packets, window)));
    const elapsedMs = performance.now() - startMs;
    rounds = [];
    return { frames: framesReady, elapsedMs };
  },
});

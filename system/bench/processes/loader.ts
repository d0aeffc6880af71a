import { createHash } from 'node:crypto';
import { parseFrame } from '@pulseseal/protocol';
import { connectRaw, messageIdOf, publishPacket, type RawClient } from '../lib/raw-client.ts';
import { type GatewayPlace, type LiveDevice, liveDevice, login, readBeacon } from '../lib/raw-world.ts';
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
let restarts = 0;

serve({
  /** `agentPort`: where owners publish papers without TLS, to save time. */
  async joinGateway(order: { readonly place: GatewayPlace; readonly clients: number; readonly agentPort?: number }) {
    const { place, agentPort } = order;
    const agents = agentPort === undefined ? place : { ...place, port: agentPort, isTls: false };
    const beacon = await readBeacon(agents);
    devices = [];
    for (let i = 0; i < order.clients; i++) devices.push(await liveDevice(place, agents, beacon));
  },
  /** After a restart of the gateway: one device logs in and sends its next frame. Resolves at the PUBACK. */
  async firstAcknowledged({ place }: { readonly place: GatewayPlace }): Promise<void> {
    const { circle, epoch } = devices[restarts++ % devices.length]!;
    const client = await login(circle.device, place);
    await client.publish(circle.device.topics.u, epoch.frame({ payload: new Uint8Array(64).fill(0x5a) }).raw);
    client.end();
  },
  async joinBare({ place, clients }: { readonly place: PlainPlace; readonly clients: number }) {
    bare = [];
    for (let i = 0; i < clients; i++) {
      // Topics and client ids as long as the gateway's; another loader's are others, or they would take its sessions.
      const id = createHash('sha256').update(`bare ${process.pid} ${i}`).digest('base64url').slice(0, 22);
      bare.push({ topic: `ps1/${id.slice(0, 2)}/${id}/u`, client: await connectRaw({ ...place, clientId: id }) });
    }
  },
  prepare(order: PrepareOrder) {
    const payload = new Uint8Array(order.payloadBytes).fill(0x5a);
    framesReady = devices.length * order.framesPerClient;
    let ciphertextBytes = 0;
    rounds = devices.map(({ circle, client, epoch }) => {
      const packets: Buffer[] = [];
      const { u, c } = circle.device.topics;
      for (let i = 1; i <= order.framesPerClient; i++) {
        const { raw } = epoch.frame({ payload, ft: order.isUrgent === true ? 3 : 1 });
        ciphertextBytes += parseFrame(raw).ct.length;
        packets.push(publishPacket(u, raw, messageIdOf(sequence++)));
        if (i % order.segmentFrames === 0) packets.push(publishPacket(c, epoch.close().ctl, messageIdOf(sequence++)));
      }
      return { client, packets };
    });
    return { frames: framesReady, ciphertextBytes };
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

import { messageIdOf, publishPacket } from '../lib/raw-client.ts';
import { type GatewayPlace, type LiveDevice, liveDevice, readBeacon } from '../lib/raw-world.ts';
import { serve } from '../lib/serve.ts';

/** Honest devices at fixed times, whatever the answer takes: latencies count from when a frame was due. */
interface SteadyOrder {
  readonly perS: number;
  readonly durationMs: number;
}

const devices: LiveDevice[] = [];

serve({
  async join({ place, clients }: { readonly place: GatewayPlace; readonly clients: number }) {
    const beacon = await readBeacon(place);
    for (let i = 0; i < clients; i++) devices.push(await liveDevice(place, place, beacon));
  },
  async send({ perS, durationMs }: SteadyOrder) {
    const total = Math.round((perS * durationMs) / 1000);
    const latencies: number[] = [];
    const due = devices.map(() => new Map<number, number>());
    devices.forEach(({ client }, d) => {
      client.onAcknowledged((id) => {
        const at = due[d]!.get(id);
        if (at !== undefined) latencies.push(performance.now() - at);
        due[d]!.delete(id);
      });
    });
    const startMs = performance.now();
    for (let i = 0; i < total; ) {
      const nowMs = performance.now() - startMs;
      for (; i < total && (i * 1000) / perS <= nowMs; i++) {
        const d = i % devices.length;
        const { client, circle, epoch } = devices[d]!;
        const id = messageIdOf(i);
        due[d]!.set(id, startMs + (i * 1000) / perS);
        client.write(publishPacket(circle.device.topics.u, epoch.frame({ payload: new Uint8Array(256) }).raw, id));
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const lastMs = performance.now() + 5_000;
    while (latencies.length < total && performance.now() < lastMs)
      await new Promise((resolve) => setTimeout(resolve, 20));
    return { total, latencies };
  },
});

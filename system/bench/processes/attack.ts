import { passwordOf, type TestIdentity, testIdentity } from '../../../edge-gateway/test/client.ts';
import { connectRaw, messageIdOf, publishPacket, type RawClient } from '../lib/raw-client.ts';
import { crypto, type GatewayPlace, type LiveDevice, liveDevice, login, random, readBeacon } from '../lib/raw-world.ts';
import { serve } from '../lib/serve.ts';

/** Attackers who have read the protocol: endorsed devices gone bad, and strangers with fresh identities. */
interface ForgeOrder {
  readonly place: GatewayPlace;
  readonly clients: number;
  readonly perS: number;
  readonly durationMs: number;
}

const bad: LiveDevice[] = [];

serve({
  async join({ place, clients }: { readonly place: GatewayPlace; readonly clients: number }) {
    const beacon = await readBeacon(place);
    for (let i = 0; i < clients; i++) bad.push(await liveDevice(place, place, beacon));
  },
  /** Frames with a wrong tag at a fixed rate; who is put out comes back at once under a fresh name. */
  async forge({ place, clients, perS, durationMs }: ForgeOrder) {
    let sent = 0;
    let logins = 0;
    const endMs = performance.now() + durationMs;
    const gapMs = 100;
    const perGap = Math.ceil(((perS / clients) * gapMs) / 1000);
    // Made before, so that the attacker's own signatures do not slow the attack down.
    const names: { readonly identity: TestIdentity; readonly password: Uint8Array }[] = [];
    for (let i = 0; i < clients * Math.ceil(durationMs / 1000); i++) {
      const identity = testIdentity('ML-DSA-44', crypto, random);
      names.push({ identity, password: passwordOf(identity, place.gateway, null, crypto) });
    }
    const forger = async (device: LiveDevice) => {
      const { raw } = device.epoch.frame({ payload: new Uint8Array(256).fill(1) });
      const forged = raw.slice();
      forged[forged.length - 1]! ^= 1;
      let client: RawClient | undefined = device.client;
      let topic = device.circle.device.topics.u;
      let next = performance.now();
      while (performance.now() < endMs) {
        if (client === undefined || client.isClosed) {
          const stranger = names.pop();
          if (stranger === undefined) return;
          logins++;
          client = await connectRaw({
            port: place.port,
            isTls: false,
            clientId: stranger.identity.name,
            password: () => stranger.password,
          }).catch(() => undefined);
          topic = `ps1/00/${stranger.identity.name}/u`;
        }
        if (client !== undefined) {
          for (let i = 0; i < perGap; i++) client.write(publishPacket(topic, forged, messageIdOf(sent++)));
        }
        next += gapMs;
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
      }
      client?.end();
    };
    await Promise.all(bad.slice(0, clients).map(forger));
    return { sent, logins };
  },
  /** QoS 0, pipelined, as fast as the sockets take it; who is put out comes back. */
  async flood({ place, durationMs }: { readonly place: GatewayPlace; readonly durationMs: number }) {
    let sent = 0;
    let closed = 0;
    const endMs = performance.now() + durationMs;
    const flooder = async ({ circle, client, epoch }: LiveDevice) => {
      const { raw } = epoch.frame({ payload: new Uint8Array(256).fill(2) });
      const packet = publishPacket(circle.device.topics.u, raw, 0, 0);
      const many = Buffer.concat(Array.from({ length: 64 }, () => packet));
      let own: RawClient | undefined = client;
      while (performance.now() < endMs) {
        if (own === undefined || own.isClosed) {
          closed++;
          await new Promise((resolve) => setTimeout(resolve, 250));
          own = await login(circle.device, place).catch(() => undefined);
          continue;
        }
        const isTaken = own.write(many);
        sent += 64;
        if (isTaken) await new Promise((resolve) => setImmediate(resolve));
        else await drained(own);
      }
      own?.end();
    };
    await Promise.all(bad.map(flooder));
    return { sent, closed };
  },
});

/** Room in the socket's buffer again, or the end of the connection. */
const drained = (client: RawClient): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      client.socket.off('drain', done);
      client.socket.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, 500);
    client.socket.once('drain', done);
    client.socket.once('close', done);
  });

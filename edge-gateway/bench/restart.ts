import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNativeCrypto } from '@pulseseal/crypto';
import { topic } from '@pulseseal/protocol';
import { createSystemRandom } from '@pulseseal/runtime';
import { connectClient, passwordOf, type TestIdentity, testIdentity } from '../test/client.ts';
import { type RawEpoch, rawCircle, rawEpoch } from '../test/raw-device.ts';

/**
 * Start of a gateway that holds many frames, after a kill in the middle of its work: from spawning the process to the
 * first acknowledgement of a device that goes on in its epoch.
 *
 *   node edge-gateway/bench/restart.ts [--frames 1000000] [--clients 50]
 */
const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const wanted = option('frames', 1_000_000);
const clientCount = option('clients', 50);
const perRound = 4_000;
const segment = 200;
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const crypto = createNativeCrypto();
const random = () => createSystemRandom().bytes(32);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const once = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    child.once('message', (m) => resolve(m as T));
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)));
  });
interface Ready {
  readonly port: number;
  readonly gid: string;
  readonly gateway: string;
  readonly startMs: number;
  readonly keys: Record<string, string>;
}
const launch = (dir: string, keys: Record<string, string>) =>
  fork(here('gateway-process.ts'), [dir], { env: { ...process.env, BENCH_KEYS: JSON.stringify(keys) } });

const dir = await mkdtemp(join(tmpdir(), 'restart-'));
let child = launch(dir, {});
const ready = await once<Ready>(child);
const gateway = Uint8Array.from(Buffer.from(ready.gateway, 'base64'));
const any = await connectClient(testIdentity('ML-DSA-65', crypto, random), { port: ready.port, gateway, crypto });
await any.subscribe(topic.beacon(ready.gid));
const beacon = await any.next((t) => t.endsWith('/b'));
await any.end();
const devices: { identity: TestIdentity; topics: Record<string, string>; epoch: RawEpoch }[] = [];
for (let i = 0; i < clientCount; i++) {
  const circle = rawCircle([gateway], crypto, random);
  const agent = await connectClient(circle.owner, { port: ready.port, gateway, crypto });
  await agent.publish(circle.device.topics.e, circle.endorse);
  await agent.publish(circle.device.topics.m, circle.manifest);
  await agent.end();
  const epoch = await rawEpoch(circle, { beacon }, crypto, random);
  devices.push({ identity: circle.device, topics: circle.device.topics, epoch });
}
let stored = 0;
for (let round = 0; stored < wanted; round++) {
  const loader = fork(here('loader.ts'), { serialization: 'advanced' });
  const clients = devices.map(({ identity, topics, epoch }) => {
    const frames: string[] = [];
    for (let f = 0; f < perRound; f++) {
      frames.push(base64(epoch.frame({ payload: new Uint8Array([0x58, 0xfd, ...new Uint8Array(253)]) }).raw));
      if ((f + 1) % segment === 0) frames.push(`c:${base64(epoch.close().ctl)}`);
    }
    return {
      clientId: identity.name,
      password: base64(passwordOf(identity, gateway, null, crypto)),
      topic: topics.u,
      controlTopic: topics.c,
      before:
        round > 0
          ? []
          : [
              { topic: topics.o, payload: base64(epoch.opening) },
              { topic: topics.o, payload: base64(epoch.keys) },
            ],
      frames,
    };
  });
  loader.send({ port: ready.port, window: 16, durationMs: 120_000, clients } as never);
  await once(loader);
  const answer = once<{ acknowledged: number }>(loader);
  loader.send({ go: true });
  stored += (await answer).acknowledged;
  console.error(`${stored} frames stored`);
}
const gone = new Promise((resolve) => child.once('exit', resolve));
child.kill('SIGKILL');
await gone;
const startMs = performance.now();
child = launch(dir, ready.keys);
const again = await once<Ready>(child);
const readyMs = performance.now() - startMs;
const { identity, topics, epoch } = devices[0]!;
const client = await connectClient(identity, { port: again.port, gateway, crypto });
const isTaken = await client.publish(topics.u!, epoch.frame().raw);
const firstMs = performance.now() - startMs;
const account = once<{ frames: number }>(child);
child.send({ say: 'account' });
const { frames } = await account;
console.log(
  JSON.stringify({
    framesStored: frames,
    acknowledgedBefore: stored,
    isTaken,
    startMs: Math.round(again.startMs),
    processToListeningMs: Math.round(readyMs),
    firstAcknowledgementMs: Math.round(firstMs),
  }),
);
child.kill('SIGKILL');
await rm(dir, { recursive: true, force: true });
process.exit(0);

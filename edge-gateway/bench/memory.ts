import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNativeCrypto } from '@pulseseal/crypto';
import { topic } from '@pulseseal/protocol';
import { createSystemRandom } from '@pulseseal/runtime';
import { generate } from 'mqtt-packet';
import { connectClient, passwordOf, testIdentity } from '../test/client.ts';
import { rawCircle, rawEpoch } from '../test/raw-device.ts';

/**
 * Memory of an idle device beyond a bare aedes connection: live epochs with some frames each, plain TCP on both sides.
 *
 *   node edge-gateway/bench/memory.ts [--devices 2000]
 */
const at = process.argv.indexOf('--devices');
const count = at < 0 ? 2_000 : Number(process.argv[at + 1]);
const framesEach = 8;
/** Code, caches and buffers that do not grow with devices are paid by these. */
const warmUp = 100;
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const crypto = createNativeCrypto();
const random = () => createSystemRandom().bytes(32);
const once = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve) => child.once('message', (m) => resolve(m as T)));
interface Memory {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly bufferBytes: number;
}
async function memoryOf(child: ChildProcess): Promise<Memory> {
  let least: Memory | undefined;
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const answer = once<Memory>(child);
    child.send({ say: 'memory' });
    const memory = await answer;
    if (least === undefined || memory.rssBytes < least.rssBytes) least = memory;
  }
  if (process.env.BENCH_VERBOSE !== undefined) console.error(JSON.stringify(least));
  return least!;
}

const bare = fork(here('bare-aedes.ts'), { execArgv: ['--expose-gc'] });
const { port } = await once<{ port: number }>(bare);
let bareBefore = await memoryOf(bare);
const sockets = [];
for (let i = 0; i < warmUp + count; i++) {
  if (i === warmUp) bareBefore = await memoryOf(bare);
  const socket = connect(port, '127.0.0.1');
  const clientId = createHash('sha256').update(String(i)).digest('base64url').slice(0, 22);
  socket.write(
    generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId, keepalive: 60 }),
  );
  await new Promise((resolve) => socket.once('data', resolve));
  const subscription = { topic: `ps1/00/${clientId}/d`, qos: 1 as const };
  socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [subscription] }));
  sockets.push(socket);
}
const bareAfter = await memoryOf(bare);
for (const socket of sockets) socket.destroy();
bare.disconnect();

const dir = await mkdtemp(join(tmpdir(), 'memory-'));
const child = fork(here('gateway-process.ts'), [dir], {
  execArgv: ['--expose-gc'],
  stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
});
const ready = await once<{ port: number; gid: string; gateway: string }>(child);
const gateway = Uint8Array.from(Buffer.from(ready.gateway, 'base64'));
const any = await connectClient(testIdentity('ML-DSA-65', crypto, random), { port: ready.port, gateway, crypto });
await any.subscribe(topic.beacon(ready.gid));
const beacon = await any.next((t) => t.endsWith('/b'));
await any.end();
let before = await memoryOf(child);
const clients = [];
for (let i = 0; i < warmUp + count; i++) {
  if (i === warmUp) before = await memoryOf(child);
  const circle = rawCircle([gateway], crypto, random);
  const agent = await connectClient(circle.owner, { port: ready.port, gateway, crypto });
  await agent.publish(circle.device.topics.e, circle.endorse);
  await agent.publish(circle.device.topics.m, circle.manifest);
  await agent.end();
  const password = passwordOf(circle.device, gateway, null, crypto);
  const client = await connectClient(circle.device, { port: ready.port, gateway, crypto, password, keepalive: 300 });
  await client.subscribe(circle.device.topics.d);
  const epoch = await rawEpoch(circle, { beacon }, crypto, random);
  await client.publish(circle.device.topics.o, epoch.opening);
  await client.publish(circle.device.topics.o, epoch.keys);
  for (let f = 0; f < framesEach; f++) await client.publish(circle.device.topics.u, epoch.frame().raw);
  clients.push(client);
}
const after = await memoryOf(child);
const perBare = (bareAfter.rssBytes - bareBefore.rssBytes) / count;
const perDevice = (after.rssBytes - before.rssBytes) / count;
console.log(
  JSON.stringify({
    devices: count,
    bareConnectionBytes: Math.round(perBare),
    deviceBytes: Math.round(perDevice),
    beyondBareBytes: Math.round(perDevice - perBare),
    bufferBeyondBareBytes: Math.round(
      (after.bufferBytes - before.bufferBytes - (bareAfter.bufferBytes - bareBefore.bufferBytes)) / count,
    ),
    heapBeyondBareBytes: Math.round(
      (after.heapBytes - before.heapBytes - (bareAfter.heapBytes - bareBefore.heapBytes)) / count,
    ),
  }),
);
child.kill('SIGKILL');
await rm(dir, { recursive: true, force: true });
process.exit(0);

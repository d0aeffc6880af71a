import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNativeCrypto } from '@pulseseal/crypto';
import { parseFrame, topic } from '@pulseseal/protocol';
import { createSystemRandom } from '@pulseseal/runtime';
import { connectClient, passwordOf, testIdentity } from '../test/client.ts';
import { rawCircle, rawEpoch } from '../test/raw-device.ts';

/**
 * Frames per second, verified, synced and acknowledged: gateway on core 0, raw loader on core 1, plain TCP on loopback;
 * beside it bare aedes and the bare ML-DSA-65 verify rate of the same minute.
 *
 *   node edge-gateway/bench/hot-path.ts [--seconds 5] [--rounds 3] [--clients 50] [--payload 256]
 */
const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const seconds = option('seconds', 5);
const rounds = option('rounds', 3);
const clientCount = option('clients', 50);
const payloadBytes = option('payload', 256);
/** 0: no closes, as the speed row asks; 60: what a minute of vitals brings, for the disk row. */
const framesPerSegment = option('segment', 0);
const most = option('frames', 12_000);
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const crypto = createNativeCrypto();
const random = () => createSystemRandom().bytes(32);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

function pin(child: ChildProcess, core: number): void {
  if (child.pid !== undefined) spawnSync('taskset', ['-a', '-pc', String(core), String(child.pid)]);
}

const once = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    child.once('message', (m) => resolve(m as T));
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)));
  });

/** Verifications of ML-DSA-65 a second on one core, 256-byte message. */
function verifyRate(): number {
  const pair = crypto.signatureKeyPair('ML-DSA-65', random());
  const message = new Uint8Array(256);
  const signature = crypto.prepareSigner('ML-DSA-65', pair.secretSeed).sign(message);
  const verifier = crypto.prepareVerifier('ML-DSA-65', pair.publicKey);
  let n = 0;
  const startMs = performance.now();
  while (performance.now() - startMs < 1_000) for (let i = 0; i < 50; i++, n++) verifier.verify(message, signature);
  return (n * 1000) / (performance.now() - startMs);
}

async function load(port: number, clients: unknown[]): Promise<number> {
  const child = fork(here('loader.ts'), { execArgv: [], serialization: 'advanced' });
  pin(child, 1);
  child.send({ port, window: 16, durationMs: seconds * 1000, clients } as never);
  await once(child);
  const answer = once<{ acknowledged: number; elapsedMs: number }>(child);
  child.send({ go: true });
  const { acknowledged, elapsedMs } = await answer;
  return (acknowledged * 1000) / elapsedMs;
}

async function gatewayRound() {
  const dir = await mkdtemp(join(tmpdir(), 'hot-'));
  const child = fork(here('gateway-process.ts'), [dir], {
    execArgv: [
      '--expose-gc',
      ...(process.env.BENCH_PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_PROFILE}`]),
    ],
  });
  const ready = await once<{ port: number; gid: string; gateway: string }>(child);
  pin(child, 0);
  const gateway = Uint8Array.from(Buffer.from(ready.gateway, 'base64'));
  const any = await connectClient(testIdentity('ML-DSA-65', crypto, random), { port: ready.port, gateway, crypto });
  await any.subscribe(topic.beacon(ready.gid));
  const beacon = await any.next((t) => t.endsWith('/b'));
  await any.end();
  const clients = [];
  let ciphertextBytes = 0;
  let frameCount = 0;
  for (let i = 0; i < clientCount; i++) {
    const circle = rawCircle([gateway], crypto, random);
    const agent = await connectClient(circle.owner, { port: ready.port, gateway, crypto });
    await agent.publish(circle.device.topics.e, circle.endorse);
    await agent.publish(circle.device.topics.m, circle.manifest);
    await agent.end();
    const epoch = await rawEpoch(circle, { beacon }, crypto, random);
    const payload = new Uint8Array(payloadBytes);
    payload[0] = 0x59;
    payload[1] = (payloadBytes - 3) >> 8;
    payload[2] = payloadBytes - 3;
    const frames: string[] = [];
    for (let f = 0; f < most; f++) {
      const last = epoch.frame({ payload }).raw;
      frames.push(base64(last));
      ciphertextBytes += parseFrame(last).ct.length;
      frameCount++;
      if (framesPerSegment > 0 && (f + 1) % framesPerSegment === 0) frames.push(`c:${base64(epoch.close().ctl)}`);
    }
    clients.push({
      clientId: circle.device.name,
      password: base64(passwordOf(circle.device, gateway, null, crypto)),
      topic: circle.device.topics.u,
      controlTopic: circle.device.topics.c,
      before: [
        { topic: circle.device.topics.o, payload: base64(epoch.opening) },
        { topic: circle.device.topics.o, payload: base64(epoch.keys) },
      ],
      frames,
    });
  }
  const rate = await load(ready.port, clients);
  const stopped = once<{ journalBytes: number; indexBytes: number; feedBytes: number }>(child);
  child.send({ say: 'stop' });
  const sizes = await stopped;
  await rm(dir, { recursive: true, force: true });
  const share = (bytes: number) => bytes / ciphertextBytes;
  return {
    rate,
    frameCount,
    disk: { journal: share(sizes.journalBytes), index: share(sizes.indexBytes), feed: share(sizes.feedBytes) },
  };
}

async function bareRound(): Promise<number> {
  const child = fork(here('bare-aedes.ts'), { execArgv: [] });
  const { port } = await once<{ port: number }>(child);
  pin(child, 0);
  const payload = base64(new Uint8Array(payloadBytes + 50));
  const clients = Array.from({ length: clientCount }, (_, i) => ({
    clientId: createHash('sha256').update(String(i)).digest('base64url').slice(0, 22),
    password: '',
    topic: `ps1/00/${createHash('sha256').update(String(i)).digest('base64url').slice(0, 22)}/u`,
    before: [],
    frames: Array.from({ length: most * 4 }, () => payload),
  }));
  const rate = await load(port, clients);
  child.disconnect();
  return rate;
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const a0: number[] = [];
const bare: number[] = [];
const own: number[] = [];
let disk = { journal: 0, index: 0, feed: 0 };
for (let round = 0; round < rounds; round++) {
  a0.push(verifyRate());
  bare.push(await bareRound());
  const result = await gatewayRound();
  own.push(result.rate);
  disk = result.disk;
  console.error(
    `round ${round + 1}: A0 ${Math.round(a0.at(-1)!)}/s, bare aedes ${Math.round(bare.at(-1)!)}/s, gateway ${Math.round(result.rate)} frames/s`,
  );
}
console.log(
  JSON.stringify({
    clients: clientCount,
    payloadBytes,
    framesPerSegment,
    a0PerS: Math.round(median(a0)),
    bareAedesPerS: Math.round(median(bare)),
    framesPerS: Math.round(median(own)),
    ...(framesPerSegment > 0
      ? {
          // Only when everything made was sent, so --seconds must be long enough.
          diskOverCiphertext: Number((disk.journal + disk.index + disk.feed).toFixed(3)),
          disk: Object.fromEntries(Object.entries(disk).map(([part, share]) => [part, Number(share.toFixed(3))])),
        }
      : {}),
    overA0: Number((median(own) / median(a0)).toFixed(2)),
    overBareAedes: Number((median(own) / median(bare)).toFixed(2)),
  }),
);
process.exit(0);

import { connect, type Socket } from 'node:net';
import { shardOf, topic } from '@pulseseal/protocol';
import { generate } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { passwordOf, testIdentity } from './client.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

const CLIENTS = 200;
const FLOOD_MS = 1_500;

/** Logged in, then 2,000 publishes in one write: to its own topic (nobody endorsed it) or to a stranger's. */
function floodingSocket(world: World, toOwn: boolean): Promise<Socket> {
  const own = testIdentity('ML-DSA-44', crypto, random);
  const shard = shardOf(own.signer.thumbprint, crypto);
  const socket = connect(world.address.plainPort!, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      clientId: own.name,
      keepalive: 60,
      username: 'x',
      password: Buffer.from(passwordOf(own, world.address.thumbprint, null, crypto)),
    }),
  );
  const publish = generate({
    cmd: 'publish',
    topic: toOwn ? topic.device(shard, own.name, 'u') : 'ps1/00/AAAAAAAAAAAAAAAAAAAAAA/u',
    payload: Buffer.alloc(256),
    qos: 0,
    dup: false,
    retain: false,
  }) as Buffer;
  return new Promise((resolve) => {
    socket.once('data', () => {
      socket.write(Buffer.concat(Array.from({ length: 2_000 }, () => publish)));
      resolve(socket);
    });
  });
}

describe('floods', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld({
      settings: { banMs: 0, refusalsPerWindow: 100, framesPerS: 1_000_000, framesBurst: 1_000_000 },
    });
  });
  afterAll(() => world.end());

  it(`survives a QoS 0 flood of ${CLIENTS} pipelined clients, and a device goes on`, async () => {
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    const sockets: Socket[] = [];
    for (let i = 0; i < CLIENTS; i++) sockets.push(await floodingSocket(world, i % 2 === 0));
    const endMs = Date.now() + FLOOD_MS;
    let sent = 0;
    let acknowledged = 0;
    while (Date.now() < endMs) {
      sent++;
      if (await client.publish(circle.device.topics.u, epoch.frame().raw)) acknowledged++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const socket of sockets) socket.destroy();
    expect(acknowledged).toBe(sent);
    const refused = (await world.refusals('topic-denied')) + (await world.refusals('wrong-type'));
    expect(refused).toBeGreaterThan(CLIENTS * 90);
    await until(() => world.gateway.connections === 1);
  });

  it('forged frames cost an HMAC each and never the victim its place', async () => {
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    const attacker = await world.circle();
    const { client: bad, epoch: foreign } = await world.live(attacker);
    const forged = foreign.frame({ seq: 5 }).raw.slice();
    forged[forged.length - 1]! ^= 1;
    for (let i = 0; i < 50; i++) bad.mqtt.publish(attacker.device.topics.u, Buffer.from(forged), { qos: 0 });
    await until(async () => (await world.refusals('mac-fail')) >= 50);
    for (let i = 0; i < 20; i++) expect(await client.publish(circle.device.topics.u, epoch.frame().raw)).toBe(true);
    expect(await world.refusals('mac-fail')).toBe(50);
  });

  it('refuses CBOR bombs on every channel in little time', async () => {
    const circle = await world.circle();
    const open = await createWorld({ settings: { refusalsPerWindow: 1_000 } });
    try {
      const own = await open.circle();
      const client = await open.connect(own.device);
      const bombs = [
        new Uint8Array(40_000).fill(0x81),
        new Uint8Array(40_000).fill(0xc1),
        new Uint8Array([0x9b, 255, 255, 255, 255, 255, 255, 255, 255]),
        new Uint8Array([0xbb, 0, 0, 255, 255, 255, 255, 255, 255]),
        new Uint8Array([0x5b, 0, 0, 0, 255, 255, 255, 255, 255]),
        new Uint8Array([0xc2, 0x5a, 0, 3, 0x0d, 0x40, ...new Uint8Array(5_000)]),
        new Uint8Array([0x9f, ...new Uint8Array(40_000).fill(0x9f)]),
        new Uint8Array([0xd2, 0x84, 0x58, 0xff, 1]),
      ];
      for (const bomb of bombs)
        for (const channel of ['o', 'u', 'c'] as const) {
          const startMs = performance.now();
          expect(await client.publish(own.device.topics[channel], bomb, 0)).toBe(true);
          expect(performance.now() - startMs).toBeLessThan(1_000);
        }
      await until(async () => {
        let sum = 0;
        const { refusalNames } = await import('@pulseseal/protocol');
        for (const name of refusalNames) sum += await open.refusals(name);
        return sum >= bombs.length * 3;
      });
    } finally {
      await open.end();
    }
    expect(circle.endorse.length).toBeGreaterThan(0);
  });
});

import { join } from 'node:path';
import { connect as dialTls } from 'node:tls';
import { createMemoryKeyStore } from '@pulseseal/crypto';
import {
  createDemoCircle,
  createFileFactory,
  createFileFlash,
  createFleet,
  createManufacturer,
  createMqttLink,
} from '@pulseseal/device-sim';
import { createMemoryAgentStore, createPatientAgent, defaultPolicy } from '@pulseseal/patient-agent';
import { topic } from '@pulseseal/protocol';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { passwordOf, testIdentity } from '../../../edge-gateway/test/client.ts';
import type { RawCircle } from '../../../edge-gateway/test/raw-device.ts';
import { createWorld, crypto, random, until, type World } from '../../../edge-gateway/test/world.ts';
import { answerTo, passwordIn, startFalseBroker, startMiddle, startSwitch } from '../support/tls-ends.ts';

const wall = createSystemClock();
const chance = createSystemRandom();

describe('who comes in, and over which wire', () => {
  let world: World;
  let circle: RawCircle;
  beforeAll(async () => {
    world = await createWorld({ settings: { refusalsPerWindow: 1_000, refusalWindowMs: 1_000, banMs: 0 } });
    circle = await world.circle();
  });
  afterAll(() => world.end());
  const refusedLogin = async (over: Parameters<World['connect']>[1], who = circle.device) => {
    const before = await world.refusals('login-refused');
    await expect(world.connect(who, over)).rejects.toThrow();
    expect(await world.refusals('login-refused')).toBe(before + 1);
  };

  it('a man in the middle with a key of his own gets the login and cannot use it: it is bound to the other session', async () => {
    const middle = await startMiddle(world.address.tlsPort!);
    try {
      await refusedLogin({ isTls: true, port: middle.port });
      // He did read it: what protects is the binding, not the wire.
      expect(middle.seen().length).toBeGreaterThan(7_000);
      expect(Buffer.from(middle.seen()).includes(circle.device.name)).toBe(true);
      const direct = await world.connect(circle.device, { isTls: true });
      expect(direct.isOpen).toBe(true);
      await direct.end();
    } finally {
      await middle.end();
    }
  });

  it('a password that was read once opens no second session, here or through the one who read it', async () => {
    const middle = await startMiddle(world.address.tlsPort!);
    try {
      await refusedLogin({ isTls: true, port: middle.port });
      const password = passwordIn(middle.seen());
      expect(password?.length).toBeGreaterThan(7_000);
      await refusedLogin({ isTls: true, password: password! });
      await refusedLogin({ isTls: true, port: middle.port, password: password! });
      await refusedLogin({ password: password! });
      await refusedLogin({ password: passwordOf(circle.device, random(), null, crypto) });
    } finally {
      await middle.end();
    }
  });

  it('whatever is wrong with a login, the answer is the same bytes', async () => {
    const gateway = world.address.thumbprint;
    const port = world.address.plainPort!;
    const { name } = circle.device;
    const thief = testIdentity('ML-DSA-44', crypto, random);
    const good = passwordOf(circle.device, gateway, null, crypto);
    const flipped = (at: number) => good.map((byte, i) => (i === at ? byte ^ 1 : byte));
    const wrong: Readonly<Record<string, Uint8Array>> = {
      nothing: new Uint8Array(0),
      'no CBOR': random(),
      'another gateway': passwordOf(circle.device, random(), null, crypto),
      'another identity': passwordOf(thief, gateway, null, crypto),
      'a transport key that nobody vouches for': passwordOf(
        { ...circle.device, signer: thief.signer },
        gateway,
        null,
        crypto,
      ),
      expired: passwordOf(circle.device, gateway, null, crypto, Date.now() - 1e7),
      'a session’s signature with a flipped bit': flipped(good.length - 4_000),
      'a token’s signature with a flipped bit': flipped(good.length - 1),
      'a cut end': good.subarray(0, good.length - 1),
    };
    const answers = new Map<string, string[]>();
    for (const [what, password] of Object.entries(wrong)) {
      const answer = Buffer.from(await answerTo(port, name, password)).toString('hex');
      answers.set(answer, [...(answers.get(answer) ?? []), what]);
    }
    expect([...answers.values()]).toEqual([Object.keys(wrong)]);
    expect(await world.connect(circle.device, { password: good })).toMatchObject({ isOpen: true });
  });

  it('nobody takes over a client id without its key; the session that holds it lives on', async () => {
    const victim = await world.connect(circle.device);
    const thief = testIdentity('ML-DSA-44', crypto, random);
    await refusedLogin({ clientId: circle.device.name }, { ...circle.device, ...thief });
    await refusedLogin({
      password: passwordOf(thief, world.address.thumbprint, null, crypto),
    });
    expect(victim.isOpen).toBe(true);
    expect(await victim.subscribe(circle.device.topics.d)).toBe(true);
    await victim.end();
  });

  it('poison is not kept: neither a retained publish nor a will reaches anybody', async () => {
    const other = await world.circle();
    const victim = await world.connect(other.device);
    await victim.subscribe(other.device.topics.d);
    await victim.subscribe(topic.beacon(world.address.gid));
    await until(() => victim.messages.length > 0);
    const before = victim.messages.length;
    const poison = Buffer.from('poison');
    const attacker = await world.connect(circle.device, { will: { topic: other.device.topics.d, payload: poison } });
    for (const where of [other.device.topics.d, topic.beacon(world.address.gid), circle.device.topics.u, '$SYS/x'])
      attacker.mqtt.publish(where, poison, { qos: 1, retain: true });
    await new Promise((resolve) => setTimeout(resolve, 200));
    attacker.mqtt.stream.destroy();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(victim.messages.length).toBe(before);
    const late = await world.connect(other.device);
    await late.subscribe(other.device.topics.d);
    await late.subscribe(topic.beacon(world.address.gid));
    await until(() => late.messages.length > 0);
    expect(late.messages.some((message) => Buffer.from(message.payload).includes('poison'))).toBe(false);
  });

  it.each([
    ['only X25519', { ecdhCurve: 'X25519', minVersion: 'TLSv1.3' }],
    ['only P-256', { ecdhCurve: 'P-256', minVersion: 'TLSv1.3' }],
    ['only ML-KEM without X25519', { ecdhCurve: 'MLKEM768', minVersion: 'TLSv1.3' }],
    ['only TLS 1.2', { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }],
  ] as const)('a client that offers %s gets no session', async (_, options) => {
    const dial = (with_: object) =>
      new Promise<string>((resolve) => {
        const socket = dialTls({
          port: world.address.tlsPort!,
          host: '127.0.0.1',
          rejectUnauthorized: false,
          ...with_,
        });
        socket.once('secureConnect', () => {
          resolve(socket.getProtocol() ?? 'none');
          socket.destroy();
        });
        socket.once('error', () => resolve('refused'));
      });
    expect(await dial(options)).toBe('refused');
    expect(await dial({ ecdhCurve: 'X25519MLKEM768' })).toBe('TLSv1.3');
  });
});

describe('a false broker with the genuine beacon and a key of its own', () => {
  it('acknowledges everything and no device forgets a frame for it; back at the gateway all of it arrives once', async () => {
    const world = await createWorld();
    const turn = await startSwitch(world.address.tlsPort!);
    const maker = createManufacturer(chance.bytes(32), { wall, random: chance, crypto });
    const factory = createFileFactory(join(world.dir, 'factory'), maker);
    const link = () =>
      createMqttLink(
        { clock: wall, random: chance },
        { url: `mqtts://127.0.0.1:${turn.port}`, reconnectMs: [100, 300] },
      );
    const flash = (name: string) => createFileFlash(join(world.dir, 'devices'), name);
    const fleet = createFleet(
      { wall, data: wall, random: chance, crypto, factory, link, flash },
      { bodies: createDemoCircle(1, 11), speed: 1, device: { segmentMs: 2_000, heartbeatMs: 1_000, epochMs: 60_000 } },
    );
    const door = link();
    const agent = await createPatientAgent(
      {
        keys: createMemoryKeyStore(wall),
        store: createMemoryAgentStore(),
        ledger: world.ledger,
        gateway: { publish: (where, bytes) => door.publish(where, bytes, 1) },
        manufacturers: [maker.key],
        wall,
        random: chance,
        crypto,
      },
      { name: 'owner', policy: defaultPolicy },
    );
    const password = (exporter: Uint8Array | undefined) => agent.password(world.address.thumbprint, exporter);
    door.connect({ clientId: agent.text, password }, { up: () => {}, down: () => {}, message: () => {} });
    for (const member of fleet.members) {
      const scopes = member.profile.scopes.map((scope) => scope.number);
      const prekey = crypto.xwingKeyPair(random()).publicKey;
      const reader = {
        rid: random().slice(0, 8),
        prekeyId: 1,
        prekey,
        scopes,
        role: 1 as const,
        expiresMs: wall.nowMs() + 1e8,
      };
      await agent.claim(member.connectAgent(), {
        code: maker.qr(factory(member.name, member.profile)),
        suite: member.profile.suite,
        scopes,
        recipients: [{ ...reader, expiresMs: Math.floor(reader.expiresMs) }],
        gateways: [world.address.thumbprint],
      });
    }
    const beacon = await world.beacon();
    const liar = await startFalseBroker(new Map([[topic.beacon(world.address.gid), beacon]]));
    try {
      fleet.start();
      await until(() => fleet.members.every((member) => member.device.state === 'live'), 40_000);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      turn.turnTo(liar.port);
      // Once the false broker has heard something, nothing of the true one is on its way any more.
      await until(() => liar.acknowledged() > 0, 15_000);
      const before = fleet.account();
      await until(() => liar.acknowledged() > 20, 15_000);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const deceived = fleet.account();
      expect(deceived.sent).toBeGreaterThan(before.sent);
      expect(deceived.acknowledged).toBe(before.acknowledged);
      turn.turnTo(world.address.tlsPort!);
      await until(() => fleet.members.every((member) => member.device.connected), 20_000);
      expect(await fleet.drain(30_000)).toBe(true);
      const after = fleet.account();
      expect(after.acknowledged).toBe(after.sent);
      const stored = new Map([...world.gateway.account()].map((a) => [`${a.device}.${a.eh}`, a]));
      for (const { device, epochs } of after.devices)
        for (const epoch of epochs) {
          expect(stored.get(`${device}.${epoch.eh}`)?.stored).toEqual(epoch.acknowledged);
          expect(stored.get(`${device}.${epoch.eh}`)?.doubled).toBe(0);
        }
    } finally {
      await agent.stop();
      await door.disconnect();
      await fleet.drain(0).catch(() => false);
      await liar.end();
      await turn.end();
      await world.end();
    }
  }, 180_000);
});

import { connect } from 'node:net';
import { generate } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAddresses, networkOf } from '../src/addresses.ts';
import { MAX_ADDRESSES } from '../src/limits.ts';
import { gatewaySettings } from '../src/settings.ts';
import { createTurns } from '../src/turns.ts';
import { passwordOf, testIdentity } from './client.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

describe('a flood of false logins from one address', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld({
      settings: { loginsPerS: 20, loginsBurst: 40, connectionsPerS: 400, connectionsBurst: 400, badLoginsBurst: 8 },
    });
  });
  afterAll(() => world.end());

  it('leaves the logins of another address quick, and is refused unchecked after a few', async () => {
    const own = testIdentity('ML-DSA-44', crypto, random);
    const password = Buffer.from(passwordOf(own, world.address.thumbprint, null, crypto));
    password[password.length - 1]! ^= 1;
    const packet = generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      clientId: own.name,
      keepalive: 60,
      username: 'x',
      password,
    });
    let isOver = false;
    let tries = 0;
    const attack = async () => {
      while (!isOver) {
        tries++;
        const socket = connect({ port: world.address.plainPort!, host: '127.0.0.1', localAddress: '127.0.0.2' });
        await new Promise<void>((resolve) => {
          socket.on('error', () => {}).resume();
          socket.once('close', () => resolve());
          socket.write(packet);
        });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const attackers = Array.from({ length: 64 }, attack);
    await until(async () => (await world.metric('edge_logins_total', 'rate')) > 50, 10_000);
    const times: number[] = [];
    for (let i = 0; i < 12; i++) {
      const startMs = performance.now();
      const client = await world.connect(testIdentity('ML-DSA-44', crypto, random));
      times.push(performance.now() - startMs);
      await client.end();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    isOver = true;
    await Promise.all(attackers);
    expect(tries).toBeGreaterThan(200);
    expect(Math.max(...times)).toBeLessThan(1_000);
    // Eight at once and one a second: what was checked for the attacker at all, with those in hand at the time.
    expect(await world.metric('edge_logins_total', 'refused')).toBeLessThan(8 + 4 + 10);
  }, 30_000);
});

describe('turns', () => {
  it('go round the addresses, each in its own order', async () => {
    const turns = createTurns(1, 10);
    const order: string[] = [];
    const take = async (key: string, name: string) => {
      expect(await turns.enter(key)).toBe(true);
      order.push(name);
      turns.leave();
    };
    expect(await turns.enter('x')).toBe(true);
    const all = ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'].map((name) => take(name[0]!, name));
    turns.leave();
    await Promise.all(all);
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('take the room for a newcomer from the longest queue, and from nobody for one whose queue is the longest', async () => {
    const turns = createTurns(1, 3);
    await turns.enter('x');
    const settled: string[] = [];
    const wait = (key: string, name: string) =>
      turns.enter(key).then((isTurn) => void settled.push(`${name} ${isTurn}`));
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1']) void wait(name[0]!, name);
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toEqual(['a4 false', 'a3 false']);
    for (let i = 0; i < 3; i++) {
      turns.leave();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(settled.slice(2)).toEqual(['a1 true', 'b1 true', 'a2 true']);
  });
});

describe('an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['', ''],
  ])('%s counts as %s', (address, network) => expect(networkOf(address)).toBe(network));

  it('is remembered while it is among the most recent, however many come', () => {
    const addresses = createAddresses(gatewaySettings({ badLoginsBurst: 1 }));
    const first = addresses('192.0.2.1');
    first.failures.take(0);
    for (let i = 0; i < MAX_ADDRESSES - 1; i++) addresses(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    expect(addresses('192.0.2.1')).toBe(first);
    for (let i = 0; i < MAX_ADDRESSES; i++) addresses(`11.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    expect(addresses('192.0.2.1')).not.toBe(first);
  });
});

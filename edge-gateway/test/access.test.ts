import { connect } from 'node:net';
import { ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import { encodeGone, topic } from '@pulseseal/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { passwordOf, testIdentity } from './client.ts';
import type { RawCircle } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

describe('who may do what', () => {
  let world: World;
  let mine: RawCircle;
  let other: RawCircle;
  const reader = testIdentity('ML-DSA-65', crypto, random);
  const rid = () => Buffer.from(mine.recipient.rid).toString('hex');
  beforeAll(async () => {
    world = await createWorld({ settings: { refusalsPerWindow: 1_000 } });
    mine = await world.circle();
    other = await world.circle();
    const call = ledgerCalls.putRecipient(mine.recipient.rid, reader.signer.key, random(), Date.now() + 1e8);
    const { ledgerId } = await world.ledger.identity();
    const act = signAct(reader.signer, ledgerId, call.fn, call.args, 1, Date.now());
    await submitCall(world.ledger, call, act);
  });
  afterAll(() => world.end());

  type Who = 'device' | 'owner' | 'reader' | 'stranger';
  const stranger = testIdentity('ML-DSA-65', crypto, random);
  const identityOf = (who: Who) => ({ device: mine.device, owner: mine.owner, reader, stranger })[who];
  const topicOf = (name: string): string => {
    const [whose, channel] = name.split(' ') as ['own' | 'other' | 'rid' | 'beacon', string];
    if (whose === 'own') return mine.device.topics[channel as 'u'];
    if (whose === 'other') return other.device.topics[channel as 'u'];
    if (whose === 'beacon') return topic.beacon(channel === 'own' ? world.address.gid : 'ffffffffffffffff');
    return topic.recipient(rid(), channel as 'f');
  };
  const subscriptions: Record<Who, string[]> = {
    device: ['own d', 'own e', 'own m', 'beacon own'],
    owner: ['own e', 'own m', 'beacon own'],
    reader: ['rid f', 'rid p', 'rid g', 'beacon own'],
    stranger: ['beacon own'],
  };
  const names = ['d', 'e', 'm', 'o', 'u', 'c', 'w'].flatMap((c) => [`own ${c}`, `other ${c}`]);
  const all = [...names, 'rid f', 'rid p', 'rid g', 'rid a', 'beacon own', 'beacon other'];

  it.each(Object.keys(subscriptions) as Who[])('%s subscribes to its own and nothing else [TOPIC-3]', async (who) => {
    const client = await world.connect(identityOf(who));
    for (const name of all)
      expect([name, await client.subscribe(topicOf(name))]).toEqual([name, subscriptions[who].includes(name)]);
    for (const wild of ['#', 'ps1/#', '+/+/+/d', 'ps1/+/+/d', '$SYS/#', 'ps1/r/+/f', `ps1/gw/+/b`, 'ps1/gw/x/b'])
      expect([wild, await client.subscribe(wild)]).toEqual([wild, false]);
    await client.end();
  });

  const publishes: Record<Who, string[]> = {
    device: ['own o', 'own u', 'own c'],
    owner: [],
    reader: [],
    stranger: [],
  };
  it.each(Object.keys(publishes) as Who[])('%s is denied every topic that is not its own [TOPIC-3]', async (who) => {
    const client = await world.connect(identityOf(who));
    const judged = ['own e', 'own m', 'other e', 'other m', 'rid a', 'rid g'];
    for (const name of [...all, 'beacon other']) {
      // Channels of papers and peers are judged by what they carry; their own tests hold them.
      if (publishes[who].includes(name) || judged.includes(name)) continue;
      const before = await world.refusals('topic-denied');
      expect([name, await client.publish(topicOf(name), new Uint8Array([0x81, 0x18, 35]), 1, 120)]).toEqual([
        name,
        false,
      ]);
      expect([name, await world.refusals('topic-denied')]).toEqual([name, before + 1]);
    }
    await client.end();
  });

  it('refuses an ask of somebody who does not own the rid', async () => {
    const client = await world.connect(stranger);
    const before = await world.refusals('topic-denied');
    expect(await client.publish(topic.recipient(rid(), 'a'), new Uint8Array([0x81, 0x18, 46]), 1, 300)).toBe(false);
    expect(await world.refusals('topic-denied')).toBe(before + 1);
    await client.end();
  });

  describe('login', () => {
    const tryLogin = (over: Parameters<World['connect']>[1]) => world.connect(mine.device, over);

    it('refuses a password of another identity, gateway, time or TLS session, each with the same answer', async () => {
      const gateway = world.address.thumbprint;
      const wrong: [string, Parameters<World['connect']>[1]][] = [
        ['no password', { password: new Uint8Array(0) }],
        ['garbage', { password: random() }],
        ['another identity', { password: passwordOf(other.device, gateway, null, crypto) }],
        ['another gateway', { password: passwordOf(mine.device, random(), null, crypto) }],
        ['expired', { password: passwordOf(mine.device, gateway, null, crypto, Date.now() - 120_000) }],
        ['too far ahead', { password: passwordOf(mine.device, gateway, null, crypto, Date.now() + 3_600_000) }],
        ['bound to a TLS session, on none', { password: passwordOf(mine.device, gateway, random(), crypto) }],
        ['unbound, on TLS', { isTls: true, password: passwordOf(mine.device, gateway, null, crypto) }],
        ['bound to another TLS session', { isTls: true, password: passwordOf(mine.device, gateway, random(), crypto) }],
      ];
      for (const [name, over] of wrong) {
        const before = await world.refusals('login-refused');
        await expect(tryLogin(over), name).rejects.toThrow();
        expect([name, await world.refusals('login-refused')]).toEqual([name, before + 1]);
      }
      const good = await tryLogin({ isTls: true });
      expect(good.isOpen).toBe(true);
      await good.end();
    });

    it('refuses client ids that are none, keep-alive 0 and silent sockets', async () => {
      await expect(tryLogin({ clientId: 'someone' })).rejects.toThrow();
      await expect(tryLogin({ clientId: 'a\u0000b'.padEnd(22, 'x') })).rejects.toThrow();
      await expect(tryLogin({ keepalive: 0 })).rejects.toThrow();
      const socket = connect(world.address.plainPort!, '127.0.0.1');
      const ended = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => {});
      socket.write(new Uint8Array([0x10]));
      await ended;
    });

    it('a second login with the same identity takes over; the first connection ends', async () => {
      const first = await world.connect(mine.device);
      const second = await world.connect(mine.device);
      await until(() => !first.isOpen);
      expect(second.isOpen).toBe(true);
      await second.end();
    });

    it('takes a will of its own alone and lets it end at the gateway', async () => {
      const foreign = await world.connect(mine.device, {
        will: { topic: other.device.topics.w, payload: encodeGone() },
      });
      const before = await world.metric('edge_door_refusals_total', 'topic');
      foreign.mqtt.stream.destroy();
      await until(async () => (await world.metric('edge_door_refusals_total', 'topic')) === before + 1);
    });
  });

  it('refuses an announced packet of 200 MB by its first bytes', async () => {
    const client = await world.connect(mine.device);
    const before = await world.metric('edge_door_refusals_total', 'packet-too-large');
    client.mqtt.stream.write(Buffer.from([0x32, 0xff, 0xff, 0xff, 0x5f]));
    await until(() => !client.isOpen);
    expect(await world.metric('edge_door_refusals_total', 'packet-too-large')).toBe(before + 1);
  });
});

describe('three refused publishes in ten seconds', () => {
  it('close the connection, make its identity wait, and lock out nobody else', async () => {
    const world = await createWorld();
    try {
      const circle = await world.circle();
      const victim = await world.circle();
      const client = await world.connect(circle.device);
      for (let i = 0; i < 3; i++) void client.publish(victim.device.topics.u, random(), 1, 200);
      await until(() => !client.isOpen);
      await expect(world.connect(circle.device)).rejects.toThrow();
      const { client: unharmed, epoch } = await world.live(victim);
      expect(await unharmed.publish(victim.device.topics.u, epoch.frame().raw)).toBe(true);
    } finally {
      await world.end();
    }
  });
});

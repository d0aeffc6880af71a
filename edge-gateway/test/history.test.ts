import { encodeAsk, encodeGrant, parseFrame, parseSigned, sealGrant, signBody } from '@pulseseal/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RawCircle } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** A second reader, listed by the owner after the first epoch, who is granted that epoch as history. */
describe('granted history at the gateway', () => {
  let world: World;
  let mine: RawCircle;
  beforeAll(async () => {
    world = await createWorld();
    mine = await world.circle();
  });
  afterAll(() => world.end());

  const newcomer = { rid: random().slice(0, 8), prekey: crypto.xwingKeyPair(random()).publicKey };
  const itemsOf = (rid: Uint8Array, channel: string) =>
    world.items.filter((item) => item.rid === hex(rid) && item.channel === channel);
  const listNewcomer = async () => {
    const { body } = parseSigned(mine.manifest, 'manifest');
    const [first] = body.recipients;
    const added = { ...first!, ...newcomer, scopes: [0], consent: random() };
    const next = { ...body, version: 2, previous: crypto.sha256(mine.manifest), recipients: [first!, added] };
    const agent = await world.connect(mine.owner);
    expect(await agent.publish(mine.device.topics.m, signBody('manifest', next, mine.owner.signer))).toBe(true);
    await agent.end();
  };
  const grantTo = async (rid: Uint8Array, oh: Uint8Array) => {
    const release = { oh, scope: 0, consent: random(), secret: { kind: 'epoch', es: random() } } as const;
    const message = signBody('release', release, mine.owner.signer);
    return encodeGrant(oh.slice(0, 8), await sealGrant(message, newcomer.prekey, rid, 1, oh, crypto));
  };
  const ask = async (rid: Uint8Array, eh: Uint8Array, want: 1 | 2 | 3 | 4, first = 0) => {
    // One a second.
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    const ranges = first === 0 ? [] : [{ first, count: 100 }];
    await world.gateway.recipientMessage(hex(rid), encodeAsk(eh, want, want === 4 ? null : 0, ranges));
  };

  it('passes a release of the owner to whom the owner lists, and what was asked for within the scopes of now', async () => {
    const { client, epoch } = await world.live(mine);
    for (let i = 0; i < 4; i++) await client.publish(mine.device.topics.u, epoch.frame().raw);
    await client.publish(mine.device.topics.u, epoch.frame({ ft: 2, st: 0 }).raw);
    expect(await client.publish(mine.device.topics.c, epoch.close().ctl)).toBe(true);
    const eh = epoch.oh.slice(0, 8);
    const g = `ps1/r/${hex(newcomer.rid)}/g`;
    const grant = await grantTo(newcomer.rid, epoch.oh);

    const early = await world.connect(mine.owner);
    expect(await early.publish(g, grant, 1, 300)).toBe(false);
    await early.end();
    await expect(ask(newcomer.rid, eh, 4)).rejects.toMatchObject({ refusal: 'not-listed' });
    await listNewcomer();

    const thief = await world.connect((await world.circle()).owner);
    expect(await thief.publish(g, grant, 1, 300)).toBe(false);
    await thief.end();
    expect(itemsOf(newcomer.rid, 'g')).toEqual([]);
    const agent = await world.connect(mine.owner);
    expect(await agent.publish(g, grant)).toBe(true);
    await agent.end();
    await until(() => itemsOf(newcomer.rid, 'g').length === 1);
    expect(hex(itemsOf(newcomer.rid, 'g')[0]!.message)).toBe(hex(grant));

    await ask(newcomer.rid, eh, 4);
    // endorse, manifest, beacon, opening: and no wrap, since none was made for it.
    expect(itemsOf(newcomer.rid, 'f').map(({ message }) => message[1])).toEqual([0x84, 0x84, 0x84, 0x18]);
    const before = itemsOf(newcomer.rid, 'f').length;
    await ask(newcomer.rid, eh, 2, 1);
    const frames = itemsOf(newcomer.rid, 'f')
      .slice(before)
      .map(({ message }) => parseFrame(message));
    expect(frames.map(({ st }) => st)).toEqual([0]);
    await ask(newcomer.rid, eh, 3);
    expect(itemsOf(newcomer.rid, 'f').length).toBe(before + 2);
  });
});

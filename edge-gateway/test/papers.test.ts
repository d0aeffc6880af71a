import { ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import { issueCwt, parseSigned, signBody } from '@pulseseal/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type TestClient, testIdentity } from './client.ts';
import { type RawCircle, rawCircle } from './raw-device.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

const UNUSED_MS = 1_500;
vi.mock('../src/limits.ts', async (original) => ({ ...(await original<object>()), UNUSED_ENDORSEMENT_MS: 1_500 }));

/** Whoever makes a key pair is an owner: what such owners may have checked and kept is bounded. */
describe('papers of strangers', () => {
  let world: World;
  afterEach(() => world.end());

  const madeUp = () => rawCircle([world.address.thumbprint], crypto, random);
  const nextManifest = (circle: RawCircle, version: number) => {
    const { body } = parseSigned(circle.manifest, 'manifest');
    return signBody('manifest', { ...body, version }, circle.owner.signer);
  };
  const endorseBy = (owner: TestOwner, circle: RawCircle) => {
    const times = { issuedMs: Date.now() - 1, expiresMs: Date.now() + 1e10 };
    return issueCwt('endorse', owner.signer, circle.device.signer.key, times, crypto);
  };
  type TestOwner = RawCircle['owner'];
  const claim = async (circle: RawCircle, agent?: TestClient): Promise<boolean[]> => {
    const client = agent ?? (await world.connect(circle.owner));
    const { e, m } = circle.device.topics;
    return [await client.publish(e, circle.endorse, 1, 400), await client.publish(m, circle.manifest, 1, 400)];
  };

  it('one owner without end: rate, whatever the connection, and the disk keeps what came before [TOPIC-5]', async () => {
    world = await createWorld();
    const circle = madeUp();
    expect(await claim(circle)).toEqual([true, true]);
    const from = world.journal.endPosition;
    let taken = 2;
    for (const _ of [1, 2]) {
      const agent = await world.connect(circle.owner);
      const made = Array.from({ length: 50 }, () => nextManifest(circle, ++taken));
      taken -= 50;
      const answers = await Promise.all(made.map((m) => agent.publish(circle.device.topics.m, m, 1, 1_500)));
      taken += answers.filter((isTaken) => isTaken).length;
      await agent.end();
    }
    expect(taken).toBeLessThanOrEqual(64);
    expect(await world.refusals('rate')).toBeGreaterThan(0);
    expect(world.journal.endPosition - from).toBeLessThan(64 * 6_000);
    expect(await claim(madeUp())).toEqual([true, true]);
  });

  it('all whom the ledger does not know, together: whom it knows goes on, also while it is away', async () => {
    world = await createWorld({ settings: { newcomersBurst: 4, newcomersPerHour: 1 } });
    const mine = await world.circle();
    await world.live(mine);
    world.ledger.isAway = true;
    // A claim does not wait for the ledger.
    expect(await claim(madeUp())).toEqual([true, true]);
    world.ledger.isAway = false;
    expect(await claim(madeUp())).toEqual([true, true]);
    expect(await claim(madeUp())).toEqual([false, false]);
    expect(await world.refusals('rate')).toBeGreaterThan(0);
    expect((await world.circle()).endorse.length).toBeGreaterThan(0);
    await world.restart();
    for (let i = 0; i < 2; i++) await claim(madeUp());
    world.ledger.isAway = true;
    const agent = await world.connect(mine.owner);
    expect(await agent.publish(mine.device.topics.m, nextManifest(mine, 2))).toBe(true);
  });

  it('a manifest over the pseudonym of another owner: owner-mismatch [ENROL-4]', async () => {
    world = await createWorld({ settings: { refusalsPerWindow: 1_000 } });
    const { body } = parseSigned((await world.circle()).manifest, 'manifest');
    const { pseudonym } = body;
    const thief = rawCircle([world.address.thumbprint], crypto, random, { pseudonym });
    expect(await claim(thief)).toEqual([true, false]);
    expect(await world.refusals('owner-mismatch')).toBe(1);
  });

  it('an endorsement that nothing bears out gives way after a while; one under which the device opened never', async () => {
    world = await createWorld({ settings: { refusalsPerWindow: 1_000 } });
    const mine = madeUp();
    const { topics } = mine.device;
    const thief = testIdentity('ML-DSA-65', crypto, random);
    const squatter = await world.connect(thief);
    const startMs = Date.now();
    expect(await squatter.publish(topics.e, endorseBy(thief, mine))).toBe(true);
    const { body } = parseSigned(mine.manifest, 'manifest');
    const own = signBody('manifest', { ...body, pseudonym: random().slice(0, 16), version: 7 }, thief.signer);
    expect(await squatter.publish(topics.m, own)).toBe(true);
    const register = ledgerCalls.registerDevice(body.pseudonym, mine.owner.signer.key, random(), crypto);
    const { ledgerId } = await world.ledger.identity();
    const act = signAct(mine.owner.signer, ledgerId, register.fn, register.args, 1, Date.now());
    await submitCall(world.ledger, register, act);
    await submitCall(world.ledger, ledgerCalls.putManifest(mine.manifest, mine.owner.signer.key));
    const agent = await world.connect(mine.owner);
    if (Date.now() - startMs < UNUSED_MS / 2) expect(await agent.publish(topics.e, mine.endorse, 1, 100)).toBe(false);
    // Saying it again does not make it younger; while the ledger cannot be asked, nobody is displaced.
    expect(await squatter.publish(topics.e, endorseBy(thief, mine))).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, startMs + UNUSED_MS + 50 - Date.now()));
    world.ledger.isAway = true;
    expect(await agent.publish(topics.e, mine.endorse, 1, 200)).toBe(false);
    world.ledger.isAway = false;
    expect(await claim(mine, agent)).toEqual([true, true]);
    expect(await squatter.publish(topics.m, own, 1, 200)).toBe(false);
    await world.restart();
    const { client, epoch } = await world.live(mine);
    expect(await client.publish(topics.u, epoch.frame().raw)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, UNUSED_MS + 50));
    const again = await world.connect(thief);
    const before = await world.refusals('owner-mismatch');
    expect(await again.publish(topics.e, endorseBy(thief, mine), 1, 200)).toBe(false);
    await until(async () => (await world.refusals('owner-mismatch')) > before);
  });
});

import { ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import { parseSigned } from '@pulseseal/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RawCircle } from './raw-device.ts';
import { createWorld, until, type World } from './world.ts';

/** Only the owner of a device ends what its manifest granted. */
describe('a revoked consent', () => {
  let world: World;
  let mine: RawCircle;
  let stranger: RawCircle;
  let counter = 100;
  beforeAll(async () => {
    world = await createWorld();
    mine = await world.circle();
    stranger = await world.circle();
  });
  afterAll(() => world.end());

  const bodyOf = (circle: RawCircle) => parseSigned(circle.manifest, 'manifest').body;
  const act = async (circle: RawCircle, call: Parameters<typeof submitCall>[1]) => {
    const { ledgerId } = await world.ledger.identity();
    const signed = signAct(circle.owner.signer, ledgerId, call.fn, call.args, ++counter, Date.now());
    await submitCall(world.ledger, call, signed);
  };
  const framesOf = (circle: RawCircle) => {
    const rid = Buffer.from(circle.recipient.rid).toString('hex');
    return world.items.filter((item) => item.rid === rid && item.message[0] === 0x88).length;
  };

  it('of another owner who names the same consent id and rid ends nothing; its own ends forwarding', async () => {
    const { client, epoch } = await world.live(mine);
    const { rid, consent } = bodyOf(mine).recipients[0]!;
    const theirKey = stranger.owner.signer.key;
    await act(stranger, ledgerCalls.grantConsent(consent, bodyOf(stranger).pseudonym, rid, theirKey));
    await act(stranger, ledgerCalls.revokeConsent(consent, theirKey));
    // A second event behind it: once the gateway has taken this one, it has taken the one before.
    const witness = bodyOf(stranger).recipients[0]!;
    const seen = await world.live(stranger);
    await act(stranger, ledgerCalls.grantConsent(witness.consent, bodyOf(stranger).pseudonym, witness.rid, theirKey));
    await act(stranger, ledgerCalls.revokeConsent(witness.consent, theirKey));
    await until(async () => {
      const before = framesOf(stranger);
      await seen.client.publish(stranger.device.topics.u, seen.epoch.frame().raw);
      await new Promise((resolve) => setTimeout(resolve, 30));
      return framesOf(stranger) === before;
    });
    const before = framesOf(mine);
    expect(await client.publish(mine.device.topics.u, epoch.frame().raw)).toBe(true);
    await until(() => framesOf(mine) === before + 1);
  });

  it('stays ended for a gateway that starts again while the ledger is away', async () => {
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    const { topics } = circle.device;
    const { rid, consent } = bodyOf(circle).recipients[0]!;
    const key = circle.owner.signer.key;
    await act(circle, ledgerCalls.grantConsent(consent, bodyOf(circle).pseudonym, rid, key));
    await act(circle, ledgerCalls.revokeConsent(consent, key));
    await until(async () => {
      const before = framesOf(circle);
      await client.publish(topics.u, epoch.frame().raw);
      await new Promise((resolve) => setTimeout(resolve, 30));
      return framesOf(circle) === before;
    });
    const withheld = framesOf(circle);
    world.ledger.isAway = true;
    Object.assign(world.ledger, {
      // biome-ignore lint/correctness/useYield: it ends before it has begun
      async *events() {
        throw new Error('away');
      },
    });
    await world.restart(true);
    const back = await world.connect(circle.device);
    expect(await back.publish(topics.u, epoch.frame().raw)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(framesOf(circle)).toBe(withheld);
  });
});

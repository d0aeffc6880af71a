import { fromHex, toHex } from '@pulseseal/crypto';
import { openGrant, parsePlain, parseSigned, verifySigned } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGround } from './ground.ts';

let ground: Awaited<ReturnType<typeof createGround>>;
beforeEach(async () => {
  ground = await createGround();
  ground.startDevice();
  await ground.startAgent();
});
afterEach(() => ground.close());

const newcomer = new Uint8Array(8).fill(9);
const seed = new Uint8Array(32).fill(9);
const grants = () => ground.published.filter(({ topic }) => topic.endsWith('/g'));
const topicOf = (rid: Uint8Array) => `ps1/r/${toHex(rid)}/g`;

/** Two epochs in the vault; the newcomer is listed since the second, with scopes 1 and 2. */
const withNewcomer = async () => {
  const device = await ground.claim();
  await ground.until('vault', () => ground.agent.vault.list().length === 1);
  ground.agent.addRecipient(device.pseudonym, ground.invitation(9, { role: 0, scopes: [1, 2] }));
  await ground.until('second epoch', () => ground.agent.vault.list().length === 2);
  await ground.wait(ground.agent.settle());
  const [first, second] = ground.agent.vault.list();
  return { device, first: first!, second: second! };
};

const opened = async (message: Uint8Array, oh: string, withSeed = seed, rid = newcomer) => {
  const { wrap, eh } = parsePlain(message, 'grant');
  expect(toHex(eh)).toBe(oh.slice(0, 16));
  const bytes = await openGrant(wrap, withSeed, rid, 1, fromHex(oh), ground.crypto);
  return parseSigned(bytes, 'release');
};

describe('granting history', () => {
  it('publishes one release for each chosen epoch and scope of the consent, signed by the owner and sealed to the recipient', async () => {
    const { device, first } = await withNewcomer();
    expect(ground.agent.grantHistory(device.pseudonym, newcomer, (epoch) => epoch.oh === first.oh)).toBe(3);
    await ground.wait(ground.agent.settle());
    expect(grants().map(({ topic }) => topic)).toEqual(Array(3).fill(topicOf(newcomer)));
    const { consent } = ground.agent.devices()[0]!.recipients.find((r) => toHex(r.rid) === toHex(newcomer))!;
    const secrets = ground.agent.vault.secrets(fromHex(first.oh))!;
    const scopes: number[] = [];
    for (const { bytes } of grants()) {
      const release = await opened(bytes, first.oh);
      expect(verifySigned(release, ground.agent.owner, ground.crypto)).toBe(true);
      const { scope, secret, oh, consent: under } = release.body;
      scopes.push(scope);
      expect([toHex(oh), toHex(under)]).toEqual([first.oh, toHex(consent)]);
      expect(secret).toEqual({ kind: 'epoch', es: new Uint8Array(secrets.get(scope)!) });
    }
    // Scope 3 is in the vault and not in the consent.
    expect(scopes).toEqual([0, 1, 2]);
    await expect(opened(grants()[0]!.bytes, first.oh, new Uint8Array(32).fill(1))).rejects.toThrow();
  });

  it('goes no further than it is told: fewer scopes, never more than the consent names, nobody who is not listed', async () => {
    const { device, second } = await withNewcomer();
    const isSecond = (epoch: { oh: string }) => epoch.oh === second.oh;
    expect(ground.agent.grantHistory(device.pseudonym, newcomer, isSecond, [1, 3])).toBe(2);
    await ground.wait(ground.agent.settle());
    const scopes = await Promise.all(grants().map(async ({ bytes }) => (await opened(bytes, second.oh)).body.scope));
    expect(scopes).toEqual([0, 1]);
    const stranger = new Uint8Array(8).fill(77);
    expect(() => ground.agent.grantHistory(device.pseudonym, stranger, () => true)).toThrow('recipient-unknown');
  });

  it('waits for the gateway through a restart, and gives nothing to whom was revoked or of what was erased meanwhile', async () => {
    const { device, first, second } = await withNewcomer();
    ground.switches.gatewayUp = false;
    expect(ground.agent.grantHistory(device.pseudonym, newcomer, () => true)).toBe(6);
    // The same order again adds nothing.
    expect(ground.agent.grantHistory(device.pseudonym, newcomer, () => true)).toBe(0);
    await ground.wait(ground.agent.vault.erase((epoch) => epoch.oh === first.oh));
    await ground.wait(ground.agent.stop());
    for (const value of [ground.store.readState()!])
      for (const es of [...ground.agent.vault.secrets(fromHex(second.oh))!.values()])
        expect(Buffer.from(value).toString()).not.toContain(Buffer.from(es).toString('base64'));
    await ground.startAgent();
    ground.switches.gatewayUp = true;
    expect(await ground.wait(ground.agent.settle())).toBe(true);
    expect(grants().length).toBe(3);
    for (const { bytes } of grants()) await opened(bytes, second.oh);
    ground.switches.gatewayUp = false;
    ground.agent.grantHistory(device.pseudonym, newcomer, () => true);
    ground.agent.removeRecipient(device.pseudonym, newcomer);
    ground.switches.gatewayUp = true;
    expect(await ground.wait(ground.agent.settle())).toBe(true);
    expect(grants().length).toBe(3);
  });
});

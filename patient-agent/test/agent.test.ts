import { createMemoryKeyStore, equalBytes, fromHex, toHex } from '@pulseseal/crypto';
import { consentRecord, deviceRecord, manifestRecord } from '@pulseseal/ledger';
import { commitment, encodeItem, parseSigned, thumbprint, verifySigned } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryAgentStore } from '../src/mod.ts';
import { createGround } from './ground.ts';

let ground: Awaited<ReturnType<typeof createGround>>;
beforeEach(async () => {
  ground = await createGround();
  ground.startDevice();
  await ground.startAgent();
});
afterEach(() => ground.close());

const isLive = () => ground.device.state === 'live';
const newestOpen = () => [...ground.counterpart.epochs.values()].at(-1)!.open;

describe('a claim', () => {
  it('makes the device obey the owner, tells the ledger only pseudonyms and hashes, and publishes to the gateway', async () => {
    const device = await ground.claim();
    await ground.until('live', isLive);
    const endorse = parseSigned(device.endorse, 'endorse');
    expect(verifySigned(endorse, ground.agent.owner, ground.crypto)).toBe(true);
    expect(toHex(endorse.body.subject)).toBe(toHex(ground.device.thumbprint!));
    const manifest = parseSigned(device.manifest, 'manifest');
    expect(manifest.body.version).toBe(1);
    expect(manifest.body.recipients.map((r) => r.role)).toEqual([1, 2]);
    expect(toHex(newestOpen().manifestHash)).toBe(toHex(ground.crypto.sha256(device.manifest)));
    expect(await ground.wait(ground.agent.settle())).toBe(true);
    const record = deviceRecord.parse((await ground.ledger.read('GetDevice', [device.pseudonym]))!);
    expect(toHex(record.owner)).toBe(toHex(ground.agent.thumbprint));
    expect(toHex(record.saltedKeyHash)).not.toBe(toHex(ground.crypto.sha256(device.device)));
    const put = manifestRecord.parse((await ground.ledger.read('GetManifest', [device.pseudonym]))!);
    expect([put.version, toHex(put.hash)]).toEqual([1, toHex(ground.crypto.sha256(device.manifest))]);
    expect(ground.published.map(({ topic }) => topic.at(-1))).toEqual(['e', 'm']);
  });

  it('is refused for a box of an unknown maker, and for a code that is none', async () => {
    const other = await ground.startAgent(
      { keys: createMemoryKeyStore(ground.clock), store: createMemoryAgentStore() },
      [],
    );
    await expect(ground.claim(other)).rejects.toMatchObject({ code: 'devcert-untrusted' });
    expect(other.devices()).toEqual([]);
    await expect(ground.claim(other, 'ps2:AAAA')).rejects.toMatchObject({ code: 'qr-malformed' });
    const foreignBox = ground.maker.make('another', 1);
    const wrong = encodeItem([new Uint8Array(32), foreignBox.claimSecret, 'another']);
    const code = `ps1:${Buffer.from(wrong).toString('base64url')}`;
    await expect(ground.claim(other, `${code}=`)).rejects.toMatchObject({ code: 'qr-malformed' });
  });

  it('by a second owner gets no answer', async () => {
    await ground.claim();
    await ground.until('live', isLive);
    const second = await ground.startAgent({
      keys: createMemoryKeyStore(ground.clock),
      store: createMemoryAgentStore(),
    });
    await expect(ground.claim(second)).rejects.toThrow('never: claimed');
    expect(second.devices()).toEqual([]);
  });
});

describe('who may read', () => {
  it('changes with the next manifest and a new epoch; the ledger holds consent and revocation', async () => {
    const device = await ground.claim();
    await ground.until('live', isLive);
    ground.agent.addRecipient(device.pseudonym, ground.invitation(9, { role: 0 }));
    await ground.until('epoch under 2', () => newestOpen().manifestVersion === 2 && isLive());
    expect(newestOpen().wrapHashes.length).toBe(3);
    const consent = ground.agent.devices()[0]!.recipients.find((r) => r.rid[0] === 9)!.consent;
    await ground.wait(ground.agent.settle());
    expect(
      consentRecord.parse((await ground.ledger.read('GetConsent', [ground.agent.thumbprint, consent]))!).revokedMs,
    ).toBeNull();
    ground.agent.removeRecipient(device.pseudonym, new Uint8Array(8).fill(9));
    await ground.until('epoch under 3', () => newestOpen().manifestVersion === 3 && isLive());
    expect(newestOpen().wrapHashes.length).toBe(2);
    await ground.wait(ground.agent.settle());
    expect(
      consentRecord.parse((await ground.ledger.read('GetConsent', [ground.agent.thumbprint, consent]))!).revokedMs,
    ).not.toBeNull();
    const put = manifestRecord.parse((await ground.ledger.read('GetManifest', [device.pseudonym]))!);
    expect(put.version).toBe(3);
    expect(() => ground.agent.removeRecipient(device.pseudonym, new Uint8Array(8).fill(9))).toThrow(
      'recipient-unknown',
    );
  });

  it('is sealed to a recipient’s next prekey once it is published', async () => {
    await ground.claim();
    await ground.until('live', isLive);
    const next = ground.invitation(1, { prekeyId: 2 });
    ground.agent.rotatePrekey(next.rid, 2, next.prekey, next.expiresMs);
    await ground.until('epoch under 2', () => newestOpen().manifestVersion === 2 && isLive());
    const manifest = parseSigned(ground.agent.devices()[0]!.manifest, 'manifest').body;
    expect(manifest.recipients[0]!.prekeyId).toBe(2);
  });

  it('is nobody with a prekey that is no key: added, rotated in or in a claim, it is refused before anything is signed', async () => {
    const outOfModulus = new Uint8Array(1216).fill(0xff);
    const good = ground.invitation(8).prekey;
    const smallOrder = Uint8Array.from([...good.subarray(0, 1184), ...new Uint8Array(32)]);
    const wrongLength = good.subarray(1);
    const recipients = [ground.invitation(1), ground.invitation(8, { prekey: outOfModulus })];
    const order = {
      code: ground.maker.qr(ground.factory),
      scopes: [1],
      recipients,
      gateways: [ground.counterpart.gateway],
    };
    await expect(ground.agent.claim(ground.connect(), order)).rejects.toThrow('Ask the recipient for a new invitation');
    // The box is nobody's yet: the next try claims it.
    const device = await ground.claim();
    await ground.until('live', isLive);
    for (const prekey of [outOfModulus, smallOrder, wrongLength]) {
      const bad = ground.invitation(8, { prekey });
      const refusal = expect.objectContaining({ code: 'prekey-invalid' });
      expect(() => ground.agent.addRecipient(device.pseudonym, bad)).toThrow(refusal);
      const { rid, expiresMs } = ground.invitation(1);
      expect(() => ground.agent.rotatePrekey(rid, 2, prekey, expiresMs)).toThrow(refusal);
    }
    expect(ground.agent.devices()[0]).toMatchObject({ version: 1, recipients: [{ prekeyId: 1 }, {}] });
    const [end, agentEnd] = (await import('../../device-sim/src/mod.ts')).createLocalPair();
    ground.agent.desk(agentEnd, order);
    end.send(Buffer.from(order.code));
    await ground.until('refused', () => ground.agent.refusals['prekey-invalid'] === 1);
  });

  it('is settled with ledger and gateway when they come back, version by version', async () => {
    const device = await ground.claim();
    await ground.until('live', isLive);
    await ground.wait(ground.agent.settle());
    ground.switches.ledgerUp = false;
    ground.switches.gatewayUp = false;
    ground.agent.addRecipient(device.pseudonym, ground.invitation(5));
    ground.agent.removeRecipient(device.pseudonym, new Uint8Array(8).fill(5));
    // The local link goes past both.
    await ground.until('epoch under 3', () => newestOpen().manifestVersion === 3);
    expect(await ground.wait(ground.agent.settle())).toBe(false);
    ground.switches.ledgerUp = true;
    ground.switches.gatewayUp = true;
    await ground.until('published', () => ground.published.length >= 3, 30_000);
    expect(await ground.wait(ground.agent.settle())).toBe(true);
    const put = manifestRecord.parse((await ground.ledger.read('GetManifest', [device.pseudonym]))!);
    expect(put.version).toBe(3);
  });
});

describe('the vault', () => {
  const claimWithVault = async () => {
    await ground.claim();
    await ground.until('live', isLive);
    await ground.until('vault', () => ground.agent.vault.list().length === 1);
  };

  it('holds the epoch secrets that the device committed to, and only sealed', async () => {
    await claimWithVault();
    const open = newestOpen();
    const [entry] = ground.agent.vault.list();
    expect(entry!.scopes).toEqual([0, 1, 2, 3]);
    const secrets = ground.agent.vault.secrets(fromHex(entry!.oh))!;
    for (const [scope, es] of secrets) {
      const made = commitment(es, open.device, open.boot, open.epoch, scope, ground.crypto);
      expect(equalBytes(made, open.commitments.get(scope)!)).toBe(true);
      for (const record of ground.store.vault) expect(Buffer.from(record).includes(Buffer.from(es))).toBe(false);
    }
  });

  it('erases an epoch for good: not even the old record with the new key opens', async () => {
    await claimWithVault();
    ground.agent.addRecipient(ground.agent.devices()[0]!.pseudonym, ground.invitation(6));
    await ground.until('second entry', () => ground.agent.vault.list().length === 2);
    const [first, second] = ground.agent.vault.list();
    const remains = ground.store.vault[0]!;
    const keysBefore = (await ground.keys.list()).map((item) => item.name);
    expect(await ground.wait(ground.agent.vault.erase((epoch) => epoch.oh === first!.oh))).toBe(1);
    expect(ground.agent.vault.secrets(fromHex(first!.oh))).toBeUndefined();
    expect(ground.agent.vault.secrets(fromHex(second!.oh))!.size).toBe(4);
    const keysAfter = (await ground.keys.list()).map((item) => item.name);
    expect(keysBefore).toContain('ada.vault.1');
    expect(keysAfter).not.toContain('ada.vault.1');
    expect(keysAfter).toContain('ada.vault.2');
    // The sealed remains of the record, as an undeleted block of the disk would hold them.
    const seed = (await ground.keys.get('ada.vault.2'))!;
    const headLength = Buffer.from(remains).readUInt32BE(4);
    const head = remains.subarray(8, 8 + headLength);
    const at = 8 + headLength;
    const opened = ground.crypto.aes256GcmOpen(seed, remains.subarray(at, at + 12), remains.subarray(at + 12), head);
    expect(opened).toBeUndefined();
  });

  it('takes nothing from a stranger: openings of other devices and keys without opening are counted', async () => {
    await claimWithVault();
    const [epoch] = [...ground.counterpart.epochs.values()];
    const [end, agentEnd] = (await import('../../device-sim/src/mod.ts')).createLocalPair();
    ground.agent.attach(agentEnd);
    end.send(epoch!.keys!);
    await ground.until('refused', () => ground.agent.refusals['keys-unannounced'] === 1);
    expect(ground.agent.vault.list().length).toBe(1);
  });
});

describe('a restart', () => {
  it('finds owner, devices, manifests and vault again, and brings a device up to date', async () => {
    const device = await ground.claim();
    await ground.until('live', isLive);
    await ground.until('vault', () => ground.agent.vault.list().length === 1);
    const { thumbprint: before } = ground.agent;
    const vaultBefore = ground.agent.vault.list();
    await ground.wait(ground.agent.stop());
    const agent = await ground.startAgent();
    expect(toHex(agent.thumbprint)).toBe(toHex(before));
    expect(agent.vault.list()).toEqual(vaultBefore);
    expect(agent.devices()[0]!.version).toBe(1);
    // The device hears of the change as soon as the two meet again.
    agent.addRecipient(device.pseudonym, ground.invitation(7));
    agent.attach(ground.connect());
    await ground.until('epoch under 2', () => newestOpen().manifestVersion === 2);
    expect(toHex(thumbprint(agent.owner, ground.crypto))).toBe(toHex(before));
  });
});

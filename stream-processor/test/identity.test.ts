import { createMemoryKeyStore, toHex } from '@pulseseal/crypto';
import { cardHash, openFrame, parseFrame, segmentKey } from '@pulseseal/protocol';
import { createSeededRandom } from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import { disclose, loadRecipientIdentity, PREKEY_GRACE_MS, PREKEY_LIFE_MS, prekeyName } from '../src/mod.ts';
import { createCircle, openEpoch } from './support/device.ts';
import { crypto } from './support/processor.ts';

const circle = createCircle(crypto);

describe('recipient identity', () => {
  it('stays the same over starts, with one prekey a pseudonym until half its life', async () => {
    const wall = createManualClock();
    const keys = createMemoryKeyStore(wall);
    const ports = { keys, crypto, random: createSeededRandom(3), wall };
    const first = await loadRecipientIdentity(ports);
    const rid = first.newRid();
    const invitation = await first.invitation(rid);
    expect(invitation).toMatchObject({ prekeyId: 1, expiresMs: wall.nowMs() + PREKEY_LIFE_MS });
    expect(invitation.prekey).toHaveLength(1216);
    const again = await loadRecipientIdentity(ports);
    expect(again.signer.thumbprint).toEqual(first.signer.thumbprint);
    expect(await again.invitation(rid)).toEqual(invitation);
    wall.advance(PREKEY_LIFE_MS / 2 + 1);
    expect((await again.invitation(rid)).prekeyId).toBe(2);
    wall.advance(PREKEY_LIFE_MS / 2 + PREKEY_GRACE_MS - 2);
    expect(await again.sweep()).toBe(0);
    wall.advance(1);
    expect(await again.sweep()).toBe(1);
    expect(await keys.get(prekeyName(toHex(rid), 1))).toBeUndefined();
    expect(await keys.get(prekeyName(toHex(rid), 2))).toBeDefined();
  });
});

describe('disclosure', () => {
  it('opens one scope of one segment, and nothing else', async () => {
    const device = await openEpoch(circle);
    device.card(1);
    device.close(10);
    const frame = parseFrame(device.vitals(new Map([[0, 70]]), 20));
    const wave = parseFrame(device.ecg(new Int16Array(25), 30));
    const input = {
      open: device.open,
      wrap: device.wrap,
      manifest: device.manifest,
      rid: circle.rid,
      prekeySeed: circle.prekeySeed,
      scope: 1,
      segment: 1,
      card: device.cards.get(1)!,
    };
    const disclosure = await disclose(input, crypto);
    const close = device.close(40).body;
    const key = segmentKey(disclosure.sk, crypto);
    expect(key.kcv).toEqual(close.kcv.get(1));
    expect(openFrame(frame, device.oh, key, 24, crypto).payload.length).toBeGreaterThan(0);
    expect(() => openFrame(wave, device.oh, key, 0, crypto)).toThrow('aead-fail');
    expect(cardHash(disclosure.card, crypto)).toEqual(cardHash(input.card, crypto));
    await expect(disclose({ ...input, card: device.cards.get(2)! }, crypto)).rejects.toThrow('card-mismatch');
    await expect(disclose({ ...input, prekeySeed: new Uint8Array(32) }, crypto)).rejects.toThrow('wrap-failed');
    await expect(disclose({ ...input, rid: new Uint8Array(8) }, crypto)).rejects.toThrow('not-listed');
  });
});

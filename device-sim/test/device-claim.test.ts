import {
  claimMac,
  createMessageSigner,
  type MessageSigner,
  parseMessage,
  parseSigned,
  signBody,
  thumbprint,
  verifySigned,
} from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import { createClaimDesk } from '../src/device/claim.ts';
import { freshMemory } from '../src/device/memory.ts';
import { createLocalPair } from '../src/mod.ts';
import { createWorld } from './harness.ts';

/** A desk with one link, and a claim that a test may spoil. */
function createDesk() {
  const { crypto, random, factory, owner } = createWorld();
  const memory = freshMemory(random.bytes(32));
  const refusals: string[] = [];
  let owned = 0;
  const desk = createClaimDesk({
    memory,
    factory,
    operationalAlgorithm: 'ML-DSA-44',
    random,
    crypto,
    save: () => {},
    owned: () => {
      owned++;
    },
    manifest: () => {},
    resync: () => {},
    refused: (reason) => refusals.push(reason),
  });
  const connect = () => {
    const [deviceEnd, agentEnd] = createLocalPair();
    const said: Uint8Array[] = [];
    agentEnd.onMessage((bytes) => said.push(bytes));
    desk.attach(deviceEnd);
    return { agentEnd, said };
  };
  const attestation = createMessageSigner(factory.attestationAlgorithm, factory.attestationSeed, crypto).thumbprint;
  const request = (
    nonce: Uint8Array,
    by: MessageSigner = owner,
    change: { secret?: Uint8Array; signer?: MessageSigner; attestation?: Uint8Array } = {},
  ) => {
    const pseudonym = new Uint8Array(16).fill(5);
    const secret = change.secret ?? factory.claimSecret;
    const mac = claimMac(attestation, secret, by.thumbprint, pseudonym, nonce, crypto);
    return signBody(
      'claimreq',
      {
        attestationKey: change.attestation ?? attestation,
        owner: by.thumbprint,
        ownerKey: by.key,
        pseudonym,
        nonce,
        mac,
      },
      change.signer ?? by,
    );
  };
  const nonceIn = (said: Uint8Array[]) => {
    const lost = said.map((bytes) => parseMessage(bytes)).findLast((m) => m.kind === 'lost');
    if (lost?.kind !== 'lost') throw new Error('no lost');
    return lost.nonce;
  };
  const answered = (said: Uint8Array[]) =>
    said.some((bytes) => {
      const m = parseMessage(bytes);
      return m.kind === 'signed' && m.typ === 'claimack';
    });
  const endorseFor = (said: Uint8Array[], by: MessageSigner) => {
    const raw = said.findLast((bytes) => {
      const m = parseMessage(bytes);
      return m.kind === 'signed' && m.typ === 'claimack';
    })!;
    const { key } = parseSigned(raw, 'claimack').body;
    const subject = thumbprint(key, crypto);
    return signBody(
      'endorse',
      { issuer: by.thumbprint, subject, issuedS: 1, expiresS: 2 ** 32, key, issuerKey: by.key },
      by,
    );
  };
  const other = createMessageSigner('ML-DSA-65', random.bytes(32), crypto);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    ...{ crypto, random, factory, owner, other, memory, refusals, connect, request, nonceIn, answered, endorseFor },
    settle,
    owned: () => owned,
  };
}

describe('the claim of a device', () => {
  it('answers the holder of the box, under its attestation key, and then obeys the endorsement', async () => {
    const d = createDesk();
    const { agentEnd, said } = d.connect();
    await d.settle();
    const claim = d.request(d.nonceIn(said));
    agentEnd.send(claim);
    await d.settle();
    const devcert = said.map((bytes) => parseMessage(bytes)).find((m) => m.kind === 'signed' && m.typ === 'devcert');
    const ack = said.map((bytes) => parseMessage(bytes)).find((m) => m.kind === 'signed' && m.typ === 'claimack');
    if (devcert?.kind !== 'signed' || devcert.typ !== 'devcert' || ack?.kind !== 'signed' || ack.typ !== 'claimack')
      throw new Error('no answer');
    expect(verifySigned(ack, devcert.body.key, d.crypto)).toBe(true);
    expect(Buffer.from(ack.body.claimHash)).toEqual(Buffer.from(d.crypto.sha256(claim)));
    expect(d.owned()).toBe(0);
    agentEnd.send(d.endorseFor(said, d.owner));
    await d.settle();
    expect(d.owned()).toBe(1);
    expect(d.refusals).toEqual([]);
  });

  it('refuses a wrong claim secret', async () => {
    const d = createDesk();
    const { agentEnd, said } = d.connect();
    await d.settle();
    agentEnd.send(d.request(d.nonceIn(said), d.owner, { secret: new Uint8Array(16) }));
    await d.settle();
    expect(d.refusals).toEqual(['mac-fail']);
    expect(d.answered(said)).toBe(false);
    expect(d.memory.owner).toBeNull();
  });

  it('refuses a signature of somebody else, and a claim for another device', async () => {
    const d = createDesk();
    const { agentEnd, said } = d.connect();
    await d.settle();
    agentEnd.send(d.request(d.nonceIn(said), d.owner, { signer: d.other }));
    await d.settle();
    agentEnd.send(d.request(d.nonceIn(said), d.owner, { attestation: new Uint8Array(32) }));
    await d.settle();
    expect(d.refusals).toEqual(['signature-invalid', 'topic-mismatch']);
    expect(d.answered(said)).toBe(false);
  });

  it('takes a nonce once, whatever came of it [ENROL-5]', async () => {
    const d = createDesk();
    const { agentEnd, said } = d.connect();
    await d.settle();
    const nonce = d.nonceIn(said);
    agentEnd.send(d.request(nonce, d.owner, { secret: new Uint8Array(16) }));
    await d.settle();
    agentEnd.send(d.request(nonce));
    await d.settle();
    expect(d.refusals).toEqual(['mac-fail', 'nonce-mismatch']);
    expect(d.answered(said)).toBe(false);
    agentEnd.send(d.request(d.nonceIn(said)));
    await d.settle();
    expect(d.answered(said)).toBe(true);
  });

  it('lets the owner try again until the endorsement, and nobody after it, former owners included', async () => {
    const d = createDesk();
    const first = d.connect();
    await d.settle();
    first.agentEnd.send(d.request(d.nonceIn(first.said)));
    await d.settle();
    const again = d.connect();
    await d.settle();
    again.agentEnd.send(d.request(d.nonceIn(again.said)));
    await d.settle();
    expect(d.answered(again.said)).toBe(true);
    again.agentEnd.send(d.endorseFor(again.said, d.owner));
    await d.settle();
    expect(d.owned()).toBe(1);
    for (const by of [d.other, d.owner]) {
      const late = d.connect();
      await d.settle();
      expect(late.said).toEqual([]);
      late.agentEnd.send(d.request(d.random.bytes(16), by));
      await d.settle();
      expect(d.answered(late.said)).toBe(false);
    }
    expect(d.refusals).toEqual(['owner-mismatch', 'owner-mismatch']);
  });

  it('does not obey an endorsement by another owner', async () => {
    const d = createDesk();
    const { agentEnd, said } = d.connect();
    await d.settle();
    agentEnd.send(d.request(d.nonceIn(said)));
    await d.settle();
    agentEnd.send(d.endorseFor(said, d.other));
    await d.settle();
    expect(d.refusals).toEqual(['owner-mismatch']);
    expect(d.owned()).toBe(0);
  });
});

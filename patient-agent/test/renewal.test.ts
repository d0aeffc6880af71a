import { toHex } from '@pulseseal/crypto';
import { manifestRecord, uintBytes } from '@pulseseal/ledger';
import { parseSigned } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentLimits, defaultPolicy } from '../src/mod.ts';
import { createGround } from './ground.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

let ground: Awaited<ReturnType<typeof createGround>>;
beforeEach(async () => {
  ground = await createGround();
  ground.startDevice();
  await ground.startAgent();
});
afterEach(() => ground.close());

const inForce = () => parseSigned(ground.agent.devices()[0]!.manifest, 'manifest').body;
const isLive = () => ground.device.state === 'live';

/** A claimed device that is then switched off: nothing but the agent's own timers is left. */
const claimed = async () => {
  const device = await ground.claim();
  await ground.until('live', isLive);
  await ground.wait(ground.agent.settle());
  ground.device.halt();
  return device;
};

const pass = async (days: number, each: () => void = () => {}) => {
  for (let hour = 0; hour < days * 24; hour++) {
    await ground.clock.advanceAsync(HOUR_MS);
    each();
  }
};

describe('a consent that nobody touches', () => {
  it('does not lapse in 100 days: the same content is signed again long before its end, on the ledger version by version', async () => {
    const device = await claimed();
    const first = inForce();
    const versions = new Map([[1, inForce()]]);
    let leastLeftMs = Number.POSITIVE_INFINITY;
    let mostAgeMs = 0;
    await pass(100, () => {
      const body = inForce();
      versions.set(body.version, body);
      leastLeftMs = Math.min(leastLeftMs, body.validUntilMs - ground.clock.nowMs());
      mostAgeMs = Math.max(mostAgeMs, ground.clock.nowMs() - body.validFromMs);
    });
    expect(leastLeftMs).toBeGreaterThan(agentLimits.manifestLifeMs / 2);
    // A device leaves ordinary recipients out when its manifest is older than this.
    expect(mostAgeMs).toBeLessThan((defaultPolicy.maxStaleS * 1000) / 2 + 2 * HOUR_MS);
    const last = inForce();
    expect(versions.size).toBe(last.version);
    for (const part of ['recipients', 'suites', 'policy', 'gateways', 'consentRoot'] as const)
      expect(last[part]).toEqual(first[part]);
    expect(await ground.wait(ground.agent.settle())).toBe(true);
    for (const version of versions.keys()) {
      const record = await ground.ledger.read('GetManifest', [device.pseudonym, uintBytes(version)]);
      expect(manifestRecord.parse(record!).version).toBe(version);
    }
    const published = ground.published.findLast(({ topic }) => topic.endsWith('/m'))!;
    expect(toHex(published.bytes)).toBe(toHex(ground.agent.devices()[0]!.manifest));
  }, 60_000);

  it('is renewed at once by an agent that was off for longer than the manifest lived, and the device serves everybody again', async () => {
    const device = await ground.claim();
    await ground.until('live', isLive);
    const ordinary = ground.invitation(9, { role: 0, expiresMs: ground.clock.nowMs() + 400 * DAY_MS });
    ground.agent.addRecipient(device.pseudonym, ordinary);
    await ground.until('epoch under 2', () => newestOpen().manifestVersion === 2 && isLive());
    await ground.wait(ground.agent.settle());
    await ground.wait(ground.agent.stop());
    ground.device.halt();
    await ground.clock.advanceAsync(100 * DAY_MS);
    expect(inForce().validUntilMs).toBeLessThan(ground.clock.nowMs());
    await ground.startAgent();
    expect(inForce().version).toBe(3);
    expect(inForce().validUntilMs).toBeGreaterThan(ground.clock.nowMs() + agentLimits.manifestLifeMs - DAY_MS);
    ground.counterpart.publishBeacon(2);
    ground.startDevice();
    ground.agent.attach(ground.connect());
    await ground.until('epoch under 3', () => newestOpen().manifestVersion === 3 && isLive());
    const place = inForce().recipients.findIndex((r) => toHex(r.rid) === toHex(ordinary.rid));
    expect(newestOpen().wrapHashes[place]).toBeInstanceOf(Uint8Array);
  }, 60_000);

  it('comes onto the ledger whole when that was away for more versions than an epoch needs', async () => {
    const device = await claimed();
    ground.switches.ledgerUp = false;
    for (let restart = 0; restart <= agentLimits.keptManifests; restart++) {
      await ground.wait(ground.agent.stop());
      await ground.clock.advanceAsync(4 * DAY_MS);
      await ground.startAgent();
    }
    const { version } = inForce();
    expect(version).toBe(agentLimits.keptManifests + 2);
    ground.switches.ledgerUp = true;
    await ground.clock.advanceAsync(agentLimits.retryMs);
    expect(await ground.wait(ground.agent.settle())).toBe(true);
    const put = manifestRecord.parse((await ground.ledger.read('GetManifest', [device.pseudonym]))!);
    expect([put.version, toHex(put.hash)]).toEqual([
      version,
      toHex(ground.crypto.sha256(ground.agent.devices()[0]!.manifest)),
    ]);
  }, 60_000);

  it('ends when the owner ends it: nothing renews what was revoked', async () => {
    const device = await claimed();
    ground.agent.removeRecipient(device.pseudonym, new Uint8Array(8).fill(1));
    await pass(30);
    expect(inForce().recipients.map((r) => r.role)).toEqual([2]);
  });
});

const newestOpen = () => [...ground.counterpart.epochs.values()].at(-1)!.open;

describe('the endorsement of a device', () => {
  it('is made anew a year before its end and published', async () => {
    const device = await claimed();
    await ground.wait(ground.agent.stop());
    const before = parseSigned(device.endorse, 'endorse').body;
    await ground.clock.advanceAsync(before.expiresS * 1000 - ground.clock.nowMs() - agentLimits.endorseRenewMs + 1);
    const publishedBefore = ground.published.length;
    await ground.startAgent();
    const { endorse, key } = ground.agent.devices()[0]!;
    const after = parseSigned(endorse, 'endorse').body;
    expect(after.expiresS).toBeGreaterThan(before.expiresS);
    expect(toHex(after.subject)).toBe(toHex(before.subject));
    expect(toHex(key.publicKey)).toBe(toHex(before.key.publicKey));
    expect(await ground.wait(ground.agent.settle())).toBe(true);
    expect(ground.published.slice(publishedBefore).map(({ topic }) => topic.at(-1))).toEqual(['e', 'm']);
  });
});

import { createNativeCrypto } from '@pulseseal/crypto';
import { encodeCoseKey, openHash } from '@pulseseal/protocol';
import { expect, test } from 'vitest';
import {
  ACT_WINDOW_MS,
  consentRecord,
  deviceRecord,
  disputeRecord,
  gatewayRecord,
  ledgerCalls,
  logIdOf,
  manifestRecord,
  parseFact,
  queryKey,
  recipientRecord,
  treeHeadRecord,
  uintBytes,
} from '../src/mod.ts';
import {
  closeOf,
  consent,
  createActors,
  createEvidenceLog,
  endorseOf,
  filled,
  manifestOf,
  openOf,
  prekeyHash,
  pseudonym,
  rid,
  saltedKeyHash,
  tenant,
} from './actors.ts';
import { createGround, startMs } from './ground.ts';

const crypto = createNativeCrypto();
const actors = createActors(crypto);
const { operator, gateway, owner, recipient, stranger, device } = actors;
const ground = () => createGround(crypto, actors).registerAll();

test('a gateway is registered with its tenant and the one log it may anchor, then retired', async () => {
  const g = await ground();
  const row = () => gatewayRecord.parse(g.rows.get(queryKey('GetGateway', [gateway.thumbprint]))!);
  const logId = logIdOf(gateway.thumbprint, tenant, crypto);
  expect(row()).toEqual({ key: encodeCoseKey(gateway.key), tenant, logId, registeredMs: startMs, retiredMs: null });
  const { events } = await g.signed(operator, ledgerCalls.retireGateway(gateway.thumbprint));
  expect(row().retiredMs).toBe(startMs);
  expect(events.map(parseFact)).toEqual([{ name: 'GatewayRetired', gateway: gateway.thumbprint }]);
});

test('a device keeps only thumbprint and salted hash; its owner can retire it', async () => {
  const g = await ground();
  const row = () => deviceRecord.parse(g.rows.get(queryKey('GetDevice', [pseudonym]))!);
  expect(row()).toEqual({ owner: owner.thumbprint, saltedKeyHash, registeredMs: startMs, retiredMs: null });
  for (const value of g.rows.values()) expect(Buffer.from(value).includes(owner.key.publicKey)).toBe(false);
  await g.signed(owner, ledgerCalls.retireDevice(pseudonym, owner.key));
  expect(row().retiredMs).toBe(startMs);
});

test('a recipient publishes its next prekey under the same rid', async () => {
  const g = await ground();
  await g.signed(recipient, ledgerCalls.putRecipient(rid, recipient.key, prekeyHash, startMs + 1));
  await g.signed(recipient, ledgerCalls.putRecipient(rid, recipient.key, filled(32, 1), startMs + 2));
  expect(recipientRecord.parse(g.rows.get(queryKey('GetRecipient', [rid]))!)).toEqual({
    identity: encodeCoseKey(recipient.key),
    prekeyHash: filled(32, 1),
    untilMs: startMs + 2,
    putMs: startMs,
  });
});

test('a consent is granted and revoked, also after the device was retired', async () => {
  const g = await ground();
  await g.signed(owner, ledgerCalls.grantConsent(consent, pseudonym, rid, owner.key));
  await g.signed(owner, ledgerCalls.retireDevice(pseudonym, owner.key));
  const { events } = await g.signed(owner, ledgerCalls.revokeConsent(consent, owner.key));
  expect(consentRecord.parse(g.rows.get(queryKey('GetConsent', [owner.thumbprint, consent]))!).revokedMs).toBe(startMs);
  expect(events.map(parseFact)).toEqual([{ name: 'ConsentRevoked', consent, pseudonym, rid }]);
});

test('two owners use the same consent id, and neither touches the other', async () => {
  const g = await ground();
  const theirs = filled(16, 0x77);
  await g.signed(stranger, ledgerCalls.registerDevice(theirs, stranger.key, saltedKeyHash, crypto));
  // The stranger is first: the id is not taken by it.
  await g.signed(stranger, ledgerCalls.grantConsent(consent, theirs, rid, stranger.key));
  await g.signed(owner, ledgerCalls.grantConsent(consent, pseudonym, rid, owner.key));
  const row = (who: typeof owner) =>
    consentRecord.parse(g.rows.get(queryKey('GetConsent', [who.thumbprint, consent]))!);
  expect(row(owner)).toMatchObject({ pseudonym, revokedMs: null });
  expect(row(stranger)).toMatchObject({ pseudonym: theirs, revokedMs: null });
  await g.signed(stranger, ledgerCalls.revokeConsent(consent, stranger.key));
  expect(row(stranger).revokedMs).toBe(startMs);
  expect(row(owner).revokedMs).toBeNull();
});

test('manifests follow each other by version and hash, and every version stays readable', async () => {
  const g = await ground();
  const one = manifestOf(owner);
  const two = manifestOf(owner, { version: 2, previous: crypto.sha256(one) });
  for (const manifest of [one, two]) await g.run(ledgerCalls.putManifest(manifest, owner.key));
  const row = (...args: Uint8Array[]) => manifestRecord.parse(g.rows.get(queryKey('GetManifest', args))!);
  expect(row(pseudonym)).toEqual({
    version: 2,
    hash: crypto.sha256(two),
    previous: crypto.sha256(one),
    putMs: startMs,
  });
  expect(row(pseudonym, uintBytes(1)).hash).toEqual(crypto.sha256(one));
  for (const value of g.rows.values()) expect(Buffer.from(value).includes(rid)).toBe(false);
});

test('tree heads grow by proof over every pair of sizes up to 20', async () => {
  for (let oldSize = 1; oldSize < 20; oldSize++) {
    for (let newSize = oldSize + 1; newSize <= 20; newSize += 3) {
      const g = await ground();
      const log = createEvidenceLog(gateway, crypto);
      const first = log.head(oldSize, null);
      await g.run(ledgerCalls.anchorTreeHead(first, log.consistency(0, oldSize)));
      const second = log.head(newSize, crypto.sha256(first));
      const { events } = await g.run(ledgerCalls.anchorTreeHead(second, log.consistency(oldSize, newSize)));
      const root = log.tree.root(newSize);
      const hash = crypto.sha256(second);
      const expected = { gateway: gateway.thumbprint, size: newSize, root, hash };
      expect(treeHeadRecord.parse(g.rows.get(queryKey('GetTreeHead', [log.logId]))!)).toEqual({
        ...expected,
        anchoredMs: startMs,
      });
      expect(events.map(parseFact)).toEqual([{ name: 'TreeHeadAnchored', logId: log.logId, ...expected }]);
    }
  }
});

test.each([
  ['a registered gateway', gateway],
  ['a recipient', recipient],
  ['an owner', owner],
] as const)('%s reports a dispute', async (_who, reporter) => {
  const g = await ground();
  await g.signed(recipient, ledgerCalls.putRecipient(rid, recipient.key, prekeyHash, startMs + 1));
  const open = openOf(device);
  const oh = openHash(open, crypto);
  const a = closeOf(device, { oh });
  const b = closeOf(device, { oh, root: filled(32, 9) });
  const endorse = endorseOf(owner, device, crypto);
  const call = ledgerCalls.reportDispute(oh, 3, a, b, reporter.key, endorse, open);
  const { events } = await g.signed(reporter, call);
  const fact = { name: 'DisputeReported', oh, segment: 3, isProved: true };
  expect(events.map(parseFact)).toMatchObject([fact]);
  const row = g.rows.get(queryKey('GetDispute', [oh, uintBytes(3), filled(1, 1)]))!;
  const evidence = [crypto.sha256(a), crypto.sha256(b)];
  expect(disputeRecord.parse(row)).toEqual({ evidence, reporter: reporter.thumbprint, reportedMs: startMs });
  // Told once: in whatever order and by whomever it comes again.
  const again = ledgerCalls.reportDispute(oh, 3, b, a, owner.key, endorse, open);
  g.nowMs++;
  expect(await g.verdict(again, g.act(owner, again))).toBe('dispute-known');
  // The key of a device never stays on the ledger.
  for (const value of g.rows.values()) expect(Buffer.from(value).includes(device.key.publicKey)).toBe(false);
});

test('an act counts at both edges of its window, and counters of two signers are apart', async () => {
  const g = await ground();
  const call = ledgerCalls.putRecipient(rid, recipient.key, prekeyHash, startMs + 1);
  expect(await g.verdict(call, g.act(recipient, call, { counter: 1, timeMs: startMs - ACT_WINDOW_MS }))).toBe(
    'accepted',
  );
  expect(await g.verdict(call, g.act(recipient, call, { counter: 2, timeMs: startMs + ACT_WINDOW_MS }))).toBe(
    'accepted',
  );
  expect(await g.verdict(call, g.act(recipient, call, { counter: 2 }))).toBe('act-replayed');
});

test('the same act played twice changes nothing the second time', async () => {
  const g = await ground();
  const call = ledgerCalls.putRecipient(rid, recipient.key, prekeyHash, startMs + 1);
  const act = g.act(recipient, call);
  expect(await g.verdict(call, act)).toBe('accepted');
  expect(await g.verdict(call, act)).toBe('act-replayed');
});

import { createNativeCrypto, createPortableCrypto } from '@pulseseal/crypto';
import { createMessageSigner, encodeCoseKey, openHash } from '@pulseseal/protocol';
import { describe, expect, test } from 'vitest';
import { ACT_WINDOW_MS, CONTRACT_REFUSALS, type LedgerCall, ledgerCalls } from '../src/mod.ts';
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
import { createGround, type Ground, startMs } from './ground.ts';

type Setup = (g: Ground) => Promise<{ call: LedgerCall; act?: Uint8Array }>;

const crypto = createNativeCrypto();
const actors = createActors(crypto);
const { operator, gateway, owner, recipient, stranger, otherGateway, device } = actors;
const log = createEvidenceLog(gateway, crypto);
const fork = createEvidenceLog(gateway, crypto, { branchAt: 5 });
const first = log.head(8, null);
const firstHash = crypto.sha256(first);
const manifest1 = manifestOf(owner);
const hash1 = crypto.sha256(manifest1);

const withArgs = (call: LedgerCall, ...args: readonly Uint8Array[]): LedgerCall => ({ ...call, args });
const register = () => ledgerCalls.registerGateway(otherGateway.key, 'ward-8');
const put = (untilMs = startMs + 1000) => ledgerCalls.putRecipient(rid, recipient.key, prekeyHash, untilMs);
const registerDevice = (g: Ground) => ledgerCalls.registerDevice(filled(16, 9), owner.key, saltedKeyHash, g.crypto);
const grant = () => ledgerCalls.grantConsent(consent, pseudonym, rid, owner.key);
const retired = async (g: Ground) => {
  await g.signed(operator, ledgerCalls.retireGateway(gateway.thumbprint));
};
const anchored = async (g: Ground) => {
  await g.run(ledgerCalls.anchorTreeHead(first, log.consistency(0, 8)));
};
const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const out = bytes.slice();
  out[at < 0 ? out.length + at : at]! ^= 1;
  return out;
};
const signedBy = (signer: typeof owner, g: Ground, call: LedgerCall) => ({ call, act: g.act(signer, call) });
const madeUp = createMessageSigner('ML-DSA-44', filled(32, 0x0a), crypto);
const opened = openOf(device);
const oh = openHash(opened, crypto);
/** Of that epoch. */
const closed = (by: typeof owner = device, changes: Parameters<typeof closeOf>[1] = {}) =>
  closeOf(by, { oh, ...changes });
const contrary = closed(device, { root: filled(32, 9) });
const endorsed = endorseOf(owner, device, crypto);
const closes = (a: Uint8Array, b: Uint8Array, reporter = gateway, endorse = endorsed, open = opened) =>
  ledgerCalls.reportDispute(oh, 3, a, b, reporter.key, endorse, open);

/** Every refusal of the contracts, each by the smallest step from a call that would be accepted. */
const table: readonly (readonly [code: string, what: string, setup: Setup])[] = [
  ['function-unknown', 'a name of no contract', async () => ({ call: { ...put(), fn: 'Nothing' as 'PutRecipient' } })],
  [
    'function-unknown',
    'a name of every object',
    async () => ({ call: { ...put(), fn: 'toString' as 'PutRecipient' } }),
  ],
  ['argument-count', 'an argument too few', async (g) => signedBy(operator, g, withArgs(register(), filled(1, 1)))],
  ['argument-count', 'nine arguments', async () => ({ call: withArgs(register(), ...Array(9).fill(filled(1, 1))) })],
  ['argument-count', 'a side input too few', async (g) => signedBy(owner, g, { ...registerDevice(g), transient: [] })],
  ['argument-count', 'a side input too many', async (g) => signedBy(operator, g, { ...register(), transient: [tp()] })],
  [
    'argument-malformed',
    'a pseudonym of 15 bytes',
    async (g) => signedBy(owner, g, withArgs(registerDevice(g), filled(15, 1), owner.thumbprint, saltedKeyHash)),
  ],
  [
    'argument-malformed',
    'a key that is none',
    async (g) => signedBy(operator, g, withArgs(register(), filled(20, 1), filled(1, 65))),
  ],
  [
    'argument-malformed',
    'a key with a trailing byte',
    async (g) =>
      signedBy(operator, g, withArgs(register(), Uint8Array.of(...encodeCoseKey(otherGateway.key), 0), filled(1, 65))),
  ],
  [
    'argument-malformed',
    'an empty tenant',
    async (g) => signedBy(operator, g, ledgerCalls.registerGateway(otherGateway.key, '')),
  ],
  [
    'argument-malformed',
    'a tenant of 65 bytes',
    async (g) => signedBy(operator, g, ledgerCalls.registerGateway(otherGateway.key, 'x'.repeat(65))),
  ],
  [
    'argument-malformed',
    'a tenant with a control character',
    async (g) => signedBy(operator, g, ledgerCalls.registerGateway(otherGateway.key, 'a\u200b')),
  ],
  [
    'argument-malformed',
    'a tenant that is not UTF-8',
    async (g) => signedBy(operator, g, withArgs(register(), encodeCoseKey(otherGateway.key), Uint8Array.of(0xc3))),
  ],
  [
    'argument-malformed',
    'until beyond 2^53',
    async (g) =>
      signedBy(recipient, g, withArgs(put(), rid, encodeCoseKey(recipient.key), prekeyHash, filled(8, 0xff))),
  ],
  [
    'argument-malformed',
    'a manifest that does not parse',
    async () => ({ call: ledgerCalls.putManifest(manifest1.subarray(1), owner.key) }),
  ],
  [
    'argument-malformed',
    'a tree head in place of a manifest',
    async () => ({ call: ledgerCalls.putManifest(first, owner.key) }),
  ],
  [
    'argument-malformed',
    'a consistency proof with a trailing byte',
    async () => {
      const call = ledgerCalls.anchorTreeHead(first, log.consistency(0, 8));
      return { call: withArgs(call, first, Uint8Array.of(...call.args[1]!, 0)) };
    },
  ],
  [
    'argument-malformed',
    'a consistency path of 107 hashes',
    async () => ({
      call: ledgerCalls.anchorTreeHead(first, { oldSize: 0, newSize: 8, path: Array(107).fill(filled(32, 1)) }),
    }),
  ],
  [
    'argument-too-large',
    'arguments of 80 kB and 1 byte',
    async () => ({ call: withArgs(register(), filled(80 * 1024 + 1, 1)) }),
  ],
  [
    'argument-too-large',
    'side inputs of 40 kB and 1 byte',
    async () => ({ call: { ...grant(), transient: [filled(40 * 1024 + 1, 1)] } }),
  ],
  ['argument-too-large', 'an act of 88 kB and 1 byte', async () => ({ call: grant(), act: filled(88 * 1024 + 1, 1) })],
  ['act-missing', 'no act', async () => ({ call: register() })],
  [
    'act-unexpected',
    'an act beside a tree head',
    async (g) => signedBy(gateway, g, ledgerCalls.anchorTreeHead(first, log.consistency(0, 8))),
  ],
  [
    'act-unexpected',
    'an act beside a manifest',
    async (g) => signedBy(owner, g, ledgerCalls.putManifest(manifest1, owner.key)),
  ],
  [
    'act-malformed',
    'half an act',
    async (g) => ({ call: register(), act: g.act(operator, register()).subarray(0, 100) }),
  ],
  ['act-malformed', 'a manifest in place of an act', async () => ({ call: register(), act: manifest1 })],
  [
    'act-foreign',
    'an act for another function',
    async (g) => ({
      call: ledgerCalls.retireGateway(gateway.thumbprint),
      act: g.act(operator, { ...ledgerCalls.retireGateway(gateway.thumbprint), fn: 'RetireDevice' }),
    }),
  ],
  [
    'act-foreign',
    'an act for another ledger',
    async (g) => ({ call: register(), act: g.act(operator, register(), { ledgerId: filled(32, 1) }) }),
  ],
  [
    'act-foreign',
    'an act for other arguments',
    async (g) => ({
      call: register(),
      act: g.act(operator, ledgerCalls.registerGateway(otherGateway.key, 'ward-9')),
    }),
  ],
  [
    'act-foreign',
    'an act with an argument more',
    async (g) => ({
      call: register(),
      act: g.act(operator, withArgs(register(), ...register().args, filled(1, 1))),
    }),
  ],
  ['act-signer', 'an act of somebody else', async (g) => signedBy(stranger, g, register())],
  [
    'act-time',
    'an act older than the window',
    async (g) => ({ call: register(), act: g.act(operator, register(), { timeMs: startMs - ACT_WINDOW_MS - 1 }) }),
  ],
  [
    'act-time',
    'an act from beyond the window',
    async (g) => ({ call: register(), act: g.act(operator, register(), { timeMs: startMs + ACT_WINDOW_MS + 1 }) }),
  ],
  [
    'act-replayed',
    'the counter of an earlier act',
    async (g) => {
      await g.signed(operator, register());
      const call = ledgerCalls.registerGateway(stranger.key, 'ward-9');
      return { call, act: g.act(operator, call, { counter: 2 }) };
    },
  ],
  [
    'act-signature',
    'an act with one bit flipped in its signature',
    async (g) => ({ call: register(), act: flipped(g.act(operator, register()), -1) }),
  ],
  [
    'key-refused',
    'an ML-DSA-44 gateway',
    async (g) => signedBy(operator, g, ledgerCalls.registerGateway(device.key, 'ward-8')),
  ],
  [
    'gateway-known',
    'a gateway registered twice, under a fresh tenant',
    async (g) => signedBy(operator, g, ledgerCalls.registerGateway(gateway.key, 'fresh')),
  ],
  [
    'gateway-known',
    'a retired gateway registered again',
    async (g) => {
      await retired(g);
      return signedBy(operator, g, ledgerCalls.registerGateway(gateway.key, tenant));
    },
  ],
  [
    'gateway-unknown',
    'retiring a stranger',
    async (g) => signedBy(operator, g, ledgerCalls.retireGateway(stranger.thumbprint)),
  ],
  [
    'gateway-unknown',
    'a tree head of an unregistered gateway',
    async () => {
      const other = createEvidenceLog(otherGateway, crypto);
      return { call: ledgerCalls.anchorTreeHead(other.head(8, null), other.consistency(0, 8)) };
    },
  ],
  [
    'gateway-retired',
    'retiring twice',
    async (g) => {
      await retired(g);
      return signedBy(operator, g, ledgerCalls.retireGateway(gateway.thumbprint));
    },
  ],
  [
    'gateway-retired',
    'a tree head of a retired gateway',
    async (g) => {
      await retired(g);
      return { call: ledgerCalls.anchorTreeHead(first, log.consistency(0, 8)) };
    },
  ],
  [
    'device-known',
    'a pseudonym registered twice',
    async (g) => signedBy(owner, g, ledgerCalls.registerDevice(pseudonym, owner.key, saltedKeyHash, crypto)),
  ],
  [
    'device-unknown',
    'retiring an unknown device',
    async (g) => signedBy(owner, g, ledgerCalls.retireDevice(filled(16, 9), owner.key)),
  ],
  [
    'device-unknown',
    'a manifest of an unknown pseudonym',
    async () => ({ call: ledgerCalls.putManifest(manifestOf(owner, { pseudonym: filled(16, 9) }), owner.key) }),
  ],
  [
    'device-retired',
    'a manifest for a retired device',
    async (g) => {
      await g.signed(owner, ledgerCalls.retireDevice(pseudonym, owner.key));
      return { call: ledgerCalls.putManifest(manifest1, owner.key) };
    },
  ],
  [
    'device-retired',
    'a consent for a retired device',
    async (g) => {
      await g.signed(owner, ledgerCalls.retireDevice(pseudonym, owner.key));
      return signedBy(owner, g, grant());
    },
  ],
  [
    'owner-mismatch',
    'a device claimed with another key than named',
    async (g) => signedBy(stranger, g, { ...registerDevice(g), transient: [encodeCoseKey(stranger.key)] }),
  ],
  [
    'owner-mismatch',
    'a consent granted by somebody else',
    async (g) => signedBy(stranger, g, ledgerCalls.grantConsent(consent, pseudonym, rid, stranger.key)),
  ],
  [
    'consent-unknown',
    'a consent revoked by somebody else',
    async (g) => {
      await g.signed(owner, grant());
      return signedBy(stranger, g, ledgerCalls.revokeConsent(consent, stranger.key));
    },
  ],
  [
    'owner-mismatch',
    'a device retired by somebody else',
    async (g) => signedBy(stranger, g, ledgerCalls.retireDevice(pseudonym, stranger.key)),
  ],
  [
    'owner-mismatch',
    'a manifest signed by a key that is not the owner',
    async () => ({ call: ledgerCalls.putManifest(manifestOf(stranger), stranger.key) }),
  ],
  [
    'recipient-mismatch',
    'a rid of somebody else',
    async (g) => {
      await g.signed(recipient, put());
      return signedBy(stranger, g, ledgerCalls.putRecipient(rid, stranger.key, prekeyHash, startMs + 1000));
    },
  ],
  ['recipient-expired', 'a prekey that ends now', async (g) => signedBy(recipient, g, put(startMs))],
  [
    'consent-known',
    'a consent id used twice',
    async (g) => {
      await g.signed(owner, grant());
      return signedBy(owner, g, grant());
    },
  ],
  [
    'consent-unknown',
    'revoking what was never granted',
    async (g) => signedBy(owner, g, ledgerCalls.revokeConsent(consent, owner.key)),
  ],
  [
    'consent-revoked',
    'revoking twice',
    async (g) => {
      await g.signed(owner, grant());
      await g.signed(owner, ledgerCalls.revokeConsent(consent, owner.key));
      return signedBy(owner, g, ledgerCalls.revokeConsent(consent, owner.key));
    },
  ],
  [
    'consent-known',
    'granting again what was revoked',
    async (g) => {
      await g.signed(owner, grant());
      await g.signed(owner, ledgerCalls.revokeConsent(consent, owner.key));
      return signedBy(owner, g, grant());
    },
  ],
  [
    'manifest-signature',
    'a manifest with one bit flipped in its signature',
    async () => ({ call: ledgerCalls.putManifest(flipped(manifest1, -1), owner.key) }),
  ],
  [
    'manifest-signature',
    'a manifest signed by another key than the one given',
    async () => ({ call: ledgerCalls.putManifest(manifestOf(stranger), owner.key) }),
  ],
  [
    'manifest-version',
    'version 2 first',
    async () => ({ call: ledgerCalls.putManifest(manifestOf(owner, { version: 2 }), owner.key) }),
  ],
  [
    'manifest-version',
    'version 1 again',
    async (g) => {
      await g.run(ledgerCalls.putManifest(manifest1, owner.key));
      return { call: ledgerCalls.putManifest(manifest1, owner.key) };
    },
  ],
  [
    'manifest-version',
    'version 3 after 1',
    async (g) => {
      await g.run(ledgerCalls.putManifest(manifest1, owner.key));
      return { call: ledgerCalls.putManifest(manifestOf(owner, { version: 3, previous: hash1 }), owner.key) };
    },
  ],
  [
    'manifest-previous',
    'a first manifest that names one before it',
    async () => ({ call: ledgerCalls.putManifest(manifestOf(owner, { previous: hash1 }), owner.key) }),
  ],
  [
    'manifest-previous',
    'a second one that names none',
    async (g) => {
      await g.run(ledgerCalls.putManifest(manifest1, owner.key));
      return { call: ledgerCalls.putManifest(manifestOf(owner, { version: 2 }), owner.key) };
    },
  ],
  [
    'manifest-previous',
    'a second one that names another',
    async (g) => {
      await g.run(ledgerCalls.putManifest(manifest1, owner.key));
      return { call: ledgerCalls.putManifest(manifestOf(owner, { version: 2, previous: filled(32, 1) }), owner.key) };
    },
  ],
  [
    'head-log',
    'a log of another tenant',
    async () => {
      const other = createEvidenceLog(gateway, crypto, { tenant: 'fresh' });
      return { call: ledgerCalls.anchorTreeHead(other.head(8, null), other.consistency(0, 8)) };
    },
  ],
  [
    'head-size',
    'an empty first tree',
    async () => ({ call: ledgerCalls.anchorTreeHead(log.head(0, null), { oldSize: 0, newSize: 0, path: [] }) }),
  ],
  [
    'head-size',
    'the same size again',
    async (g) => {
      await anchored(g);
      return { call: ledgerCalls.anchorTreeHead(log.head(8, firstHash), log.consistency(8, 8)) };
    },
  ],
  [
    'head-size',
    'a tree rolled back',
    async (g) => {
      await anchored(g);
      return { call: ledgerCalls.anchorTreeHead(log.head(7, firstHash), { oldSize: 8, newSize: 7, path: [] }) };
    },
  ],
  [
    'head-previous',
    'a first head that names one before it',
    async () => ({ call: ledgerCalls.anchorTreeHead(log.head(8, firstHash), log.consistency(0, 8)) }),
  ],
  [
    'head-previous',
    'a second head that names none',
    async (g) => {
      await anchored(g);
      return { call: ledgerCalls.anchorTreeHead(log.head(9, null), log.consistency(8, 9)) };
    },
  ],
  [
    'head-previous',
    'a second head that names another',
    async (g) => {
      await anchored(g);
      return { call: ledgerCalls.anchorTreeHead(log.head(9, filled(32, 1)), log.consistency(8, 9)) };
    },
  ],
  [
    'consistency-invalid',
    'a fork that kept five entries',
    async (g) => {
      await anchored(g);
      return { call: ledgerCalls.anchorTreeHead(fork.head(12, firstHash), fork.consistency(8, 12)) };
    },
  ],
  [
    'consistency-invalid',
    'a proof from another size',
    async (g) => {
      await anchored(g);
      return { call: ledgerCalls.anchorTreeHead(log.head(12, firstHash), log.consistency(7, 12)) };
    },
  ],
  [
    'consistency-invalid',
    'a proof to another size',
    async (g) => {
      await anchored(g);
      return { call: ledgerCalls.anchorTreeHead(log.head(12, firstHash), log.consistency(8, 13)) };
    },
  ],
  [
    'consistency-invalid',
    'the right path under another old size',
    async (g) => {
      await anchored(g);
      return {
        call: ledgerCalls.anchorTreeHead(log.head(12, firstHash), { ...log.consistency(8, 12), oldSize: 7 }),
      };
    },
  ],
  [
    'consistency-invalid',
    'the right path under another new size',
    async (g) => {
      await anchored(g);
      return {
        call: ledgerCalls.anchorTreeHead(log.head(12, firstHash), { ...log.consistency(8, 12), newSize: 13 }),
      };
    },
  ],
  [
    'consistency-invalid',
    'a proof cut short',
    async (g) => {
      await anchored(g);
      const proof = log.consistency(8, 13);
      return { call: ledgerCalls.anchorTreeHead(log.head(13, firstHash), { ...proof, path: proof.path.slice(0, -1) }) };
    },
  ],
  [
    'consistency-invalid',
    'a proof with a hash more',
    async (g) => {
      await anchored(g);
      const proof = log.consistency(8, 12);
      return {
        call: ledgerCalls.anchorTreeHead(log.head(12, firstHash), { ...proof, path: [...proof.path, filled(32, 1)] }),
      };
    },
  ],
  [
    'consistency-invalid',
    'an empty proof between two sizes',
    async (g) => {
      await anchored(g);
      return { call: ledgerCalls.anchorTreeHead(log.head(12, firstHash), { oldSize: 8, newSize: 12, path: [] }) };
    },
  ],
  [
    'consistency-invalid',
    'a first head with a path',
    async () => ({
      call: ledgerCalls.anchorTreeHead(first, { oldSize: 0, newSize: 8, path: [filled(32, 1)] }),
    }),
  ],
  [
    'head-signature',
    'a head with one bit flipped in its signature',
    async () => ({ call: ledgerCalls.anchorTreeHead(flipped(first, -1), log.consistency(0, 8)) }),
  ],
  [
    'head-signature',
    'a head of this gateway signed by another key',
    async () => {
      const forger = createEvidenceLog({ ...stranger, thumbprint: gateway.thumbprint }, crypto);
      return { call: ledgerCalls.anchorTreeHead(forger.head(8, null), forger.consistency(0, 8)) };
    },
  ],
  [
    'reporter-unknown',
    'a stranger reports',
    async (g) => signedBy(stranger, g, closes(closed(), filled(32, 1), stranger)),
  ],
  [
    'dispute-empty',
    'one close twice',
    async (g) => {
      const close = closed();
      return signedBy(gateway, g, closes(close, close));
    },
  ],
  [
    'dispute-empty',
    'closes of two segments',
    async (g) => signedBy(gateway, g, closes(closed(), closed(device, { segment: 4 }))),
  ],
  [
    'dispute-empty',
    'a close of another epoch',
    async (g) => signedBy(gateway, g, closes(closed(device, { oh: filled(32, 1) }), filled(32, 1))),
  ],
  ['dispute-empty', 'one close that was signed twice', async (g) => signedBy(gateway, g, closes(closed(), closed()))],
  [
    'dispute-signature',
    'two closes that the reporter made up',
    async (g) => signedBy(gateway, g, closes(closed(), closed(gateway, { root: filled(32, 9) }))),
  ],
  [
    'dispute-signature',
    'a first close that the device did not sign',
    async (g) => signedBy(gateway, g, closes(closed(gateway), closed(device, { root: filled(32, 9) }))),
  ],
  [
    'dispute-signature',
    'a leaf table against a close that was made up',
    async (g) => signedBy(gateway, g, closes(closed(gateway), filled(32, 1))),
  ],
  [
    'dispute-signature',
    'a device of nobody on this ledger',
    async (g) => signedBy(gateway, g, closes(closed(), contrary, gateway, endorseOf(stranger, device, crypto))),
  ],
  [
    'dispute-signature',
    'an endorsement changed in its signature',
    async (g) => signedBy(gateway, g, closes(closed(), contrary, gateway, flipped(endorsed, -1))),
  ],
  [
    'dispute-signature',
    'an epoch of another device, by the owner of a made-up one',
    async (g) => {
      await g.signed(stranger, ledgerCalls.registerDevice(filled(16, 0x77), stranger.key, saltedKeyHash, g.crypto));
      const [a, b] = [closed(madeUp), closed(madeUp, { root: filled(32, 9) })];
      return signedBy(stranger, g, closes(a, b, stranger, endorseOf(stranger, madeUp, crypto)));
    },
  ],
  [
    'dispute-signature',
    'an epoch that names the device and that another key opened',
    async (g) => {
      const forged = openOf({ ...madeUp, thumbprint: device.thumbprint });
      const own = openHash(forged, crypto);
      const [a, b] = [closeOf(device, { oh: own }), closeOf(device, { oh: own, root: filled(32, 9) })];
      const call = ledgerCalls.reportDispute(own, 3, a, b, gateway.key, endorsed, forged);
      return signedBy(gateway, g, call);
    },
  ],
  [
    'dispute-empty',
    'the open of another epoch of this device',
    async (g) => signedBy(gateway, g, closes(closed(), contrary, gateway, endorsed, openOf(device, { epoch: 2 }))),
  ],
  [
    'argument-malformed',
    'an open that is none',
    async (g) => signedBy(gateway, g, closes(closed(), contrary, gateway, endorsed, filled(9, 1))),
  ],
  [
    'argument-count',
    'a dispute without the open',
    async (g) => {
      const call = closes(closed(), contrary);
      return signedBy(gateway, g, { ...call, transient: call.transient.slice(0, 2) });
    },
  ],
  [
    'dispute-known',
    'the same dispute twice',
    async (g) => {
      const call = closes(closed(), filled(32, 1));
      await g.signed(gateway, call);
      return signedBy(gateway, g, call);
    },
  ],
  [
    'genesis-missing',
    'a ledger without genesis',
    async (g) => {
      g.rows.delete('operator');
      return signedBy(operator, g, register());
    },
  ],
];

function tp(): Uint8Array {
  return encodeCoseKey(owner.key);
}

describe('every refusal has its name and writes nothing', () => {
  for (const [code, what, setup] of table) {
    test(`${code}: ${what}`, async () => {
      const g = await createGround(crypto, actors).registerAll();
      const { call, act } = await setup(g);
      expect(await g.verdict(call, act)).toBe(code);
    });
  }

  test('the table leaves no code out', () => {
    expect([...new Set(table.map(([code]) => code))].sort()).toEqual(Object.keys(CONTRACT_REFUSALS).sort());
  });
});

describe('every function that needs an act refuses to do without, and refuses the act of a stranger', () => {
  const calls: readonly (readonly [LedgerCall, (g: Ground) => Promise<unknown>])[] = [
    [register(), async () => {}],
    [ledgerCalls.retireGateway(gateway.thumbprint), async () => {}],
    [ledgerCalls.registerDevice(filled(16, 9), owner.key, saltedKeyHash, crypto), async () => {}],
    [ledgerCalls.retireDevice(pseudonym, owner.key), async () => {}],
    [put(), async () => {}],
    [grant(), async () => {}],
    [ledgerCalls.revokeConsent(consent, owner.key), (g) => g.signed(owner, grant())],
    [closes(closed(), filled(32, 1)), async () => {}],
  ];
  test.each(calls.map(([call, before]) => [call.fn, call, before] as const))('%s', async (_fn, call, before) => {
    const g = await createGround(crypto, actors).registerAll();
    await before(g);
    expect(await g.verdict(call)).toBe('act-missing');
    expect(await g.verdict(call, g.act(stranger, call))).toBe('act-signer');
  });
});

test('the portable implementation gives the same verdicts', async () => {
  const portable = createPortableCrypto();
  for (const [code, what, setup] of table.filter(([c]) => /signature|consistency|head-|manifest-|owner|act-/.test(c))) {
    const g = await createGround(crypto, actors).registerAll();
    const { call, act } = await setup(g);
    const same = createGround(portable, actors);
    for (const [key, value] of g.rows) same.rows.set(key, value);
    if (!g.rows.has('operator')) same.rows.delete('operator');
    expect(await same.verdict(call, act), what).toBe(code);
  }
});

test('keys of both implementations are the same', () => {
  const seed = filled(32, 2);
  const portable = createPortableCrypto();
  expect(createMessageSigner('ML-DSA-65', seed, portable).thumbprint).toEqual(gateway.thumbprint);
});

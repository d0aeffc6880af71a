import { equalBytes, toHex } from '@pulseseal/crypto';
import { logLeaf, openHash, parseSigned, verifyInclusion, verifySigned } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  closeOf,
  consent,
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
} from '../../../chaincode/test/actors.ts';
import {
  type encodeConsistency,
  encodePlaces,
  type Ledger,
  type LedgerEvent,
  ledgerCalls,
  ledgerIdOf,
  manifestRecord,
  parseFact,
  submitCall,
  treeHeadRecord,
  uintBytes,
} from '../src/mod.ts';
import { actors, clock, codeOf, createActing, crypto, genesis, temporaryFolder } from './ground.ts';

const { operator, gateway, owner, recipient, stranger, device, ledger: ledgerKey } = actors;

/** What every adapter of the ledger port promises. `open` gives a ledger whose data live in `dir`. */
export function ledgerContract(name: string, open: (dir: string) => Promise<Ledger>): void {
  describe(`ledger contract: ${name}`, () => {
    let ledger: Ledger;
    let folder: Awaited<ReturnType<typeof temporaryFolder>>;
    let acting: ReturnType<typeof createActing>;

    beforeEach(async () => {
      folder = await temporaryFolder();
      ledger = await open(folder.dir);
      acting = createActing((await ledger.identity()).ledgerId);
    });
    afterEach(async () => {
      await ledger.close();
      await folder.remove();
    });

    const registerGateway = () => acting.submit(ledger, operator, ledgerCalls.registerGateway(gateway.key, tenant));
    const registerDevice = () =>
      acting.submit(ledger, owner, ledgerCalls.registerDevice(pseudonym, owner.key, saltedKeyHash, crypto));
    const anchor = (sth: Uint8Array, consistency: Parameters<typeof encodeConsistency>[0]) =>
      submitCall(ledger, ledgerCalls.anchorTreeHead(sth, consistency));
    const collect = async (fromHeight: number, count: number): Promise<LedgerEvent[]> => {
      const stop = new AbortController();
      const events: LedgerEvent[] = [];
      for await (const event of ledger.events(fromHeight, stop.signal)) {
        events.push(event);
        if (events.length === count) stop.abort();
      }
      return events;
    };

    test('names itself by an id that commits to its keys', async () => {
      const identity = await ledger.identity();
      expect(identity.ledgerId).toEqual(ledgerIdOf(genesis, ledgerKey.key, crypto));
      expect(identity.operator).toEqual(operator.key);
      expect(identity.signers).toEqual([ledgerKey.key]);
      expect(identity.height).toBe(1);
    });

    test('commits every function and shows what it wrote', async () => {
      await registerGateway();
      await registerDevice();
      const putRecipient = ledgerCalls.putRecipient(rid, recipient.key, prekeyHash, clock.nowMs() + 60_000);
      await acting.submit(ledger, recipient, putRecipient);
      await acting.submit(ledger, owner, ledgerCalls.grantConsent(consent, pseudonym, rid, owner.key));
      const manifest = manifestOf(owner);
      await submitCall(ledger, ledgerCalls.putManifest(manifest, owner.key));
      const evidence = createEvidenceLog(gateway, crypto);
      const sth = evidence.head(4, null);
      await anchor(sth, evidence.consistency(0, 4));
      const open = openOf(device);
      const oh = openHash(open, crypto);
      const [a, b] = [closeOf(device, { oh }), closeOf(device, { oh, root: filled(32, 9) })];
      await acting.submit(
        ledger,
        gateway,
        ledgerCalls.reportDispute(oh, 3, a, b, gateway.key, endorseOf(owner, device, crypto), open),
      );
      await acting.submit(ledger, owner, ledgerCalls.revokeConsent(consent, owner.key));
      await acting.submit(ledger, owner, ledgerCalls.retireDevice(pseudonym, owner.key));
      await acting.submit(ledger, operator, ledgerCalls.retireGateway(gateway.thumbprint));

      const current = manifestRecord.parse((await ledger.read('GetManifest', [pseudonym]))!);
      expect(current.hash).toEqual(crypto.sha256(manifest));
      expect(await ledger.read('GetManifest', [pseudonym, uintBytes(1)])).toBeDefined();
      expect(treeHeadRecord.parse((await ledger.read('GetTreeHead', [evidence.logId]))!).hash).toEqual(
        crypto.sha256(sth),
      );
      for (const [query, id] of [
        ['GetGateway', gateway.thumbprint],
        ['GetDevice', pseudonym],
        ['GetRecipient', rid],
        ['GetActCounter', owner.thumbprint],
      ] as const)
        expect(await ledger.read(query, [id]), query).toBeDefined();
      expect(await ledger.read('GetConsent', [owner.thumbprint, consent])).toBeDefined();
      expect(await ledger.read('GetConsent', [stranger.thumbprint, consent])).toBeUndefined();
      expect(await ledger.read('GetDispute', [oh, uintBytes(3), filled(1, 1)])).toBeDefined();
      expect(await ledger.read('GetGateway', [stranger.thumbprint])).toBeUndefined();
      expect((await collect(0, 10)).map((event) => parseFact(event).name)).toEqual([
        'GatewayRegistered',
        'DeviceRegistered',
        'RecipientPut',
        'ConsentGranted',
        'ManifestPut',
        'TreeHeadAnchored',
        'DisputeReported',
        'ConsentRevoked',
        'DeviceRetired',
        'GatewayRetired',
      ]);
    });

    test('refuses by the name of the contract and writes nothing', async () => {
      await registerGateway();
      const { height } = await ledger.identity();
      expect(await codeOf(submitCall(ledger, ledgerCalls.retireGateway(gateway.thumbprint)))).toBe('act-missing');
      expect(await codeOf(acting.submit(ledger, stranger, ledgerCalls.retireGateway(gateway.thumbprint)))).toBe(
        'act-signer',
      );
      expect(await codeOf(ledger.submit('Nothing' as 'PutManifest', []))).toBe('function-unknown');
      expect(await codeOf(ledger.read('GetNothing' as 'GetDevice', [pseudonym]))).toBe('function-unknown');
      expect(await codeOf(ledger.read('GetDevice', [filled(3, 1)]))).toBe('argument-malformed');
      expect((await ledger.identity()).height).toBe(height);
    });

    test('answers the same call with its first place', async () => {
      const call = ledgerCalls.registerGateway(gateway.key, tenant);
      const act = acting.actFor(operator, call);
      const together = await Promise.all([1, 2, 3].map(() => submitCall(ledger, call, act)));
      const later = await submitCall(ledger, call, act);
      for (const place of together) expect(place).toEqual(later);
      expect((await ledger.identity()).height).toBe(2);
    });

    test('refuses an act that is played again in another call', async () => {
      await registerDevice();
      const grant = ledgerCalls.grantConsent(consent, pseudonym, rid, owner.key);
      const revoke = ledgerCalls.revokeConsent(consent, owner.key);
      const act = acting.actFor(owner, grant);
      await submitCall(ledger, grant, act);
      expect(await codeOf(submitCall(ledger, revoke, act))).toBe('act-foreign');
      await acting.submit(ledger, owner, revoke);
      // The same bytes beside another side input would be another transaction: the contract has to refuse them.
      expect(await codeOf(ledger.submit(grant.fn, grant.args, { act, transient: [filled(4, 1)] }))).toBe(
        'argument-malformed',
      );
    });

    test('of 200 heads of the same size at once exactly one wins', async () => {
      await registerGateway();
      const evidence = createEvidenceLog(gateway, crypto);
      // Hedged signatures: one body, 200 different messages.
      const heads = Array.from({ length: 200 }, (_, i) => evidence.head(8, null, { batch: i }));
      const codes = await Promise.all(heads.map((sth) => codeOf(anchor(sth, evidence.consistency(0, 8)))));
      expect(codes.filter((code) => code === 'fulfilled')).toHaveLength(1);
      expect(codes.filter((code) => code === 'head-size')).toHaveLength(199);
      const record = treeHeadRecord.parse((await ledger.read('GetTreeHead', [evidence.logId]))!);
      const winner = heads[codes.indexOf('fulfilled')]!;
      expect(record.hash).toEqual(crypto.sha256(winner));
      const places = await Promise.all(heads.map((sth) => codeOf(anchor(sth, evidence.consistency(0, 8)))));
      expect(places.filter((code) => code === 'fulfilled')).toHaveLength(1);
    });

    test('refuses a forked and a rolled-back log', async () => {
      await registerGateway();
      const evidence = createEvidenceLog(gateway, crypto);
      const fork = createEvidenceLog(gateway, crypto, { branchAt: 5 });
      const first = evidence.head(8, null);
      await anchor(first, evidence.consistency(0, 8));
      const hash = crypto.sha256(first);
      expect(await codeOf(anchor(fork.head(12, hash), fork.consistency(8, 12)))).toBe('consistency-invalid');
      expect(await codeOf(anchor(evidence.head(7, hash), { oldSize: 8, newSize: 7, path: [] }))).toBe('head-size');
      expect(await codeOf(anchor(evidence.head(12, hash), evidence.consistency(8, 12)))).toBe('fulfilled');
    });

    test('blocks are signed, chained, and hold exactly their transactions', async () => {
      await registerGateway();
      await registerDevice();
      const { height } = await ledger.identity();
      let previous = filled(32, 0);
      for (let at = 0; at < height; at++) {
        const content = (await ledger.block(at))!;
        const signed = parseSigned(content.block, 'block');
        expect(verifySigned(signed, ledgerKey.key, crypto)).toBe(true);
        expect(signed.body).toMatchObject({ ledger: ledgerKey.thumbprint, height: at, previous });
        expect(signed.body.transactions).toBe(content.transactions.length);
        previous = crypto.sha256(signed.payload);
      }
      expect(await ledger.block(height)).toBeUndefined();
    });

    test('gives the evidence of the smallest head that holds an entry', async () => {
      await registerGateway();
      const evidence = createEvidenceLog(gateway, crypto);
      let previous: Uint8Array | null = null;
      const heads = new Map<number, Uint8Array>();
      for (const [oldSize, size] of [
        [0, 3],
        [3, 8],
        [8, 20],
      ] as const) {
        const sth = evidence.head(size, previous);
        await anchor(sth, evidence.consistency(oldSize, size));
        heads.set(size, sth);
        previous = crypto.sha256(sth);
      }
      for (const [size, found] of [
        [1, 3],
        [3, 3],
        [4, 8],
        [20, 20],
      ] as const) {
        const proof = (await ledger.anchor(gateway.thumbprint, size))!;
        expect(equalBytes(proof.sth, heads.get(found)!)).toBe(true);
        expect(proof.tx).toEqual(encodePlaces(['AnchorTreeHead', [proof.sth, proof.consistency]]));
        const signed = parseSigned(proof.blocks[0]!, 'block');
        expect(verifySigned(signed, proof.signers[0]!, crypto)).toBe(true);
        const leaf = logLeaf(proof.tx, crypto);
        expect(() => verifyInclusion({ ...proof.inclusion, leaf, root: signed.body.root }, crypto)).not.toThrow();
      }
      expect(await ledger.anchor(gateway.thumbprint, 21)).toBeUndefined();
      expect(await ledger.anchor(stranger.thumbprint, 1)).toBeUndefined();
    });

    test('a follower gets new events as they come, and can begin at any height', async () => {
      const { height } = await registerGateway();
      const following = collect(height + 1, 1);
      await registerDevice();
      const [event] = await following;
      expect(parseFact(event!)).toEqual({ name: 'DeviceRegistered', pseudonym, owner: owner.thumbprint });
      expect(event!.height).toBeGreaterThan(height);
    });

    test('keeps manifest and owner key off the ledger', async () => {
      await registerDevice();
      const manifest = manifestOf(owner);
      const { height, index } = await submitCall(ledger, ledgerCalls.putManifest(manifest, owner.key));
      const { transactions } = (await ledger.block(height))!;
      expect(transactions[index]).toEqual(
        encodePlaces(['PutManifest', [], null, [crypto.sha256(manifest), owner.thumbprint]]),
      );
    });

    test('goes on after it was closed and opened again', async () => {
      const call = ledgerCalls.registerGateway(gateway.key, tenant);
      const act = acting.actFor(operator, call);
      const place = await submitCall(ledger, call, act);
      const evidence = createEvidenceLog(gateway, crypto);
      const first = evidence.head(8, null);
      await anchor(first, evidence.consistency(0, 8));
      await ledger.close();
      ledger = await open(folder.dir);
      expect(await submitCall(ledger, call, act)).toEqual(place);
      expect(toHex((await ledger.anchor(gateway.thumbprint, 8))!.sth)).toBe(toHex(first));
      await anchor(evidence.head(9, crypto.sha256(first)), evidence.consistency(8, 9));
      expect((await collect(0, 3)).map((event) => event.name)).toEqual([
        'GatewayRegistered',
        'TreeHeadAnchored',
        'TreeHeadAnchored',
      ]);
    });

    test('a closed ledger says so', async () => {
      await ledger.close();
      expect(await codeOf(submitCall(ledger, ledgerCalls.putManifest(manifestOf(owner), owner.key)))).toBe(
        'ledger-closed',
      );
    });
  });
}

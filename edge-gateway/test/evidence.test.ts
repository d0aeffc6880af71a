import { join } from 'node:path';
import {
  encodeProof,
  inclusionPath,
  logLeaf,
  parseFrame,
  parseSigned,
  readingId,
  verifyConsistency,
  verifyInclusion,
  verifyProof,
} from '@pulseseal/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEvidenceReader } from '../src/mod.ts';
import { createWorld, crypto, until, type World } from './world.ts';

describe('evidence', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });
  afterAll(() => world.end());

  it('gives from the folder all that proves one frame to a stranger', async () => {
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    for (let segment = 0; segment < 3; segment++) {
      for (let i = 0; i < 5; i++) await client.publish(circle.device.topics.u, epoch.frame().raw);
      await client.publish(circle.device.topics.c, epoch.close().ctl);
      await world.gateway.finishEvidence(5_000);
    }
    const [account] = [...world.gateway.account()];
    await until(() => [...world.gateway.account()][0]!.anchored[0]?.[1] === 15);
    const reader = await openEvidenceReader({
      journalDir: join(world.dir, 'journal'),
      indexPath: join(world.dir, 'index.db'),
      crypto,
    });
    const found = await reader.frame(circle.device.name, account!.eh, 7);
    const anchor = await world.ledger.anchor(world.address.thumbprint, found.entry + 1);
    expect(anchor).toBeDefined();
    const anchored = parseSigned(anchor!.sth, 'sth').body;
    const log = await reader.log(found.entry, anchored.size);
    const head = parseSigned(log.sth, 'sth').body;
    verifyInclusion({ ...log.inclusion, leaf: logLeaf(found.close, crypto), root: head.root }, crypto);
    verifyConsistency(
      { oldSize: head.size, newSize: anchored.size, oldRoot: head.root, newRoot: anchored.root, path: log.consistency },
      crypto,
    );
    const frame = parseFrame(found.frame);
    const proof = encodeProof({
      readingId: readingId(circle.device.name, frame.eh, 7, 0),
      frame: found.frame.subarray(0, frame.untaggedLength),
      segmentPath: inclusionPath(found.leaves, 7 - found.firstSeq, crypto),
      close: found.close,
      open: found.open,
      manifest: found.manifest,
      endorse: found.endorse,
      logInclusion: log.inclusion,
      sth: log.sth,
      consistency: log.consistency,
      anchoredSth: anchored.size === head.size ? null : anchor!.sth,
      anchor: anchor!,
      gatewayKey: found.gatewayKey,
    });
    const verdict = verifyProof(proof, undefined, crypto);
    expect(verdict.checks.filter((check) => !check.ok)).toEqual([]);
    await expect(reader.frame(circle.device.name, account!.eh, 99)).rejects.toThrow('evidence-absent');
    await reader.close();
  });
});

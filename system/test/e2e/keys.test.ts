import { join } from 'node:path';
import { createNativeCrypto } from '@pulseseal/crypto';
import { parseProof, parseSigned, verifyProof } from '@pulseseal/protocol';
import { isLong } from '@pulseseal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePortBase, pulseseal, type Run, scratchFolder, startRun } from '../support/run.ts';

const crypto = createNativeCrypto();
let scratch: Awaited<ReturnType<typeof scratchFolder>>;
let data: string;
const runs: Run[] = [];

async function run(...more: readonly string[]): Promise<Run> {
  const started = startRun(['--patients', '1', '--data', data, '--port-base', String(await freePortBase()), ...more]);
  runs.push(started);
  return started;
}

/** Runs until a reading of this run's own epochs is anchored, then as Ctrl-C does. */
async function untilAnchored(started: Run) {
  // Receipts for the run before come after a restart, so an epoch counts that was live in this one.
  const epochOf = (id: string) => id.split('.').slice(0, 2).join('.');
  const isLive = (id: string) =>
    started.lines.some(
      ({ value: { reading } }) => reading?.grade === 'provisional' && epochOf(reading.id) === epochOf(id),
    );
  const line = await started.line(
    ({ value: { reading } }) => reading?.grade === 'anchored' && isLive(reading.id),
    110_000,
  );
  started.signal('SIGINT');
  expect(await started.ended, started.stderr()).toBe(0);
  const { totals } = started.lines.at(-1)!.value;
  expect(totals).toMatchObject({ lost: 0, duplicate: 0, refusals: {} });
  expect(totals!.acknowledged).toBe(totals!.stored);
  return { id: line.value.reading!.id, totals: totals! };
}

async function manifestOf(id: string) {
  const { code, stdout, stderr } = await pulseseal(['proof', id, '--data', data]);
  expect(code, stderr).toBe(0);
  const bytes = new Uint8Array(stdout);
  const verdict = verifyProof(bytes, undefined, crypto);
  expect(verdict.holds).toBe(true);
  expect(verdict.reading).toBeDefined();
  return parseSigned(parseProof(bytes).manifest, 'manifest').body;
}

describe('keys', () => {
  let before: Awaited<ReturnType<typeof untilAnchored>>;
  beforeAll(async () => {
    scratch = await scratchFolder('keys');
    data = join(scratch.dir, 'data');
    before = await untilAnchored(await run());
  }, 240_000);
  afterAll(async () => {
    for (const started of runs) await started.dispose();
    await scratch?.remove();
  });

  it('lists the keys of every zone with their ages, and no key', async () => {
    const { code, text } = await pulseseal(['keys', 'list', '--data', data]);
    expect(code).toBe(0);
    for (const zone of ['ledger', 'edge', 'care', 'body', 'operator'])
      expect(text).toMatch(new RegExp(`^${zone} +\\d{4}-\\d\\d-\\d\\dT\\S+Z  \\S`, 'm'));
    expect(text).not.toMatch(/[0-9a-f]{40}/);
  });

  it('exports public keys and trust anchors as JSON', async () => {
    const exported = JSON.parse((await pulseseal(['keys', 'export-public', '--data', data])).text) as Record<
      string,
      { name: string; thumbprint: string; coseKey: string }[]
    >;
    expect(exported.body!.map((key) => key.name)).toEqual(['owner p001']);
    expect(exported.edge![0]!.name).toBe('gateway');
    const trust = JSON.parse((await pulseseal(['keys', 'trust', '--data', data])).text) as Record<string, string[]>;
    expect(trust.owners).toEqual(exported.body!.map((key) => key.thumbprint));
    expect(trust.signers).toEqual(exported.ledger!.map((key) => key.thumbprint));
  });

  it('rotates: the next start signs manifests with new prekeys, and both sides of it stay readable', async () => {
    const first = await manifestOf(before.id);
    expect((await pulseseal(['keys', 'rotate', '--data', data])).code).toBe(0);
    const after = await untilAnchored(await run());
    const second = await manifestOf(after.id);
    expect(second.version).toBeGreaterThan(first.version);
    const prekeyOf = (manifest: typeof first) => manifest.recipients.find((r) => r.role === 1)!.prekeyId;
    expect(prekeyOf(second)).toBe(prekeyOf(first) + 1);
    expect(after.totals.opened).toBe(after.totals.stored);
    expect((await manifestOf(before.id)).version).toBe(first.version);
    if (!isLong()) return;
    // Once: a third start rotates nothing.
    const last = await manifestOf((await untilAnchored(await run())).id);
    expect(last.version).toBe(second.version);
  }, 300_000);
});

import { copyFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createNativeCrypto } from '@pulseseal/crypto';
import { Refusal, type ShownAlert, verifyProof } from '@pulseseal/protocol';
import { isLong } from '@pulseseal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseTrust } from '../../src/commands/verify.ts';
import {
  descendants,
  freePortBase,
  isAlive,
  logIn,
  pulseseal,
  type Ready,
  type Run,
  scratchFolder,
  startRun,
  type TotalsLine,
} from '../support/run.ts';

/** Scripted reasons of three of the people, and how long a person waits for them at most. */
const scripted = [
  ['p001', 'hard-spo2-low', 'high'],
  ['p002', 'news2-high', 'high'],
  ['p003', 'silence-off-body', 'technical'],
] as const;
const ALERTED_WITHIN_MS = 60_000;
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
const shapes = {
  ready: ['clinician', 'caregiver', 'broker', 'metrics', 'data'],
  alert: ['patient', 'rule', 'priority', 'state', 'at', 'reason'],
  reading: ['id', 'value', 'unit', 'grade'],
  totals: [
    ...['sent', 'acknowledged', 'stored', 'opened', 'sealed', 'anchored', 'alerts', 'refusals'],
    ...['lost', 'duplicate', 'speed'],
  ],
} as const;

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
let data: string;
let moved: string;
let first: Run;
let code: number | null;
let ready: Ready;
let totals: TotalsLine;
let duringRun: Awaited<ReturnType<typeof pulseseal>>;
let anchored: string;
let bundle: Uint8Array;

function checkForm(run: Run): void {
  const keys = run.lines.map((line) => Object.keys(line.value));
  expect(keys[0], run.lines[0]?.raw).toEqual(['ready']);
  expect(keys.at(-1), run.lines.at(-1)?.raw).toEqual(['totals']);
  run.lines.forEach(({ raw, value }, i) => {
    const [key, ...more] = Object.keys(value) as (keyof typeof shapes)[];
    expect(more, raw).toEqual([]);
    expect(Object.keys(shapes), raw).toContain(key);
    expect(raw.startsWith(`{"${key}":`), raw).toBe(true);
    expect(key === 'ready', raw).toBe(i === 0);
    expect(key === 'totals', raw).toBe(i === run.lines.length - 1);
    expect(Object.keys(value[key!]!), raw).toEqual(expect.arrayContaining([...shapes[key!]]));
    if (value.alert !== undefined) {
      expect(value.alert.at).toMatch(rfc3339);
      expect(['high', 'medium', 'low', 'technical']).toContain(value.alert.priority);
      expect(['raised', 'acknowledged', 'cleared']).toContain(value.alert.state);
      expect(value.alert.reason).not.toBe('');
    }
    if (value.reading !== undefined) {
      expect(Number.isFinite(value.reading.value), raw).toBe(true);
      expect(['provisional', 'sealed', 'anchored']).toContain(value.reading.grade);
    }
  });
}

const raisedOf = (run: Run, rule: string) =>
  run.lines.filter((l) => l.value.alert?.rule === rule && l.value.alert.state === 'raised').length;

beforeAll(async () => {
  scratch = await scratchFolder('demo');
  data = join(scratch.dir, 'data');
  moved = join(scratch.dir, 'elsewhere');
  first = startRun(['--for', '60', '--data', data, '--port-base', String(await freePortBase())]);
  ready = await first.ready;
  const reading = await first.line((l) => l.value.reading?.grade === 'anchored', 60_000);
  duringRun = await pulseseal(['proof', reading.value.reading!.id, '--data', data]);
  code = await first.ended;
  totals = first.lines.at(-1)!.value.totals!;
}, 150_000);

afterAll(async () => {
  await first?.dispose();
  await scratch?.remove();
});

describe('a minute of the demo', () => {
  it('says what it does in JSON lines alone, ready first and totals last', () => {
    checkForm(first);
    expect(ready.clinician).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#login=[0-9A-Z]{10}&role=clinician$/);
    expect(ready.caregiver).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#login=[0-9A-Z]{10}&role=caregiver$/);
    expect(ready.broker).toMatch(/^mqtts:\/\/127\.0\.0\.1:\d+$/);
    expect(ready.metrics.length).toBeGreaterThan(0);
    expect(ready.data).toBe(data);
    for (const { value } of first.lines) {
      if (value.alert === undefined) continue;
      // Generated people have no record to count from.
      expect(value.alert.record).toBeUndefined();
      expect(value.alert.recordTimeMs).toBeUndefined();
    }
  });

  it('ends with nothing lost, nothing double, everything acknowledged stored', () => {
    expect(code, first.stderr()).toBe(0);
    expect(totals).toMatchObject({ lost: 0, duplicate: 0 });
    expect(totals.sent).toBeGreaterThan(1000);
    expect(totals.acknowledged).toBe(totals.stored);
    expect(totals.acknowledged).toBe(totals.sent);
    expect(totals.sealed).toBeGreaterThan(0);
    expect(totals.anchored).toBeGreaterThan(0);
    expect(totals.anchored).toBeLessThanOrEqual(totals.sealed);
    expect(totals.sealed).toBeLessThanOrEqual(totals.stored);
    expect(totals.opened).toBeGreaterThan(0);
    expect(totals.refusals).toEqual({});
    expect(totals.speed).toBeGreaterThan(0.9);
    for (const [rule, n] of Object.entries(totals.alerts)) expect(raisedOf(first, rule), rule).toBe(n);
  });

  it.each(scripted)('alerts for %s by %s within a minute', (patient, rule, priority) => {
    const line = first.lines.find((l) => l.value.alert?.patient === patient && l.value.alert.rule === rule);
    expect(line?.value.alert).toMatchObject({ priority, state: 'raised' });
    expect(line!.seenMs - first.lines[0]!.seenMs).toBeLessThanOrEqual(ALERTED_WITHIN_MS);
  });

  it('calls nobody for a physiological reason beside those who were scripted', () => {
    const called = first.lines
      .map((l) => l.value.alert)
      .filter((a) => a !== undefined && a.priority !== 'technical')
      .map((a) => a!.patient);
    expect([...new Set(called)].sort()).toEqual(['p001', 'p002']);
  });

  it('keeps the alert of a strap that is off the body when the system stops', () => {
    const ended = first.lines.filter((l) => l.value.alert?.state === 'cleared');
    expect(ended.map((l) => l.raw)).toEqual([]);
  });

  it('hands out the proof of an anchored reading while it runs', () => {
    expect(duringRun.code, duringRun.stderr).toBe(0);
    expect(verifyProof(new Uint8Array(duringRun.stdout), undefined, createNativeCrypto()).holds).toBe(true);
  });
});

describe('a proof out of the stopped folder', () => {
  let file: string;
  let trust: string;

  beforeAll(async () => {
    anchored = first.lines.findLast((l) => l.value.reading?.grade === 'anchored')!.value.reading!.id;
    const exported = await pulseseal(['proof', anchored, '--data', data]);
    expect(exported.code, exported.stderr).toBe(0);
    bundle = new Uint8Array(exported.stdout);
    const [frame] = /^.*\.(?=\d+$)/.exec(anchored)!;
    const beside = await pulseseal(['proof', `${frame}9999`, '--data', data]);
    expect(beside).toMatchObject({ code: 2, text: '' });
    expect(beside.stderr).toContain('no such reading');
    const trusted = await pulseseal(['keys', 'trust', '--data', data]);
    expect(trusted.code, trusted.stderr).toBe(0);
    trust = join(scratch.dir, 'trust.json');
    await writeFile(trust, trusted.stdout);
    await writeFile(join(scratch.dir, 'first.proof'), bundle);
    file = join(scratch.dir, 'copied.proof');
    await copyFile(join(scratch.dir, 'first.proof'), file);
    // Nothing of the system is there to ask while the bundle is verified.
    await rename(data, moved);
  });

  afterAll(() => rename(moved, data));

  it('holds by itself, names the anchors and says that nobody pinned them', async () => {
    const { code: verdict, text } = await pulseseal(['verify', file]);
    expect(verdict, text).toBe(0);
    expect(text).not.toContain('✗');
    for (const name of ['sensor', 'segment', 'log', 'head', 'ledger'])
      expect(text, name).toMatch(new RegExp(name, 'i'));
    expect(text).toContain('not pinned');
    expect(text).toMatch(/owner\s+[0-9a-f]{64}/);
    expect(text).toContain('The proof holds in itself.');
  });

  it('shows the value, unit and time that the run told', async () => {
    const { value, unit } = first.lines.find((l) => l.value.reading?.id === anchored)!.value.reading!;
    const { text } = await pulseseal(['verify', file]);
    expect(text).toContain(`${value} ${unit}`);
    expect(text).toMatch(/\d{4}-\d\d-\d\dT[\d:.]+Z/);
  });

  it('holds under the trust file of the system, and under no other', async () => {
    const pinned = await pulseseal(['verify', file, '--trust', trust]);
    expect(pinned.code, pinned.text).toBe(0);
    expect(pinned.text).toContain('The proof holds.');
    const foreign = join(scratch.dir, 'foreign.json');
    await writeFile(foreign, JSON.stringify({ owners: ['00'.repeat(32)], signers: ['11'.repeat(32)] }));
    const refused = await pulseseal(['verify', file, '--trust', foreign]);
    expect(refused.code).toBe(1);
    expect(refused.text).toContain('✗');
  });

  it('is refused by the command after a flipped bit', async () => {
    const flipped = bundle.slice();
    flipped[Math.floor(flipped.length / 2)]! ^= 1;
    const bad = join(scratch.dir, 'bad.proof');
    await writeFile(bad, flipped);
    const { code: verdict, text } = await pulseseal(['verify', bad]);
    expect(verdict).toBe(1);
    expect(text).toContain('✗');
  });

  it(`is refused after any single flipped bit (${isLong() ? 'every bit' : 'every 97th bit; all of them in the long run'})`, () => {
    const crypto = createNativeCrypto();
    const anchors = parseTrust(JSON.stringify({ owners: [], signers: [] }));
    const accepted: number[] = [];
    const stride = isLong() ? 1 : 97;
    for (let bit = 0; bit < bundle.length * 8; bit += stride) {
      bundle[bit >> 3]! ^= 1 << (bit & 7);
      try {
        if (verifyProof(bundle, undefined, crypto).holds) accepted.push(bit);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
      bundle[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(accepted).toEqual([]);
    expect(verifyProof(bundle, undefined, crypto).holds).toBe(true);
    expect(verifyProof(bundle, anchors, crypto).pinned).toBe(false);
  }, 1_800_000);
});

describe('a second start on the same folder', () => {
  let second: Run;
  let children: readonly number[];
  let alerts: readonly ShownAlert[];
  let exit: number | null;

  beforeAll(async () => {
    second = startRun(['--data', data, '--port-base', String(await freePortBase())]);
    const again = await second.ready;
    alerts = await (await logIn(again.clinician, 'Test Nurse')).get<readonly ShownAlert[]>('/api/alerts');
    await second.line((l) => l.value.reading?.grade === 'anchored', 60_000);
    children = await descendants(second.pid);
    second.signal('SIGINT');
    exit = await second.ended;
  }, 120_000);

  afterAll(() => second?.dispose());

  it('has the open alerts of the first', () => {
    const open = alerts.filter((alert) => alert.state === 'active').map(({ patient, rule }) => `${patient} ${rule}`);
    for (const [patient, rule] of scripted) expect(open).toContain(`${patient} ${rule}`);
  });

  it('notes for every patient how long the system was off', () => {
    const off = alerts.filter((alert) => alert.rule === 'system-off');
    expect(off.length).toBe(12);
    for (const alert of off) expect(alert.reason).toMatch(/off for .+, from \S+ \d\d:\d\d to \S+ \d\d:\d\d UTC$/);
    expect(raisedOf(second, 'system-off')).toBe(12);
  });

  it('ends at Ctrl-C with totals over both runs, and leaves no process', async () => {
    expect(exit, second.stderr()).toBe(0);
    checkForm(second);
    const both = second.lines.at(-1)!.value.totals!;
    expect(both).toMatchObject({ lost: 0, duplicate: 0 });
    expect(both.acknowledged).toBe(both.stored);
    expect(both.stored).toBeGreaterThan(totals.stored);
    expect(both.anchored).toBeGreaterThan(totals.anchored);
    for (const [rule, n] of Object.entries(both.alerts)) expect(raisedOf(second, rule), rule).toBe(n);
    expect(children.length).toBeGreaterThanOrEqual(5);
    const left = await Promise.all(children.map(async (pid) => ((await isAlive(pid)) ? pid : undefined)));
    expect(left.filter((pid) => pid !== undefined)).toEqual([]);
  });

  it('still proves a reading of the first run', async () => {
    const { code: exported, stdout, stderr } = await pulseseal(['proof', anchored, '--data', data]);
    expect(exported, stderr).toBe(0);
    expect(verifyProof(new Uint8Array(stdout), undefined, createNativeCrypto()).holds).toBe(true);
  });
});

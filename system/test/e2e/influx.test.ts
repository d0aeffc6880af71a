import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createNativeCrypto } from '@pulseseal/crypto';
import { openEvidenceReader, openInfluxStore } from '@pulseseal/edge-gateway';
import { createSystemClock } from '@pulseseal/runtime';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Influxd, startInfluxd } from '../../src/processes/influxd.ts';
import { freePortBase, type Run, scratchFolder, startRun } from '../support/run.ts';

const isThere = await promisify(execFile)('influxd', ['version']).then(
  () => true,
  () => false,
);
if (!isThere) console.warn('SKIPPED: a run on InfluxDB, because no influxd is on PATH');

describe.skipIf(!isThere)('a run with --store influx', () => {
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  let run: Run;
  let influxd: Influxd | undefined;

  beforeAll(async () => {
    folder = await scratchFolder('influx');
    const base = String(await freePortBase());
    run = startRun(['--patients', '2', '--for', '20', '--store', 'influx', '--data', folder.dir, '--port-base', base]);
    expect(await run.ended, run.stderr()).toBe(0);
    // The run stopped the server that it had started; its files are all there is now.
    influxd = await startInfluxd(join(folder.dir, 'edge', 'influxdb'), createSystemClock());
  }, 120_000);

  afterAll(async () => {
    await run?.dispose();
    await influxd?.stop();
    await folder?.remove();
  });

  it('has in InfluxDB every frame that was stored, as the journal holds it, and no other', async () => {
    const { totals } = run.lines.at(-1)!.value;
    expect(totals).toMatchObject({ lost: 0, duplicate: 0, refusals: {} });
    expect(totals!.acknowledged).toBe(totals!.stored);
    const { origin } = new URL(influxd!.url);
    const query = encodeURIComponent('SELECT "device", "eh", "seq", "frame" FROM "frames"');
    const reply = await fetch(`${origin}/query?db=pulseseal&q=${query}`);
    const answer = (await reply.json()) as {
      readonly results: readonly [{ readonly series: readonly [{ readonly values: readonly Row[] }] }];
    };
    type Row = readonly [time: string, device: string, eh: string, seq: number, frame: string];
    const rows = answer.results[0].series[0].values;
    expect(rows.length).toBe(totals!.stored);
    expect(new Set(rows.map(([, device, eh, seq]) => `${device}.${eh}.${seq}`)).size).toBe(rows.length);
    const evidence = await openEvidenceReader({
      journalDir: join(folder.dir, 'edge', 'journal'),
      indexPath: join(folder.dir, 'edge', 'index', 'catalogue.sqlite'),
      crypto: createNativeCrypto(),
    });
    try {
      for (const [, device, eh, seq, frame] of rows) {
        const found = await evidence.frame(device, eh, seq);
        expect(Buffer.from(found.frame).toString('base64'), `${device}.${eh}.${seq}`).toBe(frame);
      }
    } finally {
      await evidence.close();
    }
  });

  it('answers by device, epoch and number through the store itself', async () => {
    const store = await openInfluxStore({ url: influxd!.url });
    const id = run.lines.find((l) => l.value.reading !== undefined)!.value.reading!.id;
    const [device, eh, seq] = id.split('.') as [string, string, string];
    const row = await store.frame(device, eh, Number(seq));
    expect(row).toMatchObject({ device, eh, seq: Number(seq) });
    await store.close();
  });
});

it.skipIf(!isThere)('leaves no influxd behind when the process that started it is killed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'pulseseal-influxd-'));
  const program = `const { startInfluxd } = await import(${JSON.stringify(new URL('../../src/processes/influxd.ts', import.meta.url))});
    const { createSystemClock } = await import(${JSON.stringify(import.meta.resolve('@pulseseal/runtime'))});
    console.log((await startInfluxd(process.argv[1], createSystemClock())).url);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, dir], { stdio: ['ignore', 'pipe', 2] });
  const url = await new Promise<string>((resolve) => child.stdout!.once('data', (chunk) => resolve(String(chunk))));
  const answers = () =>
    fetch(`${new URL(url).origin}/ping`).then(
      () => true,
      () => false,
    );
  expect(await answers()).toBe(true);
  child.kill('SIGKILL');
  await vi.waitFor(async () => expect(await answers()).toBe(false), { timeout: 10_000, interval: 100 });
  await rm(dir, { recursive: true, force: true });
});

it('says that influxd is missing, and what to do', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'pulseseal-influxd-'));
  vi.stubEnv('PATH', '/bin-of-nothing');
  await expect(startInfluxd(dir, createSystemClock())).rejects.toThrow('influxd is not on PATH');
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createNativeCrypto } from '@pulseseal/crypto';
import { openEvidenceReader, openInfluxStore } from '@pulseseal/edge-gateway';
import { createSystemClock } from '@pulseseal/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

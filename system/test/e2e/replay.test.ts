import { join } from 'node:path';
import { codes } from '@pulseseal/firmware-profiles';
import { createRecordSeal, openLogReader } from '@pulseseal/log';
import type { BoardSnapshot } from '@pulseseal/protocol';
import { isLong, sharedDir } from '@pulseseal/testkit';
import { apply, newTwin, type TwinEvent, viewOf } from '@pulseseal/twin-service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openZone } from '../../src/processes/zone.ts';
import { type ChartRow, chartNews2, readChart } from '../support/chart-news2.ts';
import { freePortBase, logIn, type Run, scratchFolder, startRun, type TotalsLine } from '../support/run.ts';

const recordings = sharedDir('data');
/** 40 s are six to seven hours of each stay; in the long run nearly all of its 48. */
const SPEED = isLong() ? 3600 : 600;
const HOUR_MS = 3_600_000;

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
let run: Run;
let code: number | null;
let totals: TotalsLine;
/** Patient -> record, from the names on the board. */
const records = new Map<string, string>();
let histories: ReadonlyMap<string, readonly TwinEvent[]>;
let charts: ReadonlyMap<string, readonly ChartRow[]>;

/** What the twins were told, in order: the sealed journal of the stopped care zone. */
async function readHistories(dataDir: string): Promise<Map<string, TwinEvent[]>> {
  const dir = join(dataDir, 'care');
  const base = await openZone('care', { dir, scale: { originMs: 0, speed: 1 }, logLevel: 'error' });
  const key = await base.keys.get('twin-log');
  const reader = await openLogReader({ dir: join(dir, 'twin'), seal: createRecordSeal(key!) });
  const all = new Map<string, TwinEvent[]>();
  for (let at = 0; ; ) {
    const { records: found, next } = await reader.readFrom(at);
    for (const { data } of found) {
      const record = JSON.parse(new TextDecoder().decode(data)) as { readonly p?: string; readonly e?: TwinEvent[] };
      if (record.p === undefined || record.e === undefined) continue;
      all.set(record.p, [...(all.get(record.p) ?? []), ...record.e]);
    }
    if (next <= at) break;
    at = next;
  }
  await reader.close();
  return all;
}

const measuredOf = (events: readonly TwinEvent[]) => events.flatMap((e) => (e.kind === 'measured' ? [e] : []));
const patientOf = (record: string) => [...records].find(([, known]) => known === record)![0];
/** The file's minute of the first value that goes to a device, and the time it got there: where the stay begins. */
function originOf(patient: string): number {
  const first = Math.min(...measuredOf(histories.get(patient)!).flatMap((e) => e.held.map((held) => held.atMs)));
  const carried = charts.get(records.get(patient)!)!.filter((row) => !['Glucose', 'Lactate'].includes(row.param));
  return first - 60_000 * Math.min(...carried.map((row) => row.minute));
}
const stays = () => [...records].filter(([patient, record]) => charts.has(record) && histories.has(patient));

describe.skipIf(recordings === undefined)(`recordings replayed ${SPEED} times as fast`, () => {
  beforeAll(async () => {
    scratch = await scratchFolder('replay');
    const data = join(scratch.dir, 'data');
    const port = String(await freePortBase());
    run = startRun([
      '--replay',
      recordings!,
      '--speed',
      String(SPEED),
      '--for',
      '40',
      '--data',
      data,
      '--port-base',
      port,
    ]);
    const ready = await run.ready;
    const board = await (await logIn(ready.clinician, 'Test Nurse')).get<BoardSnapshot>('/api/board');
    for (const { patient, name } of board.patients) {
      const record = /^(?:ICU|Recording|Fall subject) (.+)$/.exec(name)?.[1];
      if (record !== undefined) records.set(patient, name.startsWith('Fall') ? `fall-subject-${record}` : record);
    }
    code = await run.ended;
    totals = run.lines.at(-1)!.value.totals!;
    histories = await readHistories(data);
    charts = await readChart(
      join(recordings!, 'icu-vitals', 'cinc2012-set-a-vitals.csv.gz'),
      new Set(records.values()),
    );
  }, 240_000);

  afterAll(async () => {
    await run?.dispose();
    await scratch?.remove();
  });

  it('loses and doubles nothing, and says which speed it reached', () => {
    expect(code, run.stderr().slice(-2000)).toBe(0);
    expect(totals).toMatchObject({ lost: 0, duplicate: 0, refusals: {} });
    expect(totals.acknowledged).toBe(totals.stored);
    expect(totals.sealed).toBeGreaterThan(0);
    expect(totals.anchored).toBeGreaterThan(0);
    expect(totals.speed).toBeGreaterThan(0);
  });

  it('brings the ECG of straps and the pulse wave of a band, a frame a second of the recording', () => {
    /** Frames that care opened and saw sealed, of the device of a record that measures `code`. */
    const frames = (record: string, code: number) => {
      const events = histories.get(patientOf(record))!;
      const device = events.find((e) => e.kind === 'epoch' && e.care.streams.some((s) => s.codes.includes(code)));
      if (device?.kind !== 'epoch') return 0;
      return events.reduce(
        (sum, e) =>
          e.kind === 'graded' && e.device === device.care.device && e.grade === 'sealed' ? sum + e.count : sum,
        0,
      );
    };
    // 30 min 6 s of MIT-BIH at 360 Hz, 8 min of BIDMC; a heartbeat and a card or two more.
    for (const record of ['100', '105']) expect(frames(record, codes.ecgLeadII), record).toBeGreaterThanOrEqual(1805);
    expect(frames('bidmc_01_Signals', codes.pleth)).toBeGreaterThanOrEqual(480);
    expect(frames('bidmc_01_Signals', codes.ecgLeadII)).toBeGreaterThanOrEqual(480);
  });

  it('replays twenty stays as hub and band', () => {
    expect(stays().length).toBe(20);
    for (const [patient] of stays()) {
      const devices = new Set(measuredOf(histories.get(patient)!).map((e) => e.device));
      expect(devices.size, patient).toBe(2);
    }
  });

  it('brings every charted value at its minute, and no other', () => {
    for (const [patient, record] of stays()) {
      const originMs = originOf(patient);
      const held = measuredOf(histories.get(patient)!).flatMap((e) => e.held);
      const lastMinute = (Math.max(...held.map((one) => one.atMs)) - originMs) / 60_000;
      expect(Number.isInteger(lastMinute), record).toBe(true);
      const came = held
        .filter((one) => one.code === codes.bodyTemperature)
        .map((one) => `${(one.atMs - originMs) / 60_000} ${one.value}`);
      const charted = charts
        .get(record)!
        .filter((row) => row.param === 'Temp' && row.minute <= lastMinute - 60 && Number(row.text) >= 28)
        .map((row) => `${row.minute} ${Number(row.text)}`);
      expect(came, record).toEqual(expect.arrayContaining(charted));
    }
  });

  it('scores NEWS2 as the chart says, hour by hour', () => {
    const wrong: string[] = [];
    let compared = 0;
    for (const [patient, record] of stays()) {
      const events = histories.get(patient)!;
      const originMs = originOf(patient);
      const lastMs = Math.max(...measuredOf(events).map((e) => e.nowMs));
      for (let hour = 1; originMs + hour * HOUR_MS <= lastMs; hour++) {
        const atMs = originMs + hour * HOUR_MS;
        const twin = events
          .filter((e) => e.kind !== 'measured' || e.held.every((held) => held.effectiveMs <= atMs))
          .reduce(apply, newTwin({ patient }));
        const news2 = viewOf(twin, atMs, 'scored').news2!;
        const chart = chartNews2(charts.get(record)!, hour * 60);
        compared++;
        if (news2.total !== chart.total || news2.missing.length !== chart.missing)
          wrong.push(
            `${record} hour ${hour}: ${news2.total} (${news2.missing}), chart ${chart.total} (${chart.missing})`,
          );
      }
    }
    console.info(`NEWS2 of ${stays().length} stays compared at ${compared} whole hours`);
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(60);
  });

  it('names record, time in the record and reason with every alert of a patient', () => {
    const alerts = run.lines.flatMap((l) => (l.value.alert === undefined ? [] : [l.value.alert]));
    expect(alerts.some((a) => a.rule.startsWith('news2'))).toBe(true);
    for (const alert of alerts) {
      expect(alert.record, JSON.stringify(alert)).toBe(records.get(alert.patient));
      expect(alert.reason).not.toBe('');
      if (!charts.has(alert.record!)) continue;
      expect(Number.isInteger(alert.recordTimeMs)).toBe(true);
      // The alert's own time, counted from where the stay began.
      expect(alert.recordTimeMs).toBe(Date.parse(alert.at) - originOf(alert.patient));
    }
  });
});

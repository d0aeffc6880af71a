import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { codeEntry } from '@pulseseal/firmware-profiles';
import { sharedDir } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import type { RowRefusal, VitalsOutput, VitalsRow, VitalsScreen } from '../src/mod.ts';
import { evaluateStay, evaluateVitals, parsePatientsCsv, parseVitalsCsv, vitalsCsvLine } from '../src/mod.ts';

/** The invalid ranges alone, as the code table has them. */
const screen: VitalsScreen = (reading) => {
  const valid = codeEntry(reading.code)?.valid;
  return valid !== undefined && (reading.value < valid[0] || reading.value > valid[1])
    ? { verdict: 'invalid', reason: 'out-of-range' }
    : { verdict: 'accepted' };
};

const noPatients = new Map<string, { ageYears: number | null }>();

function rowsOf(text: string, record = 'r'): VitalsRow[] {
  return text.split(/\s+/).map((cell) => {
    const [minute, param, value] = cell.split(':');
    return { record, minute: Number(minute), param: param!, value: value! };
  });
}

function stay(text: string, ageYears: number | null = null) {
  const refused: RowRefusal[] = [];
  const out = evaluateStay('r', rowsOf(text), {
    screen,
    patients: new Map([['r', { ageYears }]]),
    onRefused: (reason) => refused.push(reason),
  });
  return {
    hours: out.filter((o) => o.kind === 'risk'),
    alerts: out.filter((o) => o.kind === 'alert').map(({ minute, rule, priority }) => [minute, rule, priority]),
    refused,
    lines: out.filter((o) => o.kind !== 'done').map(vitalsCsvLine),
  };
}

async function* once<T>(...items: T[]) {
  yield* items;
}

describe('evaluate vitals', () => {
  it('has one row for each hour from the first data on', () => {
    const { hours, lines } = stay('130:HR:120');
    expect(hours.map(({ hour }) => hour)).toEqual(Array.from({ length: 46 }, (_, i) => i + 2));
    expect(lines[0]).toBe('r,2,,2,2,19');
  });

  it('counts a value for 6 h', () => {
    const { hours } = stay('61:HR:120');
    expect(hours.map(({ news2 }) => news2!.total).slice(0, 8)).toEqual([2, 2, 2, 2, 2, 2, 0, 0]);
  });

  it('takes minutes below 60(h+1) for hour h, and minute 2880 for hour 47', () => {
    const { hours } = stay('59:HR:120 60:HR:70 2880:HR:135');
    expect(hours[0]!.news2!.total).toBe(2);
    expect(hours[1]!.news2!.total).toBe(0);
    expect(hours.at(-1)).toMatchObject({ hour: 47, news2: { total: 3 } });
  });

  it('derives oxygen, consciousness and pressure', () => {
    const last = (text: string) => stay(text).hours[0]!.news2!;
    const air = last('1:FiO2:0.21');
    expect(air).toEqual({ total: 0, lower: 0, upper: 18 });
    expect(last('1:FiO2:0.22').total).toBe(0);
    expect(last('1:FiO2:0.23').total).toBe(2);
    expect(last('1:FiO2:0.2201').total).toBe(2);
    expect(last('1:FiO2:0.21 2:MechVent:1').total).toBe(2);
    expect(last('1:GCS:15').total).toBe(0);
    expect(last('1:GCS:14').total).toBe(3);
    expect(last('1:SysABP:120 2:NISysABP:85').total).toBe(3);
    expect(last('1:NISysABP:85 2:SysABP:120').total).toBe(0);
    expect(last('1:SaO2:90').total).toBe(3);
    expect(last('1:Temp:38.05').total).toBe(1);
  });

  it('drops invalid values first, and refuses bad rows by name', () => {
    const { hours, refused } = stay('1:HR:120 2:HR:0 3:Temp:-17.8 4:Odd:1 5:HR:x 6:Glucose:100 -1:HR:120 2881:HR:9');
    expect(hours[0]!.news2).toEqual({ total: 2, lower: 2, upper: 19 });
    expect(refused.sort()).toEqual([
      'minute-out-of-range',
      'minute-out-of-range',
      'param-unknown',
      'value-not-a-number',
    ]);
  });

  it('raises a held value after the delay of its rule', () => {
    expect(stay('10:SaO2:79').alerts).toEqual([[10, 'hard-spo2-low', 'high']]);
    expect(stay('10:HR:181').alerts).toEqual([[10, 'hard-hr-high', 'high']]);
    expect(stay('10:GCS:9').alerts).toEqual([[11, 'news2-single-3', 'medium']]);
    expect(stay('10:MechVent:1 10:Temp:39.5 10:HR:95').alerts).toEqual([[15, 'news2-medium', 'medium']]);
    expect(stay('10:GCS:9 10:HR:115 10:RespRate:22').alerts).toEqual([[10, 'news2-high', 'high']]);
    expect(stay('10:GCS:9 10:HR:115 12:HR:80').alerts).toEqual([[11, 'news2-single-3', 'medium']]);
  });

  it('calls the sicker of two no later, and once for one episode', () => {
    const short = '10:RespRate:26 14:RespRate:16';
    expect(stay(short).alerts).toEqual([[11, 'news2-single-3', 'medium']]);
    expect(stay(`9:MechVent:1 ${short}`).alerts).toEqual([[11, 'news2-single-3', 'medium']]);
    expect(stay('10:GCS:9 10:HR:115').alerts).toEqual([[11, 'news2-single-3', 'medium']]);
    // A total that rises while the 3 is still open is news.
    expect(stay('10:GCS:9 20:HR:115').alerts).toEqual([
      [11, 'news2-single-3', 'medium'],
      [25, 'news2-medium', 'medium'],
    ]);
  });

  it('has one alert an episode, and another after it ended', () => {
    expect(stay('10:GCS:9 70:GCS:8 130:GCS:15 190:GCS:9').alerts.map(([minute]) => minute)).toEqual([11, 191]);
    expect(stay('10:GCS:9 130:GCS:15 132:GCS:9').alerts.map(([minute]) => minute)).toEqual([11]);
  });

  it('scores nobody under 16, but still calls at a hard limit', () => {
    const { lines, alerts } = stay('10:GCS:9 11:HR:200', 15);
    expect(lines).toContain('r,0,,,,');
    expect(alerts).toEqual([[11, 'hard-hr-high', 'high']]);
  });

  it('sorts minutes inside a record and refuses a record that stands apart', async () => {
    expect(stay('20:HR:120 10:HR:70').lines).toEqual(stay('10:HR:70 20:HR:120').lines);
    const rows = [...rowsOf('1:HR:70', 'a'), ...rowsOf('1:HR:70', 'b'), ...rowsOf('2:HR:70', 'a')];
    const run = async () => {
      for await (const _ of evaluateVitals(once(rows), { screen, patients: noPatients }));
    };
    await expect(run()).rejects.toThrow('vitals-record-split');
  });

  it('never changes an hour by later rows', () => {
    const early = '5:HR:120 65:RespRate:26 130:GCS:9';
    const later = '600:HR:200 600:SaO2:70 1200:GCS:3';
    expect(stay(`${early} ${later}`).lines.slice(0, 3)).toEqual(stay(early).lines.slice(0, 3));
  });
});

describe('the CSV forms', () => {
  const parsed = async (...chunks: string[]) => {
    const rows: VitalsRow[] = [];
    const refused: string[] = [];
    for await (const batch of parseVitalsCsv(once(...chunks), (reason) => refused.push(reason))) rows.push(...batch);
    return { rows, refused };
  };

  it('reads rows wherever chunks break', async () => {
    const text = 'record,minute,param,value\r\n1,2,HR,70\r\n1,3,Temp,36.05';
    const expected = [
      { record: '1', minute: 2, param: 'HR', value: '70' },
      { record: '1', minute: 3, param: 'Temp', value: '36.05' },
    ];
    for (let cut = 0; cut <= text.length; cut++) {
      expect((await parsed(text.slice(0, cut), text.slice(cut))).rows).toEqual(expected);
    }
  });

  it('refuses another header, and passes bad lines with a count', async () => {
    await expect(parsed('a,b\n')).rejects.toThrow('vitals-header');
    await expect(parsed('')).rejects.toThrow('vitals-header');
    const { rows, refused } = await parsed('record,minute,param,value\n1,x,HR,70\n1,2,HR\n,2,HR,1\n\n1,2,HR,70\n');
    expect(rows).toHaveLength(1);
    expect(refused).toEqual(['not-a-row', 'not-a-row', 'not-a-row']);
  });

  it('reads ages', () => {
    expect(parsePatientsCsv('record,sex,age\n1,0,54\n2,1,\n')).toEqual(
      new Map([
        ['1', { ageYears: 54 }],
        ['2', { ageYears: null }],
      ]),
    );
    expect(() => parsePatientsCsv('id,age\n')).toThrow('patients-header');
  });
});

/** Everything below is a computation of its own: it shares no code with the service. */
const tables: Record<string, [number, number][]> = {
  RespRate: [
    [-1, 3],
    [9, 1],
    [12, 0],
    [21, 2],
    [25, 3],
  ],
  Sys: [
    [-1, 3],
    [91, 2],
    [101, 1],
    [111, 0],
    [220, 3],
  ],
  HR: [
    [-1, 3],
    [41, 1],
    [51, 0],
    [91, 1],
    [111, 2],
    [131, 3],
  ],
  Temp: [
    [-1, 3],
    [351, 1],
    [361, 0],
    [381, 1],
    [391, 2],
  ],
  SaO2: [
    [-1, 3],
    [92, 2],
    [94, 1],
    [96, 0],
  ],
};
const validRanges: Record<string, [number, number]> = {
  HR: [20, 250],
  RespRate: [2, 70],
  SaO2: [50, 100],
  Temp: [28, 44],
  SysABP: [30, 300],
  NISysABP: [30, 300],
  FiO2: [0.21, 1],
};

function isValid(row: VitalsRow): boolean {
  const range = validRanges[row.param];
  return range === undefined || (Number(row.value) >= range[0] && Number(row.value) <= range[1]);
}

/** Half up by hundredths: the recordings have at most two decimals. */
function charted(text: string, tenths: boolean): number {
  const hundredths = Math.round(Number(text) * 100);
  return tenths ? Math.floor((hundredths + 5) / 10) : Math.floor((hundredths + 50) / 100);
}

/** Values of minutes below `beforeMinute` and not older than 6 h at `atMinute`. */
function bruteScore(rows: readonly VitalsRow[], beforeMinute: number, atMinute: number) {
  const newest = (...params: string[]) =>
    rows.findLast(
      (r) => params.includes(r.param) && r.minute < beforeMinute && atMinute - r.minute <= 360 && isValid(r),
    );
  let total = 0;
  let upper = 0;
  const add = (points: number | undefined, most: number) => {
    total += points ?? 0;
    upper += points ?? most;
  };
  const band = (name: string, row: VitalsRow | undefined) =>
    row && tables[name]!.findLast(([from]) => charted(row.value, name === 'Temp') >= from)![1];
  add(band('RespRate', newest('RespRate')), 3);
  add(band('SaO2', newest('SaO2')), 3);
  add(band('Sys', newest('SysABP', 'NISysABP')), 3);
  add(band('HR', newest('HR')), 3);
  add(band('Temp', newest('Temp')), 3);
  const gcs = newest('GCS');
  add(gcs && (Number(gcs.value) >= 15 ? 0 : 3), 3);
  const fraction = newest('FiO2');
  const ventilated = newest('MechVent');
  const isOn = (fraction && Number(fraction.value) > 0.22) || (ventilated && Number(ventilated.value) >= 1);
  add(fraction || ventilated ? (isOn ? 2 : 0) : undefined, 2);
  return { total, lower: total, upper, sao2: newest('SaO2'), hr: newest('HR') };
}

const dir = sharedDir('data/icu-vitals');

describe.skipIf(dir === undefined)('recorded stays', () => {
  async function stays(most: number, every: number) {
    const text = createReadStream(join(dir!, 'cinc2012-set-a-vitals.csv.gz')).pipe(createGunzip()).setEncoding('utf8');
    const byRecord = new Map<string, VitalsRow[]>();
    let seen = 0;
    for await (const batch of parseVitalsCsv(text)) {
      for (const row of batch) {
        if (!byRecord.has(row.record)) {
          if (seen++ % every === 0) byRecord.set(row.record, []);
        }
        byRecord.get(row.record)?.push(row);
      }
      if (byRecord.size > most) break;
    }
    return [...byRecord].slice(0, most);
  }
  const patients = () => parsePatientsCsv(readFileSync(join(dir!, 'cinc2012-set-a-patients.csv'), 'utf8'));

  it('have the NEWS2 of a separate computation, hour by hour', async () => {
    let hours = 0;
    for (const [record, rows] of await stays(150, 1)) {
      const out = evaluateStay(record, rows, { screen, patients: patients() });
      const first = Math.min(47, Math.floor(rows[0]!.minute / 60));
      const risks = out.filter((o) => o.kind === 'risk');
      expect(risks.map(({ hour }) => hour)).toEqual(Array.from({ length: 48 - first }, (_, i) => first + i));
      for (const { hour, news2 } of risks) {
        const end = 60 * (hour + 1);
        const { total, lower, upper } = bruteScore(rows, hour === 47 ? 2881 : end, end);
        expect([record, hour, news2]).toEqual([record, hour, { total, lower, upper }]);
        hours++;
      }
    }
    expect(hours).toBeGreaterThan(5000);
  });

  it('have their first alerts when a second-by-second computation says so', async () => {
    const holds = {
      'news2-high': { delayS: 30, is: (s: ReturnType<typeof bruteScore>) => s.total >= 7 },
      'hard-hr-high': {
        delayS: 10,
        is: (s: ReturnType<typeof bruteScore>) => s.hr !== undefined && Number(s.hr.value) > 180,
      },
      'hard-hr-low': {
        delayS: 10,
        is: (s: ReturnType<typeof bruteScore>) => s.hr !== undefined && Number(s.hr.value) < 30,
      },
      'hard-spo2-low': {
        delayS: 10,
        is: (s: ReturnType<typeof bruteScore>) => s.sao2 !== undefined && Number(s.sao2.value) < 80,
      },
    };
    let raised = 0;
    for (const [record, rows] of await stays(40, 1)) {
      const out = evaluateStay(record, rows, { screen, patients: patients() });
      const firstOf = (rule: string) =>
        out.find((o): o is VitalsOutput & { kind: 'alert' } => o.kind === 'alert' && o.rule === rule)?.minute;
      const expected: Record<string, number | undefined> = {};
      const since: Record<string, number | undefined> = {};
      // States change with rows and with what expires; both are at whole minutes, the delays in seconds between them.
      for (let minute = 0; minute <= 2880; minute++) {
        const state = bruteScore(rows, minute + 1, minute);
        for (const [rule, { delayS, is }] of Object.entries(holds)) {
          const began = since[rule];
          if (began !== undefined && expected[rule] === undefined && began + delayS < minute * 60) {
            expected[rule] = Math.floor((began + delayS) / 60);
          }
          if (!is(state)) {
            since[rule] = undefined;
            continue;
          }
          since[rule] ??= minute * 60;
          if (expected[rule] === undefined && since[rule] + delayS <= minute * 60)
            expected[rule] = Math.floor((since[rule] + delayS) / 60);
        }
      }
      for (const rule of Object.keys(holds)) {
        expect([record, rule, firstOf(rule)]).toEqual([record, rule, expected[rule]]);
        if (expected[rule] !== undefined) raised++;
      }
    }
    expect(raised).toBeGreaterThan(10);
  });

  it('are 4,000 in far less than 10 minutes', async () => {
    const beganMs = performance.now();
    const text = createReadStream(join(dir!, 'cinc2012-set-a-vitals.csv.gz')).pipe(createGunzip()).setEncoding('utf8');
    let done = 0;
    for await (const out of evaluateVitals(parseVitalsCsv(text), { screen, patients: patients() })) {
      for (const one of out) if (one.kind === 'done') done++;
    }
    expect(done).toBe(3996);
    expect(performance.now() - beganMs).toBeLessThan(180_000);
  }, 240_000);
});

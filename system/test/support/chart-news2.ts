import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

/** NEWS2 computed a second time, from the recording's own file and the published chart; nothing of the product takes part. */

export interface ChartRow {
  readonly minute: number;
  readonly param: string;
  readonly text: string;
}

export interface ChartScore {
  readonly total: number;
  readonly missing: number;
}

/** Rows of the wanted stays, in file order. */
export async function readChart(path: string, records: ReadonlySet<string>): Promise<Map<string, ChartRow[]>> {
  const stays = new Map<string, ChartRow[]>();
  for await (const line of createInterface({ input: createReadStream(path).pipe(createGunzip()) })) {
    const [record = '', minute, param = '', text = ''] = line.split(',');
    if (!records.has(record)) continue;
    const rows = stays.get(record) ?? [];
    rows.push({ minute: Number(minute), param, text });
    stays.set(record, rows);
  }
  return stays;
}

/** Outside these a value is an artifact: HR, breathing, saturation, pressures, temperature, inspired oxygen. */
const VALID: Readonly<Record<string, readonly [number, number]>> = {
  HR: [20, 250],
  RespRate: [2, 70],
  SaO2: [50, 100],
  SysABP: [30, 300],
  NISysABP: [30, 300],
  Temp: [28, 44],
  FiO2: [0.21, 1],
  GCS: [3, 15],
  MechVent: [0, 1],
};
const DIASTOLIC: Readonly<Record<string, string>> = { SysABP: 'DiasABP', NISysABP: 'NIDiasABP' };
const HELD_MINUTES = 360;

/** The score that a nurse would chart at `minute`: last values carried forward for at most six hours. */
export function chartNews2(rows: readonly ChartRow[], minute: number): ChartScore {
  const last = (param: string): ChartRow | undefined => {
    let found: ChartRow | undefined;
    for (const row of rows) {
      if (row.param !== param || row.minute > minute || minute - row.minute > HELD_MINUTES) continue;
      if (isArtifact(row, rows)) continue;
      if (found === undefined || row.minute >= found.minute) found = row;
    }
    return found;
  };
  const points: (number | undefined)[] = [];
  const band = (
    row: ChartRow | undefined,
    places: number,
    table: readonly (readonly [number, number])[],
    above: number,
  ) => {
    if (row === undefined) return points.push(undefined);
    const value = halfUp(row.text, places);
    return points.push((table.find(([most]) => value <= most) ?? [0, above])[1]);
  };
  band(
    last('RespRate'),
    0,
    [
      [8, 3],
      [11, 1],
      [20, 0],
      [24, 2],
    ],
    3,
  );
  band(
    last('SaO2'),
    0,
    [
      [91, 3],
      [93, 2],
      [95, 1],
    ],
    0,
  );
  const [arterial, cuff] = [last('SysABP'), last('NISysABP')];
  const pressure = arterial !== undefined && (cuff === undefined || arterial.minute >= cuff.minute) ? arterial : cuff;
  band(
    pressure,
    0,
    [
      [90, 3],
      [100, 2],
      [110, 1],
      [219, 0],
    ],
    3,
  );
  band(
    last('HR'),
    0,
    [
      [40, 3],
      [50, 1],
      [90, 0],
      [110, 1],
      [130, 2],
    ],
    3,
  );
  band(
    last('Temp'),
    1,
    [
      [350, 3],
      [360, 1],
      [380, 0],
      [390, 1],
    ],
    2,
  );
  const gcs = last('GCS');
  points.push(gcs === undefined ? undefined : Number(gcs.text) === 15 ? 0 : 3);
  const [fraction, ventilated] = [last('FiO2'), last('MechVent')];
  if (fraction === undefined && ventilated === undefined) points.push(undefined);
  else points.push(Number(fraction?.text ?? 0) > 0.22 || Number(ventilated?.text ?? 0) === 1 ? 2 : 0);
  return {
    total: points.reduce<number>((sum, p) => sum + (p ?? 0), 0),
    missing: points.filter((p) => p === undefined).length,
  };
}

function isArtifact({ minute, param, text }: ChartRow, rows: readonly ChartRow[]): boolean {
  const [least, most] = VALID[param]!;
  if (Number(text) < least || Number(text) > most) return true;
  const below = DIASTOLIC[param];
  if (below === undefined) return false;
  const partner = rows.find((row) => row.minute === minute && row.param === below);
  return partner !== undefined && Number(partner.text) >= Number(text);
}

/** Half up on the decimal text, as an integer of the last place kept. */
function halfUp(text: string, places: number): number {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const kept = Number(whole + fraction.padEnd(places + 1, '0').slice(0, places));
  const up = Number(fraction.padEnd(places + 1, '0')[places]) >= 5 ? 1 : 0;
  return text.startsWith('-') ? -(kept + up) : kept + up;
}

import type { ProfileStream } from '@pulseseal/firmware-profiles';
import { bedsideHub, codes, toInteger, wristBand } from '@pulseseal/firmware-profiles';
import type { Body, ValuesSample } from '../bodies/body.ts';
import { columns, csvCells, csvNumber } from './csv.ts';
import { RecordingRefused } from './failures.ts';
import { recordingLimits } from './limits.ts';
import type { RecordingFiles } from './ports.ts';
import { createRecordedDevice } from './recorded-device.ts';
import type { Recording } from './recording.ts';
import { createRecording } from './recording.ts';

/** One row of the long form: what was charted in a minute of a stay. */
export interface IcuRow {
  readonly minute: number;
  readonly param: string;
  readonly value: number;
}

const vitalsColumns = ['record', 'minute', 'param', 'value'] as const;

/** Where each parameter goes: device, code and the factor to the item's unit. FiO2 is a fraction in this form. */
const places: ReadonlyMap<
  string,
  { readonly device: 'hub' | 'band'; readonly code: number; readonly factor?: number }
> = new Map([
  ['HR', { device: 'band', code: codes.pulseRate }],
  ['RespRate', { device: 'band', code: codes.respirationRate }],
  ['SaO2', { device: 'band', code: codes.spo2 }],
  ['NISysABP', { device: 'hub', code: codes.nibpSystolic }],
  ['NIDiasABP', { device: 'hub', code: codes.nibpDiastolic }],
  ['NIMAP', { device: 'hub', code: codes.nibpMean }],
  ['SysABP', { device: 'hub', code: codes.abpSystolic }],
  ['DiasABP', { device: 'hub', code: codes.abpDiastolic }],
  ['MAP', { device: 'hub', code: codes.abpMean }],
  ['Temp', { device: 'hub', code: codes.bodyTemperature }],
  ['FiO2', { device: 'hub', code: codes.inspiredOxygen, factor: 100 }],
  ['MechVent', { device: 'hub', code: codes.mechanicalVentilation }],
  ['GCS', { device: 'hub', code: codes.glasgowComaScore }],
]);

/** ICU stays of a long-form file, found by its header; ages from a patients CSV beside it when there is one. */
export async function findIcu(
  path: string,
  header: readonly string[],
  files: RecordingFiles,
  patientsPath: string | undefined,
): Promise<readonly Recording[] | undefined> {
  if (columns(header, vitalsColumns) === undefined) return undefined;
  const ages = patientsPath === undefined ? undefined : await readAges(patientsPath, files);
  const records = ages === undefined ? await readRecords(path, files) : [...ages.keys()];
  const source = { load: (wanted: readonly string[]) => loadStays(path, wanted, files, ages) };
  return records.map((record) => createRecording('icu', record, path, source));
}

/** True for the header of a patients CSV: one row a stay. */
export function isPatientsCsv(header: readonly string[]): boolean {
  return columns(header, ['record', 'age']) !== undefined && !header.includes('param') && !header.includes('hour');
}

async function readAges(path: string, files: RecordingFiles): Promise<ReadonlyMap<string, number | undefined>> {
  const ages = new Map<string, number | undefined>();
  let at: Readonly<Record<'record' | 'age', number>> | undefined;
  for await (const line of files.lines(path)) {
    const cells = csvCells(line);
    if (at === undefined) at = columns(cells, ['record', 'age'])!;
    else if (cells[at.record] !== '' && cells[at.record] !== undefined)
      ages.set(cells[at.record]!, csvNumber(cells[at.age]));
  }
  return ages;
}

async function readRecords(path: string, files: RecordingFiles): Promise<readonly string[]> {
  const records = new Set<string>();
  let place = -1;
  for await (const line of files.lines(path)) {
    if (place < 0) place = csvCells(line).indexOf('record');
    else records.add(line.split(',')[place] ?? '');
  }
  records.delete('');
  return [...records];
}

async function loadStays(
  path: string,
  wanted: readonly string[],
  files: RecordingFiles,
  ages: ReadonlyMap<string, number | undefined> | undefined,
): Promise<ReadonlyMap<string, Body>> {
  const rows = new Map<string, IcuRow[]>(wanted.map((record) => [record, []]));
  for await (const { record, row } of icuRows(path, files)) {
    const stay = rows.get(record);
    if (stay === undefined) continue;
    if (stay.length >= recordingLimits.maxStayRows)
      throw new RecordingRefused(record, 'has too many rows for one stay');
    stay.push(row);
  }
  return new Map([...rows].map(([record, stay]) => [record, icuBody(record, stay, ages?.get(record))]));
}

/** Rows of a long-form file in file order; lines that are not readable are left out. */
export async function* icuRows(
  path: string,
  files: RecordingFiles,
): AsyncGenerator<{ readonly record: string; readonly row: IcuRow }> {
  let at: Readonly<Record<(typeof vitalsColumns)[number], number>> | undefined;
  for await (const line of files.lines(path)) {
    const cells = line.split(',');
    if (at === undefined) {
      at = columns(csvCells(line), vitalsColumns);
      if (at === undefined) throw new RecordingRefused(path, 'is not the long form record,minute,param,value');
      continue;
    }
    const minute = csvNumber(cells[at.minute]);
    const value = csvNumber(cells[at.value]);
    const record = cells[at.record];
    if (minute === undefined || minute < 0 || value === undefined || record === undefined) continue;
    yield { record, row: { minute, param: cells[at.param] ?? '', value } };
  }
}

/**
 * A stay as a band (pulse, breathing, saturation, all as spot checks) and a hub. Values go out as charted, absurd ones
 * too, and nothing beside them: what FiO2, ventilation and a coma score mean for a score is for the reader to say.
 */
export function icuBody(record: string, rows: readonly IcuRow[], ageYears: number | undefined): Body {
  const ordered = rows.map((row, i) => ({ row, i })).sort((a, b) => a.row.minute - b.row.minute || a.i - b.i);
  const hub = createChart(bedsideHub.streams);
  const band = createChart(wristBand.streams.filter((stream) => stream.charted));
  const unknown = new Set<string>();
  for (const { row } of ordered) {
    const atMs = row.minute * 60_000;
    const place = places.get(row.param);
    if (place === undefined) {
      unknown.add(row.param);
      continue;
    }
    (place.device === 'hub' ? hub : band).add(atMs, place.code, row.value * (place.factor ?? 1));
  }
  const endMs = (ordered.at(-1)?.row.minute ?? 0) * 60_000;
  return {
    name: `icu-${record}`,
    patient: `ICU ${record}`,
    record,
    devices: [
      createRecordedDevice(wristBand, { values: band.samples() }, endMs),
      createRecordedDevice(bedsideHub, { values: hub.samples() }, endMs),
    ].filter((device) => device.streams.length > 0),
    ...(ageYears === undefined ? {} : { ageYears }),
    notes: unknown.size > 0 ? [`left out, no profile stream carries them: ${[...unknown].join(', ')}`] : [],
  };
}

/** Gathers charted values into one sample per stream and minute. */
function createChart(streams: readonly ProfileStream[]) {
  const samples: (ValuesSample & { readonly values: Map<number, number> })[] = [];
  const open = new Map<number, ValuesSample & { readonly values: Map<number, number> }>();
  return {
    add(atMs: number, code: number, value: number) {
      const stream = streams.find((each) => each.items.some((item) => item.code === code))!;
      const index = stream.items.findIndex((item) => item.code === code);
      let sample = open.get(stream.id);
      // The same parameter twice in a minute: both are sent, in the order of the file.
      if (sample === undefined || sample.atMs !== atMs || sample.values.has(index)) {
        sample = { kind: 'values', stream: stream.id, atMs, values: new Map() };
        open.set(stream.id, sample);
        samples.push(sample);
      }
      sample.values.set(index, toInteger(stream.items[index]!.scale, value));
    },
    samples: (): readonly ValuesSample[] => samples,
  };
}

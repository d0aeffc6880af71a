import type { ProfileStream } from '@pulseseal/firmware-profiles';
import { bedsideHub, codes, toInteger, wristBand } from '@pulseseal/firmware-profiles';
import type { Body, ValuesSample } from '../bodies/body.ts';
import { columns, csvCells, csvNumber } from './csv.ts';
import { RecordingRefused, reasonOf } from './failures.ts';
import { recordingLimits } from './limits.ts';
import type { RecordingFiles } from './ports.ts';
import { createRecordedDevice } from './recorded-device.ts';
import type { OnSkipped, Recording, RecordingSource, Refused } from './recording.ts';
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
  onSkipped: OnSkipped,
): Promise<readonly Recording[] | undefined> {
  if (columns(header, vitalsColumns) === undefined) return undefined;
  const ages = patientsPath === undefined ? undefined : await readAges(patientsPath, files, onSkipped);
  const records = ages === undefined ? await readRecords(path, files) : [...ages.keys()];
  const source: RecordingSource = { load: (wanted, refused) => loadStays(path, wanted, files, ages, refused) };
  return records.map((record) => createRecording('icu', record, path, source));
}

/** True for the header of a patients CSV: one row a stay. */
export function isPatientsCsv(header: readonly string[]): boolean {
  return columns(header, ['record', 'age']) !== undefined && !header.includes('param') && !header.includes('hour');
}

/** Ages by record; undefined when the file cannot be read, which costs the ages and not the stays. */
async function readAges(
  path: string,
  files: RecordingFiles,
  onSkipped: OnSkipped,
): Promise<ReadonlyMap<string, number | undefined> | undefined> {
  const ages = new Map<string, number | undefined>();
  let at: Readonly<Record<'record' | 'age', number>> | undefined;
  try {
    for await (const line of files.lines(path)) {
      const cells = csvCells(line);
      if (at === undefined) at = columns(cells, ['record', 'age'])!;
      else if (cells[at.record] !== '' && cells[at.record] !== undefined) {
        const age = csvNumber(cells[at.age]);
        const isAge = age !== undefined && age >= 0 && age <= recordingLimits.maxAgeYears;
        ages.set(cells[at.record]!, isAge ? age : undefined);
      }
    }
  } catch (error) {
    onSkipped(path, `${reasonOf(error)}; stays are replayed without ages`);
    return undefined;
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
  refused: Refused,
): Promise<ReadonlyMap<string, Body>> {
  const stays = new Map(wanted.map((record) => [record, { rows: [] as IcuRow[], unreadable: 0 }]));
  const onUnreadable = (record: string) => {
    const stay = stays.get(record);
    if (stay !== undefined) stay.unreadable++;
  };
  for await (const { record, row } of icuRows(path, files, onUnreadable)) {
    const stay = stays.get(record);
    if (stay === undefined) continue;
    stay.rows.push(row);
    if (stay.rows.length <= recordingLimits.maxStayRows) continue;
    refused(record, new RecordingRefused(record, 'has too many rows for one stay'));
    stays.delete(record);
  }
  const bodies = new Map<string, Body>();
  for (const [record, { rows, unreadable }] of stays) {
    const body = icuBody(record, rows, ages?.get(record), unreadable);
    if (body.devices.length > 0) bodies.set(record, body);
    else {
      const why = ['nothing in it can be sent', ...(body.notes ?? [])].join('; ');
      refused(record, new RecordingRefused(record, why));
    }
  }
  return bodies;
}

/** Rows of a long-form file in file order; lines that are not readable are left out and told by their record. */
export async function* icuRows(
  path: string,
  files: RecordingFiles,
  onUnreadable: (record: string) => void = () => {},
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
    if (record === undefined) continue;
    const isRead = minute !== undefined && minute >= 0 && minute <= recordingLimits.maxMinute && value !== undefined;
    if (isRead) yield { record, row: { minute, param: cells[at.param] ?? '', value } };
    else onUnreadable(record);
  }
}

/**
 * A stay as a band (pulse, breathing, saturation, all as spot checks) and a hub. Values go out as charted, absurd ones
 * too, and nothing beside them: what FiO2, ventilation and a coma score mean for a score is for the reader to say.
 */
export function icuBody(
  record: string,
  rows: readonly IcuRow[],
  ageYears: number | undefined,
  unreadableRows = 0,
): Body {
  const ordered = rows.map((row, i) => ({ row, i })).sort((a, b) => a.row.minute - b.row.minute || a.i - b.i);
  const hub = createChart(bedsideHub.streams);
  const band = createChart(wristBand.streams.filter((stream) => stream.charted));
  const unknown = new Set<string>();
  const tooLarge = new Set<string>();
  for (const { row } of ordered) {
    const atMs = Math.round(row.minute * 60_000);
    const place = places.get(row.param);
    if (place === undefined) {
      unknown.add(row.param);
      continue;
    }
    const chart = place.device === 'hub' ? hub : band;
    if (!chart.add(atMs, place.code, row.value * (place.factor ?? 1))) tooLarge.add(row.param);
  }
  const endMs = Math.round((ordered.at(-1)?.row.minute ?? 0) * 60_000);
  return {
    name: `icu-${record}`,
    patient: `ICU ${record}`,
    record,
    devices: [
      createRecordedDevice(wristBand, { values: band.samples() }, endMs),
      createRecordedDevice(bedsideHub, { values: hub.samples() }, endMs),
    ].filter((device) => device.streams.length > 0),
    ...(ageYears === undefined ? {} : { ageYears }),
    notes: [
      ...listed('left out, no profile stream carries them', unknown),
      ...listed('left out, numbers too large to send', tooLarge),
      ...(unreadableRows > 0 ? [`left out ${unreadableRows} rows: minute or value cannot be read`] : []),
    ],
  };
}

function listed(what: string, names: ReadonlySet<string>): readonly string[] {
  const { maxNamed } = recordingLimits;
  const more = names.size > maxNamed ? ` and ${names.size - maxNamed} more` : '';
  return names.size === 0 ? [] : [`${what}: ${[...names].slice(0, maxNamed).join(', ')}${more}`];
}

/** Gathers charted values into one sample per stream and minute. */
function createChart(streams: readonly ProfileStream[]) {
  const samples: (ValuesSample & { readonly values: Map<number, number> })[] = [];
  const open = new Map<number, ValuesSample & { readonly values: Map<number, number> }>();
  return {
    /** False: no integer on the wire stands for the value. */
    add(atMs: number, code: number, value: number): boolean {
      const stream = streams.find((each) => each.items.some((item) => item.code === code))!;
      const index = stream.items.findIndex((item) => item.code === code);
      const integer = toInteger(stream.items[index]!.scale, value);
      if (!Number.isSafeInteger(integer)) return false;
      let sample = open.get(stream.id);
      // The same parameter twice in a minute: both are sent, in the order of the file.
      if (sample === undefined || sample.atMs !== atMs || sample.values.has(index)) {
        sample = { kind: 'values', stream: stream.id, atMs, values: new Map() };
        open.set(stream.id, sample);
        samples.push(sample);
      }
      sample.values.set(index, integer);
      return true;
    },
    samples: (): readonly ValuesSample[] => samples,
  };
}

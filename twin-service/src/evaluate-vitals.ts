import { codeEntry, codes } from '@pulseseal/firmware-profiles';
import type { AlertPriority, Reading, Screening } from '@pulseseal/protocol';
import { step } from './decide.ts';
import { twinFailure } from './failures.ts';
import { nextEndMs, nextRiseMs } from './rules/physiology.ts';
import type { Twin } from './state.ts';
import { newTwin } from './state.ts';
import { viewOf } from './vitals.ts';
import type { VitalsRow } from './vitals-csv.ts';

/** What screening may look at beside the reading itself. */
export interface VitalsScreenContext {
  /** All readings of the same record and minute, this one among them. */
  readonly companions: readonly Reading[];
  /** The last reading of the same code that was not invalid. */
  readonly previous: Reading | undefined;
}

/** The stream processor's screening: the live one is handed in. */
export type VitalsScreen = (reading: Reading, context: VitalsScreenContext) => Screening;

export type VitalsOutput =
  | {
      readonly kind: 'risk';
      readonly record: string;
      readonly hour: number;
      /** Null: under 16 no score is given. */
      readonly news2: { readonly total: number; readonly lower: number; readonly upper: number } | null;
    }
  | {
      readonly kind: 'alert';
      readonly record: string;
      readonly minute: number;
      readonly rule: string;
      readonly priority: AlertPriority;
      readonly reason: string;
    }
  | { readonly kind: 'done'; readonly record: string; readonly rows: number };

export type RowRefusal = 'param-unknown' | 'value-not-a-number' | 'minute-out-of-range';

const lastHour = 47;
const lastMinute = 60 * (lastHour + 1);
/** Ten readings a minute for 48 h. */
const maxRowsPerRecord = 30_000;

const paramCodes: Readonly<Record<string, number>> = {
  HR: codes.heartRate,
  RespRate: codes.respirationRate,
  SaO2: codes.spo2,
  Temp: codes.bodyTemperature,
  SysABP: codes.abpSystolic,
  DiasABP: codes.abpDiastolic,
  MAP: codes.abpMean,
  NISysABP: codes.nibpSystolic,
  NIDiasABP: codes.nibpDiastolic,
  NIMAP: codes.nibpMean,
  GCS: codes.glasgowComaScore,
  FiO2: codes.inspiredOxygen,
  MechVent: codes.mechanicalVentilation,
};

/** Recorded, but no input of any rule. They are data of the stay all the same. */
const unused: ReadonlySet<string> = new Set(['Glucose', 'Lactate']);

const decimal = /^-?\d+(?:\.\d+)?$/;

/** Exact decimal text times 100: a fraction as percent, without binary floats. */
export function timesHundred(text: string): string {
  const [whole = '0', fraction = ''] = text.split('.');
  const padded = fraction.padEnd(2, '0');
  const digits = `${whole}${padded.slice(0, 2)}`.replace(/^(-?)0+(?=\d)/, '$1');
  return padded.length > 2 ? `${digits}.${padded.slice(2)}` : digits;
}

export interface EvaluateVitalsPorts {
  readonly screen: VitalsScreen;
  readonly patients: ReadonlyMap<string, { readonly ageYears: number | null }>;
  readonly onRefused?: (reason: RowRefusal) => void;
}

/**
 * Streams recorded stays through the service's own decide/apply: per stay one risk row for each whole hour with any data
 * so far, and each alert when it is raised. Rows of a record must stand together; their minutes are sorted here.
 * Throws `vitals-record-split` and `vitals-record-too-long`. All values count as charted.
 */
export async function* evaluateVitals(
  batches: AsyncIterable<readonly VitalsRow[]>,
  ports: EvaluateVitalsPorts,
): AsyncGenerator<readonly VitalsOutput[]> {
  const finished = new Set<string>();
  let record: string | undefined;
  let rows: VitalsRow[] = [];
  const finish = () => {
    const output = record === undefined ? [] : evaluateStay(record, rows, ports);
    if (record !== undefined) finished.add(record);
    rows = [];
    return output;
  };
  for await (const batch of batches) {
    for (const row of batch) {
      if (row.record !== record) {
        const output = finish();
        if (output.length > 0) yield output;
        if (finished.has(row.record)) throw twinFailure('vitals-record-split', 'rows of one record stand apart');
        record = row.record;
      }
      if (rows.length >= maxRowsPerRecord) throw twinFailure('vitals-record-too-long');
      rows.push(row);
    }
  }
  const output = finish();
  if (output.length > 0) yield output;
}

/** One stay, whole. */
export function evaluateStay(
  record: string,
  rows: readonly VitalsRow[],
  { screen, patients, onRefused }: EvaluateVitalsPorts,
): VitalsOutput[] {
  const out: VitalsOutput[] = [];
  const stay = createStay(record, patients.get(record)?.ageYears ?? null, screen, out);
  const sorted = isSorted(rows) ? rows : rows.toSorted((a, b) => a.minute - b.minute);
  for (let at = 0; at < sorted.length; ) {
    const { minute } = sorted[at]!;
    if (minute < 0 || minute > lastMinute) {
      onRefused?.('minute-out-of-range');
      at++;
      continue;
    }
    const together: VitalsRow[] = [];
    for (; at < sorted.length && sorted[at]!.minute === minute; at++) {
      const refusal = refusalOf(sorted[at]!);
      if (refusal === undefined) together.push(sorted[at]!);
      else onRefused?.(refusal);
    }
    if (together.length > 0) stay.observe(minute, together);
  }
  stay.end();
  out.push({ kind: 'done', record, rows: rows.length });
  return out;
}

function isSorted(rows: readonly VitalsRow[]): boolean {
  for (let i = 1; i < rows.length; i++) if (rows[i]!.minute < rows[i - 1]!.minute) return false;
  return true;
}

function refusalOf(row: VitalsRow): RowRefusal | undefined {
  if (paramCodes[row.param] === undefined && !unused.has(row.param)) return 'param-unknown';
  return decimal.test(row.value) ? undefined : 'value-not-a-number';
}

function createStay(record: string, ageYears: number | null, screen: VitalsScreen, out: VitalsOutput[]) {
  let twin: Twin = newTwin({ patient: record, ageYears });
  let seq = 0;
  let hour: number | undefined;
  let tickedMs = 0;
  const previous = new Map<number, Reading>();

  const run = (command: Parameters<typeof step>[1]) => {
    const next = step(twin, command);
    twin = next.twin;
    for (const event of next.events) {
      if (event.kind !== 'raised' || event.alert.priority === 'technical') continue;
      const { rule, priority, reason, raisedAtMs } = event.alert;
      out.push({ kind: 'alert', record, minute: Math.floor(raisedAtMs / 60_000), rule, priority, reason });
    }
  };
  /** Ticks where something may fall due: the same outcome as a tick each second, in a thousandth of the time. */
  const advance = (untilMs: number) => {
    for (let due = nextDue(twin, tickedMs); due <= untilMs; due = nextDue(twin, tickedMs)) {
      tickedMs = due;
      run({ kind: 'tick', nowMs: due, wallMs: due, speed: 0, edge: null });
    }
  };
  const score = () => {
    const atMs = (hour! + 1) * 3_600_000;
    const { news2 } = viewOf(twin, atMs, 'scored');
    const shown = news2 === null ? null : { total: news2.total, lower: news2.lower, upper: news2.upper };
    out.push({ kind: 'risk', record, hour: hour!, news2: shown });
    hour = hour! + 1;
  };
  return {
    observe(minute: number, rows: readonly VitalsRow[]) {
      hour ??= Math.min(Math.floor(minute / 60), lastHour);
      while (hour < lastHour && minute >= 60 * (hour + 1)) score();
      const atMs = minute * 60_000;
      // What falls due at this very minute waits for what it says.
      advance(atMs - 1);
      const readings = screened(readingsOf(record, rows, atMs, seq), screen, previous);
      if (readings.length === 0) return;
      run({
        kind: 'observe',
        event: { kind: 'readings', patient: record, device: 'recording', eh: 'recording', seq: seq++, readings },
        nowMs: atMs,
        wallMs: atMs,
        speed: 0,
      });
    },
    end() {
      if (hour === undefined) return;
      advance(lastMinute * 60_000);
      while (hour <= lastHour) score();
    },
  };
}

/** The next time after `afterMs` at which a held condition rises or a shown end clears. */
function nextDue(twin: Twin, afterMs: number): number {
  const riseMs = nextRiseMs(twin);
  return Math.min(riseMs > afterMs ? riseMs : Number.POSITIVE_INFINITY, nextEndMs(twin, afterMs));
}

function readingsOf(record: string, rows: readonly VitalsRow[], atMs: number, seq: number): Reading[] {
  const readings: Reading[] = [];
  for (const { param, value } of rows) {
    const code = paramCodes[param];
    if (code === undefined) continue;
    const text = param === 'FiO2' ? timesHundred(value) : value;
    readings.push({
      id: `recording.recording.${seq}.${readings.length}`,
      patient: record,
      device: 'recording',
      code,
      text,
      value: Number(text),
      unit: codeEntry(code)!.ucum,
      atMs,
      arrivedMs: atMs,
      // A recording has no device signature to wait for: its values are taken as evidence.
      grade: 'sealed',
      charted: true,
      screening: { verdict: 'accepted' },
      history: false,
      clockUntrusted: false,
    });
  }
  return readings;
}

function screened(readings: readonly Reading[], screen: VitalsScreen, previous: Map<number, Reading>): Reading[] {
  const kept: Reading[] = [];
  for (const reading of readings) {
    const screening = screen(reading, { companions: readings, previous: previous.get(reading.code) });
    if (screening.verdict === 'invalid') continue;
    const one = screening.verdict === 'accepted' ? reading : { ...reading, screening };
    previous.set(reading.code, one);
    kept.push(one);
  }
  return kept;
}

export const riskCsvHeader = 'record,hour,risk,news2,news2_lower,news2_upper';
export const alertsCsvHeader = 'record,minute,rule,priority';

/** A line of risk.csv (risk stays empty until there are models) or alerts.csv. */
export function vitalsCsvLine(output: Exclude<VitalsOutput, { kind: 'done' }>): string {
  if (output.kind === 'alert') return `${output.record},${output.minute},${output.rule},${output.priority}`;
  const { news2 } = output;
  const score = news2 === null ? ',,' : `${news2.total},${news2.lower},${news2.upper}`;
  return `${output.record},${output.hour},,${score}`;
}

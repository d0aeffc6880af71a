import { twinFailure } from './failures.ts';

/** One line of a recorded stay, long form. */
export interface VitalsRow {
  readonly record: string;
  /** Minutes since the stay began. */
  readonly minute: number;
  readonly param: string;
  /** Decimal text as recorded. */
  readonly value: string;
}

const header = 'record,minute,param,value';
/** A line holds two names and two numbers. */
const maxLineChars = 256;
const maxRecordChars = 64;

/**
 * Rows out of CSV text in chunks of any size, in batches. The header must be `record,minute,param,value`.
 * A line that is none is counted by `onRefused` and passed; a wrong header throws `vitals-header`.
 */
export async function* parseVitalsCsv(
  chunks: AsyncIterable<string>,
  onRefused: (reason: 'not-a-row') => void = () => {},
): AsyncGenerator<readonly VitalsRow[]> {
  let rest = '';
  let isFirst = true;
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    if (rest.length > maxLineChars) throw twinFailure('vitals-header', 'a line is longer than any row');
    const rows: VitalsRow[] = [];
    for (const line of lines) {
      if (isFirst) {
        isFirst = false;
        if (line.replace(/^\uFEFF/, '').trim() !== header) throw twinFailure('vitals-header');
      } else addRow(rows, line, onRefused);
    }
    if (rows.length > 0) yield rows;
  }
  const rows: VitalsRow[] = [];
  if (isFirst && rest.trim() !== header) throw twinFailure('vitals-header');
  if (!isFirst) addRow(rows, rest, onRefused);
  if (rows.length > 0) yield rows;
}

function addRow(rows: VitalsRow[], line: string, onRefused: (reason: 'not-a-row') => void): void {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  if (text === '') return;
  const cells = text.split(',');
  const minute = Number(cells[1]);
  const isRow =
    cells.length === 4 &&
    cells[0] !== '' &&
    cells[0]!.length <= maxRecordChars &&
    cells[1] !== '' &&
    Number.isInteger(minute);
  if (isRow) rows.push({ record: cells[0]!, minute, param: cells[2]!, value: cells[3]! });
  else onRefused('not-a-row');
}

/** Ages by record out of a patients table with the columns `record` and `age`; an empty or odd age is not stated. */
export function parsePatientsCsv(text: string): ReadonlyMap<string, { readonly ageYears: number | null }> {
  const [first = '', ...lines] = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const names = first.split(',').map((name) => name.trim());
  const recordAt = names.indexOf('record');
  const ageAt = names.indexOf('age');
  if (recordAt < 0 || ageAt < 0) throw twinFailure('patients-header');
  const patients = new Map<string, { readonly ageYears: number | null }>();
  for (const line of lines) {
    const cells = line.split(',');
    const record = cells[recordAt];
    if (record === undefined || record === '') continue;
    const age = Number(cells[ageAt] || Number.NaN);
    patients.set(record, { ageYears: age >= 0 ? age : null });
  }
  return patients;
}

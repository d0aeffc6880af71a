import { basename } from 'node:path';
import type { Body } from '../bodies/body.ts';
import { csvCells, csvNumber } from './csv.ts';
import { RecordingRefused } from './failures.ts';
import { recordingLimits } from './limits.ts';
import type { RecordingFiles } from './ports.ts';
import type { Recording } from './recording.ts';
import { createRecording } from './recording.ts';
import type { RecordedSignal } from './waveform-body.ts';
import { isCarried, waveformBody } from './waveform-body.ts';

/** A CSV with a time column in seconds ("Time [s]") and one column for each signal, one row a sample. */
export function findWaveformCsv(path: string, header: readonly string[], files: RecordingFiles): Recording | undefined {
  const time = header.findIndex((name) => /^time( ?\[s\]| ?\(s\))$/i.test(name));
  if (time < 0 || !header.some(isCarried)) return undefined;
  const record = basename(path).replace(/(\.csv)?(\.gz)?$/i, '');
  return createRecording('waveform-csv', record, path, {
    load: async () => new Map([[record, await loadWaveformCsv(record, path, time, files)]]),
  });
}

async function loadWaveformCsv(record: string, path: string, time: number, files: RecordingFiles): Promise<Body> {
  let names: readonly string[] | undefined;
  let wanted: readonly number[] = [];
  let values: number[][] = [];
  const timesS: number[] = [];
  for await (const line of files.lines(path)) {
    const cells = csvCells(line);
    if (names === undefined) {
      names = cells;
      wanted = cells.flatMap((name, i) => (isCarried(name) || /^RESP$/i.test(name) ? [i] : []));
      values = wanted.map(() => []);
      continue;
    }
    const atS = csvNumber(cells[time]);
    if (atS === undefined) continue;
    if ((timesS.length + 1) * wanted.length > recordingLimits.maxSamples)
      throw new RecordingRefused(record, `more than ${recordingLimits.maxSamples} samples`);
    timesS.push(atS);
    wanted.forEach((column, i) => {
      values[i]!.push(csvNumber(cells[column]) ?? Number.NaN);
    });
  }
  const rateHz = steadyRate(record, timesS);
  const signals = wanted.map((column, i): RecordedSignal => {
    const samples = Float64Array.from(values[i]!);
    const name = names![column]!;
    // The form has no units: the monitors that write it give ECG in mV and pleth without a unit.
    const units = /^(RESP|PLETH|PPG)/i.test(name) ? 'NU' : 'mV';
    return { name, units, rateHz, length: samples.length, at: (index) => samples[index]! };
  });
  return waveformBody(record, signals, ['units are not in the file; ECG is taken as mV']);
}

/** Rows per second; a file whose rows are not evenly spaced is refused rather than bent. */
function steadyRate(record: string, timesS: readonly number[]): number {
  const spanS = (timesS.at(-1) ?? 0) - (timesS[0] ?? 0);
  const rateHz = Math.round(((timesS.length - 1) / spanS) * 100) / 100;
  if (!(timesS.length > 1 && rateHz > 0)) throw new RecordingRefused(record, 'has no rows with times');
  const uneven = timesS.some((atS, i) => Math.abs(atS - timesS[0]! - i / rateHz) > 1 / rateHz);
  if (uneven) throw new RecordingRefused(record, 'its rows are not evenly spaced in time');
  return rateHz;
}

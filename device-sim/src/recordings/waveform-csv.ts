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
  let [timeless, unreadable] = [0, 0];
  for await (const line of files.lines(path)) {
    if (line.trim() === '') continue;
    const cells = csvCells(line);
    if (names === undefined) {
      names = cells;
      wanted = cells.flatMap((name, i) => (isCarried(name) || /^RESP$/i.test(name) ? [i] : []));
      values = wanted.map(() => []);
      continue;
    }
    const atS = csvNumber(cells[time]);
    if (atS === undefined) {
      timeless++;
      continue;
    }
    if ((timesS.length + 1) * wanted.length > recordingLimits.maxCsvSamples)
      throw new RecordingRefused(record, `has more than ${recordingLimits.maxCsvSamples} samples; cut it in parts`);
    timesS.push(atS);
    wanted.forEach((column, i) => {
      const value = csvNumber(cells[column]);
      if (value === undefined && !/^(nan|-)?$/i.test(cells[column] ?? '')) unreadable++;
      values[i]!.push(value ?? Number.NaN);
    });
  }
  const rateHz = steadyRate(record, timesS);
  const notes = [
    timeless > 0 ? `left out ${timeless} rows without a time` : '',
    unreadable > 0 ? `left out ${unreadable} cells that hold no number` : '',
    'units are not in the file; ECG is taken as mV',
  ];
  const signals = wanted.map((column, i): RecordedSignal => {
    const samples = Float64Array.from(values[i]!);
    const name = names![column]!;
    // The form has no units: the monitors that write it give ECG in mV and pleth without a unit.
    const units = /^(RESP|PLETH|PPG)/i.test(name) ? 'NU' : 'mV';
    return { name, units, rateHz, length: samples.length, at: (index) => samples[index]! };
  });
  return waveformBody(record, signals, notes);
}

/** Rows per second; a file whose rows are not evenly spaced is refused rather than bent. */
function steadyRate(record: string, timesS: readonly number[]): number {
  const refused = (reason: string) => new RecordingRefused(record, reason);
  if (timesS.length < 2) throw refused('has fewer than two rows with times');
  const [firstS, lastS] = [timesS[0]!, timesS.at(-1)!];
  const backS = timesS.find((atS, i) => i > 0 && atS < timesS[i - 1]!);
  if (backS !== undefined) throw refused(`its times go back to ${backS} s`);
  if (firstS === lastS) throw refused('its times stand still');
  const exactHz = (timesS.length - 1) / (lastS - firstS);
  const isEven = (hz: number) => timesS.every((atS, i) => Math.abs(atS - firstS - i / hz) <= 1 / hz);
  // Times are written rounded, so that rows may share one: the round rate is meant, unless a long file shows that it is not.
  const rateHz = [Math.round(exactHz * 100) / 100, exactHz].find(isEven);
  if (rateHz === undefined) throw refused('its rows are not evenly spaced in time');
  return rateHz;
}

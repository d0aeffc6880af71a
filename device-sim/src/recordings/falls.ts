import { codes, wristBand } from '@pulseseal/firmware-profiles';
import type { Body, Mark } from '../bodies/body.ts';
import { columns, csvCells, csvNumber } from './csv.ts';
import { RecordingRefused } from './failures.ts';
import { recordingLimits } from './limits.ts';
import type { RecordingFiles } from './ports.ts';
import type { Channel } from './recorded-device.ts';
import { createRecordedDevice } from './recorded-device.ts';
import type { Recording, RecordingSource, Refused } from './recording.ts';
import { createRecording } from './recording.ts';

const sampleColumns = ['trial', 'position', 'sensor', 't_ms', 'x', 'y', 'z'] as const;
const trialColumns = ['trial', 'subject', 'label', 'activity'] as const;
/** Standard gravity; the form gives acceleration in g. */
const gravity = 9.80665;
/** Quiet time between two trials of a subject. */
const pauseMs = 5000;
/** A longer hole between two readings is a hole, not something to draw a line across. */
const bridgeMs = 500;

interface Trial {
  readonly trial: string;
  readonly subject: string;
  readonly label: string;
  readonly activity: string;
}

interface Reading {
  readonly atMs: number;
  readonly axes: readonly [number, number, number];
}

/** Subjects of a fall data set, found by the header of its samples; the trials CSV beside it names them. */
export async function findFalls(
  path: string,
  header: readonly string[],
  files: RecordingFiles,
  trialsPath: string | undefined,
): Promise<readonly Recording[] | undefined> {
  if (columns(header, sampleColumns) === undefined) return undefined;
  if (trialsPath === undefined)
    throw new RecordingRefused(path, 'has no CSV with trial,subject,label,activity beside it');
  const trials = await readTrials(trialsPath, files);
  const subjects = [...new Set(trials.map((trial) => trial.subject))];
  const source: RecordingSource = {
    load: (wanted, refused) => loadSubjects(path, wanted, trials, files, refused),
  };
  return subjects.map((subject) => createRecording('falls', `fall-subject-${subject}`, path, source));
}

/** True for the header of a trials CSV. */
export function isTrialsCsv(header: readonly string[]): boolean {
  return columns(header, trialColumns) !== undefined;
}

async function readTrials(path: string, files: RecordingFiles): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  let at: Readonly<Record<(typeof trialColumns)[number], number>> | undefined;
  for await (const line of files.lines(path)) {
    const cells = csvCells(line);
    if (at === undefined) {
      at = columns(cells, trialColumns)!;
      continue;
    }
    const [trial, subject, label, activity] = [cells[at.trial], cells[at.subject], cells[at.label], cells[at.activity]];
    if (!trial || !subject || label === undefined || activity === undefined) continue;
    if (trials.length >= recordingLimits.maxTrials) throw new RecordingRefused(path, 'has too many trials');
    trials.push({ trial, subject, label, activity });
  }
  return trials;
}

async function loadSubjects(
  path: string,
  wanted: readonly string[],
  trials: readonly Trial[],
  files: RecordingFiles,
  refused: Refused,
): Promise<ReadonlyMap<string, Body>> {
  const ids = new Set(wanted);
  const chosen = trials.filter((trial) => ids.has(`fall-subject-${trial.subject}`));
  const readings = new Map<string, Reading[]>(chosen.map((trial) => [trial.trial, []]));
  let at: Readonly<Record<(typeof sampleColumns)[number], number>> | undefined;
  const unreadable = new Map<string, number>();
  let kept = 0;
  for await (const line of files.lines(path)) {
    if (at === undefined) {
      at = columns(csvCells(line), sampleColumns)!;
      continue;
    }
    const cells = line.split(',');
    if (cells[at.position] !== 'wrist' || cells[at.sensor] !== 'acc') continue;
    const list = readings.get(cells[at.trial] ?? '');
    const numbers = [cells[at.t_ms], cells[at.x], cells[at.y], cells[at.z]].map(csvNumber);
    const [atMs, x, y, z] = numbers;
    if (list === undefined) continue;
    if (atMs === undefined || !isGravity(x) || !isGravity(y) || !isGravity(z)) {
      unreadable.set(cells[at.trial]!, (unreadable.get(cells[at.trial]!) ?? 0) + 1);
      continue;
    }
    if (++kept > recordingLimits.maxMoves) throw new RecordingRefused(path, 'has too many readings');
    list.push({ atMs, axes: [x * gravity, y * gravity, z * gravity] });
  }
  const bodies = new Map<string, Body>();
  for (const record of wanted) {
    const own = chosen.filter((trial) => `fall-subject-${trial.subject}` === record);
    const left = own.reduce((sum, { trial }) => sum + (unreadable.get(trial) ?? 0), 0);
    try {
      bodies.set(record, fallBody(record, own, readings, left));
    } catch (error) {
      refused(record, error);
    }
  }
  return bodies;
}

const isGravity = (g: number | undefined): g is number => g !== undefined && Math.abs(g) <= recordingLimits.maxGravity;

/** One subject: the trials one after another on a wrist band, a pause between them. */
function fallBody(
  record: string,
  trials: readonly Trial[],
  readings: ReadonlyMap<string, readonly Reading[]>,
  unreadableRows: number,
): Body {
  const marks: Mark[] = [];
  const all: Reading[] = [];
  let fromMs = 0;
  for (const { trial, label, activity } of trials) {
    const list = [...(readings.get(trial) ?? [])].sort((a, b) => a.atMs - b.atMs);
    const last = list.at(-1);
    if (last === undefined) continue;
    const zeroMs = list[0]!.atMs;
    for (const reading of list) all.push({ atMs: fromMs + reading.atMs - zeroMs, axes: reading.axes });
    const toMs = fromMs + last.atMs - zeroMs;
    marks.push({ fromMs, toMs, label: `${label}: ${activity}` });
    fromMs = toMs + pauseMs;
  }
  if (marks.length === 0) throw new RecordingRefused(record, 'has no reading of the wrist acceleration');
  if (fromMs > recordingLimits.maxFallMs)
    throw new RecordingRefused(record, `its trials last longer than ${recordingLimits.maxFallMs} ms`);
  const endMs = Math.ceil(marks.at(-1)?.toMs ?? 0);
  const stream = wristBand.streams.find((each) => each.items.some((item) => item.code === codes.accelerationX))!;
  const rateHz = stream.items[0]!.rateMilliHz / 1000;
  const channels = ([0, 1, 2] as const).map((axis) => onGrid(all, axis, rateHz, endMs));
  return {
    name: `record-${record}`,
    patient: `Fall subject ${record.replace('fall-subject-', '')}`,
    record,
    devices: [createRecordedDevice(wristBand, { waveforms: [{ stream: stream.id, channels }] }, endMs)],
    marks,
    notes: [
      'left out, no profile stream carries them: wrist gyroscope, waist acceleration',
      ...(unreadableRows > 0 ? [`left out ${unreadableRows} rows: time or acceleration cannot be read`] : []),
    ],
  };
}

/** Uneven readings on an even grid by straight lines; NaN in holes. */
function onGrid(readings: readonly Reading[], axis: 0 | 1 | 2, rateHz: number, endMs: number): Channel {
  const length = readings.length === 0 ? 0 : Math.floor((endMs * rateHz) / 1000) + 1;
  const grid = new Float64Array(length).fill(Number.NaN);
  let next = 0;
  for (let n = 0; n < length; n++) {
    const tMs = (n * 1000) / rateHz;
    while (next < readings.length && readings[next]!.atMs < tMs) next++;
    const after = readings[next];
    const before = readings[next - 1];
    if (after !== undefined && after.atMs === tMs) grid[n] = after.axes[axis];
    else if (after !== undefined && before !== undefined && after.atMs - before.atMs <= bridgeMs) {
      const share = (tMs - before.atMs) / (after.atMs - before.atMs);
      grid[n] = before.axes[axis] + share * (after.axes[axis] - before.axes[axis]);
    }
  }
  return { length, at: (index) => grid[index]! };
}

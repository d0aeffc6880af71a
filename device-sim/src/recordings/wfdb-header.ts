import { RecordingRefused } from './failures.ts';
import { recordingLimits } from './limits.ts';

/** One signal line of a header (PhysioNet, "header(5)"). */
export interface WfdbSignal {
  readonly file: string;
  readonly format: number;
  readonly samplesPerFrame: number;
  /** Frames by which this signal's samples come late in the file. */
  readonly skewFrames: number;
  readonly byteOffset: number;
  /** ADC units per physical unit; NaN when what stands there is none. */
  readonly gain: number;
  readonly baseline: number;
  readonly units: string;
  readonly adcZero: number;
  readonly initialValue: number | undefined;
  /** 16-bit signed sum of all samples. */
  readonly checksum: number | undefined;
  readonly description: string;
}

export interface WfdbHeader {
  readonly record: string;
  readonly framesPerSecond: number;
  /** 0 = not said: as many as the file holds. */
  readonly frameCount: number;
  readonly signals: readonly WfdbSignal[];
  readonly comments: readonly string[];
}

/** True for text whose first line that is no comment looks like a record line. */
export function looksLikeHeader(text: string): boolean {
  const line = contentLines(text)[0];
  return line !== undefined && /^[\w/-]+\s+\d+(\s+[\d.]+|$)/.test(line);
}

/** Reads a header. Multi-segment records and signals of more than 16 bits are refused by name. */
export function parseWfdbHeader(text: string, name: string): WfdbHeader {
  const [recordLine, ...rest] = contentLines(text);
  const [record, count, rate, frames] = (recordLine ?? '').split(/\s+/);
  if (record === undefined || count === undefined || !/^\d+$/.test(count))
    throw new RecordingRefused(name, 'the record line of its header is not readable');
  if (record.includes('/')) throw new RecordingRefused(name, 'multi-segment records are not read; give its segments');
  const signalCount = Number(count);
  if (signalCount > recordingLimits.maxSignals || rest.length < signalCount)
    throw new RecordingRefused(name, `its header must describe 1 to ${recordingLimits.maxSignals} signals`);
  const framesPerSecond = rate === undefined ? 250 : Number.parseFloat(rate);
  if (!(framesPerSecond > 0 && framesPerSecond <= 100_000))
    throw new RecordingRefused(name, 'its sampling frequency is not readable');
  const signals = rest.slice(0, signalCount).map((line) => parseSignal(line, name));
  if (signals.some(({ samplesPerFrame }) => framesPerSecond * samplesPerFrame > recordingLimits.maxRateHz))
    throw new RecordingRefused(name, `a signal is sampled more often than ${recordingLimits.maxRateHz} Hz`);
  return {
    record,
    framesPerSecond,
    frameCount: frames === undefined ? 0 : Math.max(0, Number.parseInt(frames, 10) || 0),
    signals,
    comments: text
      .split(/\r?\n/)
      .filter((line) => line.startsWith('#'))
      .map((line) => line.slice(1).trim()),
  };
}

function contentLines(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function parseSignal(line: string, name: string): WfdbSignal {
  const [file, format, gain, , adcZero, initial, checksum, , ...description] = line.split(/\s+/);
  const form = /^(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?$/.exec(format ?? '');
  if (file === undefined || form === null)
    throw new RecordingRefused(name, `signal line not readable: ${line.slice(0, 80)}`);
  const scale = /^([-+\d.eE]+)(?:\((-?\d+)\))?(?:\/(\S+))?$/.exec(gain ?? '200');
  const zero = integer(adcZero) ?? 0;
  const { minGain, maxGain } = recordingLimits;
  const stated = Number(scale?.[1]);
  const isUsable = Math.abs(stated) >= minGain && Math.abs(stated) <= maxGain;
  return {
    file,
    format: Number(form[1]),
    samplesPerFrame: Math.max(1, Number(form[2] ?? 1)),
    skewFrames: Number(form[3] ?? 0),
    byteOffset: Number(form[4] ?? 0),
    // Gain 0 or absent means not calibrated; 200 per mV is the format's default.
    gain: stated === 0 ? 200 : isUsable ? stated : Number.NaN,
    baseline: integer(scale?.[2]) ?? zero,
    units: scale?.[3] ?? 'mV',
    adcZero: zero,
    initialValue: integer(initial),
    checksum: integer(checksum),
    description: description.join(' ').trim(),
  };
}

function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

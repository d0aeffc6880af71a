import { RecordingRefused } from './failures.ts';
import { recordingLimits } from './limits.ts';
import type { WfdbHeader, WfdbSignal } from './wfdb-header.ts';

/** ADC samples of one signal at its own rate; `missing` marks what was not measured. */
export interface DigitalSignal {
  readonly signal: WfdbSignal;
  readonly samples: Int16Array;
  readonly rateHz: number;
}

/** No sample, whatever the format's own mark was. */
export const missing = -32_768;

/**
 * Decodes the signals of a record from its files (PhysioNet, "signal(5)"): format 16 (two bytes, little-endian, also in
 * MAT v4 containers by byte offset) and 212 (two 12-bit samples in three bytes). Samples stand frame by frame in the
 * order of the header; skew is taken out.
 */
export function decodeSignals(header: WfdbHeader, files: ReadonlyMap<string, Uint8Array>): readonly DigitalSignal[] {
  const groups = new Map<string, WfdbSignal[]>();
  for (const signal of header.signals) {
    const group = groups.get(signal.file) ?? [];
    group.push(signal);
    groups.set(signal.file, group);
  }
  return [...groups].flatMap(([file, signals]) => {
    const bytes = files.get(file);
    if (bytes === undefined) throw new RecordingRefused(header.record, `its signal file ${file} is absent`);
    return decodeGroup(header, signals, bytes);
  });
}

function decodeGroup(header: WfdbHeader, signals: readonly WfdbSignal[], bytes: Uint8Array): readonly DigitalSignal[] {
  const { format, byteOffset } = signals[0]!;
  if (signals.some((signal) => signal.format !== format))
    throw new RecordingRefused(header.record, 'signals of one file must share a format');
  if (format !== 16 && format !== 212)
    throw new RecordingRefused(header.record, `signal format ${format} is not read; convert to 16 or 212`);
  const body = bytes.subarray(Math.max(byteOffset, 0));
  const frameSize = signals.reduce((sum, signal) => sum + signal.samplesPerFrame, 0);
  const held = format === 16 ? Math.floor(body.length / 2) : Math.floor((body.length * 2) / 3);
  const heldFrames = Math.floor(held / frameSize);
  const frames = header.frameCount === 0 ? heldFrames : header.frameCount;
  if (frames > heldFrames)
    throw new RecordingRefused(header.record, `its file holds ${heldFrames} of ${frames} frames; it may be cut`);
  if (frames * frameSize > recordingLimits.maxSamples)
    throw new RecordingRefused(header.record, `more than ${recordingLimits.maxSamples} samples`);
  const sampleAt = format === 16 ? reader16(body) : reader212(body);

  let offset = 0;
  return signals.map((signal) => {
    const { samplesPerFrame: per, skewFrames } = signal;
    const samples = new Int16Array(frames * per).fill(missing);
    // With skew, frame f of the file belongs to time f - skew; what would lie before the start is not a reading.
    for (let frame = skewFrames; frame < frames; frame++) {
      for (let i = 0; i < per; i++) samples[(frame - skewFrames) * per + i] = sampleAt(frame * frameSize + offset + i);
    }
    offset += per;
    return { signal, samples, rateHz: header.framesPerSecond * per };
  });
}

function reader16(bytes: Uint8Array): (index: number) => number {
  return (index) => ((bytes[2 * index]! | (bytes[2 * index + 1]! << 8)) << 16) >> 16;
}

function reader212(bytes: Uint8Array): (index: number) => number {
  return (index) => {
    const at = (index >> 1) * 3;
    const raw =
      (index & 1) === 0 ? bytes[at]! | ((bytes[at + 1]! & 0x0f) << 8) : bytes[at + 2]! | ((bytes[at + 1]! & 0xf0) << 4);
    const value = (raw << 20) >> 20;
    return value === -2048 ? missing : value;
  };
}

/** Sum of all samples in 16 bits, as the header's checksum counts them (missing ones with their own value). */
export function checksum({ samples, signal }: DigitalSignal): number {
  let sum = 0;
  const mark = signal.format === 212 ? -2048 : missing;
  for (const sample of samples) sum = (sum + (sample === missing ? mark : sample)) & 0xffff;
  return (sum << 16) >> 16;
}

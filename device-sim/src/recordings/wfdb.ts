import { basename, dirname, join } from 'node:path';
import { RecordingRefused, reasonOf } from './failures.ts';
import { recordingLimits } from './limits.ts';
import { matDataOffset } from './mat4.ts';
import type { RecordingFiles } from './ports.ts';
import type { Recording } from './recording.ts';
import { createRecording } from './recording.ts';
import type { RecordedSignal } from './waveform-body.ts';
import { isCarried, waveformBody } from './waveform-body.ts';
import type { WfdbHeader } from './wfdb-header.ts';
import { looksLikeHeader, parseWfdbHeader } from './wfdb-header.ts';
import type { DigitalSignal } from './wfdb-signals.ts';
import { decodeSignals, missing } from './wfdb-signals.ts';

/** A WFDB record by its header. @throws Error saying why it cannot be read */
export async function findWfdb(path: string, files: RecordingFiles): Promise<Recording> {
  const bytes = await files.read(path, recordingLimits.maxHeaderBytes);
  // Some editors write a byte order mark before the text.
  const text = new TextDecoder('latin1').decode(bytes).replace(/^\u00ef\u00bb\u00bf/, '');
  if (!looksLikeHeader(text)) throw new RangeError('does not begin like a WFDB header');
  const header = parseWfdbHeader(text, path);
  if (!header.signals.some((signal) => isCarried(signal.description)))
    throw new RecordingRefused(header.record, 'has no ECG or pleth signal');
  return createRecording('wfdb', header.record, path, {
    load: async () => new Map([[header.record, await loadWfdb(path, header, files)]]),
  });
}

async function loadWfdb(path: string, header: WfdbHeader, files: RecordingFiles) {
  const signals = await readSignals(path, header, files);
  const notes = header.signals
    .filter((signal) => Number.isNaN(signal.gain))
    .map(({ description }) => `the gain of ${description} is not readable or beyond any ADC`);
  return waveformBody(header.record, signals.map(physical), [...notes, ...header.comments]);
}

/** ADC samples of every signal of a record. */
export async function readSignals(
  path: string,
  header: WfdbHeader,
  files: RecordingFiles,
): Promise<readonly DigitalSignal[]> {
  const contents = new Map<string, Uint8Array>();
  for (const { file, byteOffset } of header.signals) {
    if (contents.has(file)) continue;
    if (/[/\\]/.test(file) || file === '~')
      throw new RecordingRefused(header.record, 'its signal files must lie beside the header');
    const bytes = await readSignalFile(join(dirname(path), file), files, header.record);
    const signalCount = header.signals.filter((signal) => signal.file === file).length;
    if (file.endsWith('.mat') && matDataOffset(bytes, header.record, signalCount) !== byteOffset)
      throw new RecordingRefused(header.record, 'its header and its MAT file differ on where the samples begin');
    contents.set(file, bytes);
  }
  return decodeSignals(header, contents);
}

async function readSignalFile(path: string, files: RecordingFiles, record: string): Promise<Uint8Array> {
  try {
    return await files.read(path, recordingLimits.maxFileBytes);
  } catch (error) {
    throw new RecordingRefused(record, `its signal file ${basename(path)} ${reasonOf(error)}`);
  }
}

/** A decoded signal in physical units: (sample - baseline) / gain. */
export function physical({ signal, samples, rateHz }: DigitalSignal): RecordedSignal {
  return {
    name: signal.description,
    units: signal.units,
    rateHz,
    length: samples.length,
    at(index) {
      const sample = samples[index]!;
      return sample === missing ? Number.NaN : (sample - signal.baseline) / signal.gain;
    },
  };
}

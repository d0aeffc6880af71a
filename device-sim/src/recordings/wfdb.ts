import { dirname, join } from 'node:path';
import { RecordingRefused } from './failures.ts';
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

/** A WFDB record by its header, undefined when the file is no header; throws `RecordingRefused` for one not readable. */
export async function findWfdb(path: string, files: RecordingFiles): Promise<Recording | undefined> {
  if (!path.endsWith('.hea')) return undefined;
  const text = new TextDecoder('latin1').decode(await files.read(path, recordingLimits.maxHeaderBytes));
  if (!looksLikeHeader(text)) return undefined;
  const header = parseWfdbHeader(text, path);
  if (!header.signals.some((signal) => isCarried(signal.description)))
    throw new RecordingRefused(header.record, 'has no ECG or pleth signal');
  return createRecording('wfdb', header.record, path, {
    load: async () => new Map([[header.record, await loadWfdb(path, header, files)]]),
  });
}

async function loadWfdb(path: string, header: WfdbHeader, files: RecordingFiles) {
  const signals = await readSignals(path, header, files);
  return waveformBody(header.record, signals.map(physical), header.comments);
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
    const bytes = await files.read(join(dirname(path), file), recordingLimits.maxFileBytes);
    const signalCount = header.signals.filter((signal) => signal.file === file).length;
    if (file.endsWith('.mat') && matDataOffset(bytes, header.record, signalCount) !== byteOffset)
      throw new RecordingRefused(header.record, 'its header and its MAT file differ on where the samples begin');
    contents.set(file, bytes);
  }
  return decodeSignals(header, contents);
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

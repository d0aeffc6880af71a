import { createSeededRandom } from '@pulseseal/runtime';
import { shuffle } from '../bodies/person.ts';
import type { Recording, RecordingKind } from './recording.ts';

/**
 * What a replay shows: every waveform recording, and `patients` ICU stays and as many fall subjects (default 20 of
 * each, or all there are), drawn by the seed.
 */
export function chooseRecordings(
  all: readonly Recording[],
  options: { readonly patients?: number; readonly seed: number },
): readonly Recording[] {
  const { patients = 20, seed } = options;
  const draw = (kind: RecordingKind): readonly Recording[] => {
    const list = all.filter((recording) => recording.kind === kind);
    // Sorted first, so that the draw does not hang on the order of a folder.
    list.sort((a, b) => (a.record < b.record ? -1 : 1));
    shuffle(list, createSeededRandom(seed).fork(`choose ${kind}`));
    return list.slice(0, Math.max(0, patients)).sort((a, b) => (a.record < b.record ? -1 : 1));
  };
  const waveforms = all.filter((recording) => recording.kind === 'wfdb' || recording.kind === 'waveform-csv');
  return [...waveforms, ...draw('icu'), ...draw('falls')];
}

import type { Body } from '../bodies/body.ts';
import { RecordingRefused, reasonOf } from './failures.ts';

export type RecordingKind = 'wfdb' | 'icu' | 'waveform-csv' | 'falls';

/** Told of a file that looks like a recording and cannot be read, with the reason. */
export type OnSkipped = (path: string, reason: string) => void;

/** A recording found on disk, not yet read. */
export interface Recording {
  readonly kind: RecordingKind;
  readonly record: string;
  /** File that it was found by. */
  readonly path: string;
  readonly source: RecordingSource;
  load(): Promise<Body>;
}

/** Told of a recording that cannot be read. */
export type Refused = (record: string, error: unknown) => void;

/** Reads several recordings of one file in one pass: what it cannot read is told to `refused` and not in the answer. */
export interface RecordingSource {
  load(records: readonly string[], refused: Refused): Promise<ReadonlyMap<string, Body>>;
}

/** A recording whose source knows how to read it. */
export function createRecording(kind: RecordingKind, record: string, path: string, source: RecordingSource): Recording {
  return {
    kind,
    record,
    path,
    source,
    async load() {
      let why: unknown = new RecordingRefused(record, 'is no longer in its file');
      const bodies = await source.load([record], (_, error) => {
        why = error;
      });
      const body = bodies.get(record);
      if (body === undefined) throw why;
      return body;
    },
  };
}

/** Loads many at once, each file read once; order as given. `onSkipped` is told of each that cannot be read. */
export async function loadBodies(
  recordings: readonly Recording[],
  onSkipped: OnSkipped = () => {},
): Promise<readonly Body[]> {
  const bySource = Map.groupBy(recordings, ({ source }) => source);
  const loaded = new Map<RecordingSource, ReadonlyMap<string, Body>>();
  for (const [source, [first, ...others]] of bySource) {
    const { path } = first!;
    const records = [first!, ...others].map(({ record }) => record);
    try {
      loaded.set(source, await source.load(records, (_, error) => onSkipped(path, reasonOf(error))));
    } catch (error) {
      onSkipped(path, reasonOf(error));
    }
  }
  return recordings.flatMap(({ source, record }) => loaded.get(source)?.get(record) ?? []);
}

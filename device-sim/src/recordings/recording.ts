import type { Body } from '../bodies/body.ts';

export type RecordingKind = 'wfdb' | 'icu' | 'waveform-csv' | 'falls';

/** A recording found on disk, not yet read. */
export interface Recording {
  readonly kind: RecordingKind;
  readonly record: string;
  /** File that it was found by. */
  readonly path: string;
  readonly source: RecordingSource;
  load(): Promise<Body>;
}

/** Reads several recordings of one file in one pass. */
export interface RecordingSource {
  load(records: readonly string[]): Promise<ReadonlyMap<string, Body>>;
}

/** A recording whose source knows how to read it. */
export function createRecording(kind: RecordingKind, record: string, path: string, source: RecordingSource): Recording {
  return {
    kind,
    record,
    path,
    source,
    async load() {
      const body = (await source.load([record])).get(record);
      if (body === undefined) throw new Error(`recording ${record} is no longer in its file`);
      return body;
    },
  };
}

/** Loads many at once, each file read once; order as given. */
export async function loadBodies(recordings: readonly Recording[]): Promise<readonly Body[]> {
  const bySource = new Map<RecordingSource, string[]>();
  for (const { source, record } of recordings) {
    const records = bySource.get(source) ?? [];
    records.push(record);
    bySource.set(source, records);
  }
  const loaded = new Map<RecordingSource, ReadonlyMap<string, Body>>();
  for (const [source, records] of bySource) loaded.set(source, await source.load(records));
  return recordings.map(({ source, record }) => loaded.get(source)!.get(record)!);
}

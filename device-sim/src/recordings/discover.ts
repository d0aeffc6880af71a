import { dirname } from 'node:path';
import { createNodeFiles } from './adapters/files-node.ts';
import { csvCells } from './csv.ts';
import { findFalls, isTrialsCsv } from './falls.ts';
import { findIcu, isPatientsCsv } from './icu.ts';
import { recordingLimits } from './limits.ts';
import type { RecordingFiles } from './ports.ts';
import type { Recording } from './recording.ts';
import { findWaveformCsv } from './waveform-csv.ts';
import { findWfdb } from './wfdb.ts';

export interface DiscoverOptions {
  readonly files?: RecordingFiles;
  /** Told of every file that looks like a recording and cannot be read, with the reason. */
  readonly onSkipped?: (path: string, reason: string) => void;
}

/**
 * Recordings anywhere below a folder, sorted by path. Forms are known by what stands in the files: a WFDB header
 * (`.hea`), or the header line of a CSV (plain or gzip): `record,minute,param,value`, a time column with ECG or pleth
 * columns, or `trial,position,sensor,t_ms,x,y,z`. Other files are passed over.
 */
export async function discoverRecordings(dir: string, options: DiscoverOptions = {}): Promise<readonly Recording[]> {
  const { files = createNodeFiles(), onSkipped = () => {} } = options;
  const paths = await walk(dir, files, onSkipped);
  const headers = new Map<string, readonly string[]>();
  for (const path of paths) {
    if (!/\.(csv|csv\.gz)$/i.test(path)) continue;
    await guarded(path, onSkipped, async () => {
      headers.set(path, csvCells(await firstLine(path, files)));
    });
  }
  const beside = (path: string, test: (header: readonly string[]) => boolean): string | undefined =>
    [...headers].find(([other, header]) => dirname(other) === dirname(path) && test(header))?.[0];

  const found: Recording[] = [];
  for (const path of paths) {
    await guarded(path, onSkipped, async () => {
      const header = headers.get(path);
      if (header === undefined) {
        const record = await findWfdb(path, files);
        if (record !== undefined) found.push(record);
        return;
      }
      const many =
        (await findIcu(path, header, files, beside(path, isPatientsCsv))) ??
        (await findFalls(path, header, files, beside(path, isTrialsCsv)));
      const one = many === undefined ? findWaveformCsv(path, header, files) : undefined;
      found.push(...(many ?? []), ...(one === undefined ? [] : [one]));
    });
  }
  return found;
}

async function walk(
  dir: string,
  files: RecordingFiles,
  onSkipped: (path: string, reason: string) => void,
): Promise<readonly string[]> {
  const paths: string[] = [];
  const visit = async (folder: string, depth: number): Promise<void> => {
    for (const entry of await files.list(folder)) {
      if (paths.length >= recordingLimits.maxFiles) return;
      if (!entry.folder) paths.push(entry.path);
      else if (depth < recordingLimits.maxDepth) await visit(entry.path, depth + 1);
      else onSkipped(entry.path, `deeper than ${recordingLimits.maxDepth} folders`);
    }
  };
  await visit(dir, 0);
  if (paths.length >= recordingLimits.maxFiles)
    onSkipped(dir, `only its first ${recordingLimits.maxFiles} files were read`);
  return paths;
}

async function firstLine(path: string, files: RecordingFiles): Promise<string> {
  for await (const line of files.lines(path)) return line;
  return '';
}

async function guarded(
  path: string,
  onSkipped: (path: string, reason: string) => void,
  task: () => Promise<void>,
): Promise<void> {
  try {
    await task();
  } catch (error) {
    onSkipped(path, error instanceof Error ? error.message : 'is not readable');
  }
}

import { dirname } from 'node:path';
import { createNodeFiles } from './adapters/files-node.ts';
import { csvCells } from './csv.ts';
import { reasonOf } from './failures.ts';
import { findFalls, isTrialsCsv } from './falls.ts';
import { findIcu, isPatientsCsv } from './icu.ts';
import { recordingLimits } from './limits.ts';
import type { RecordingFiles } from './ports.ts';
import type { OnSkipped, Recording } from './recording.ts';
import { findWaveformCsv } from './waveform-csv.ts';
import { findWfdb } from './wfdb.ts';

export interface DiscoverOptions {
  readonly files?: RecordingFiles;
  readonly onSkipped?: OnSkipped;
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
    if (!isCsv(path)) continue;
    await guarded(path, onSkipped, async () => {
      const line = await firstLine(path, files);
      if (line.trim() === '') throw new RangeError('is empty, or begins with an empty line');
      headers.set(path, csvCells(line));
    });
  }
  const beside = (path: string, test: (header: readonly string[]) => boolean): string | undefined =>
    [...headers].find(([other, header]) => dirname(other) === dirname(path) && test(header))?.[0];

  const found: Recording[] = [];
  for (const path of paths) {
    await guarded(path, onSkipped, async () => {
      const header = headers.get(path);
      if (header === undefined) {
        if (isHeader(path)) found.push(await findWfdb(path, files));
        return;
      }
      const many =
        (await findIcu(path, header, files, beside(path, isPatientsCsv), onSkipped)) ??
        (await findFalls(path, header, files, beside(path, isTrialsCsv)));
      const one = many === undefined ? findWaveformCsv(path, header, files) : undefined;
      found.push(...(many ?? []), ...(one === undefined ? [] : [one]));
    });
  }
  return found;
}

const isCsv = (path: string): boolean => /\.(csv|csv\.gz)$/i.test(path);
const isHeader = (path: string): boolean => /\.hea$/i.test(path);

async function walk(dir: string, files: RecordingFiles, onSkipped: OnSkipped): Promise<readonly string[]> {
  const paths: string[] = [];
  const visit = async (folder: string, depth: number): Promise<void> => {
    let entries: Awaited<ReturnType<RecordingFiles['list']>> = [];
    await guarded(folder, onSkipped, async () => {
      entries = await files.list(folder);
    });
    for (const { path, kind } of entries) {
      if (paths.length >= recordingLimits.maxFiles) return;
      if (kind === 'file') paths.push(path);
      else if (kind === 'link') onSkipped(path, 'is a link, and links are not followed');
      else if (depth < recordingLimits.maxDepth) await visit(path, depth + 1);
      else onSkipped(path, `deeper than ${recordingLimits.maxDepth} folders`);
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

async function guarded(path: string, onSkipped: OnSkipped, task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    onSkipped(path, reasonOf(error));
  }
}

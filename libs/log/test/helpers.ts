import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { Log, LogReader, LogRecord } from '../src/mod.ts';
import { text } from './records.ts';

export * from './records.ts';

/** A fresh folder for each test. */
export function useFolder(): { readonly dir: string } {
  const folder = { dir: '' };
  beforeEach(async () => {
    folder.dir = await mkdtemp(join(tmpdir(), 'pulseseal-log-'));
  });
  afterEach(() => rm(folder.dir, { recursive: true }));
  return folder;
}

/** Everything from `from` to the end, with the damage met on the way. */
export async function readAll(log: Pick<Log | LogReader, 'readFrom'>, from = 0) {
  const records: LogRecord[] = [];
  const damaged: { position: number; reason: string }[] = [];
  let next = from;
  while (true) {
    const read = await log.readFrom(next, { maxBytes: 100_000 });
    records.push(...read.records);
    damaged.push(...read.damaged);
    if (read.next === next) return { records, damaged, next };
    next = read.next;
  }
}

export const numbers = (records: readonly LogRecord[]): number[] =>
  records.map((r) => Number.parseInt(text(r.data), 10));
export const count = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);

/** 1 in `npm test`; the full loops multiply their rounds. */

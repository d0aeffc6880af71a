import { join } from 'node:path';
import { diskFailure, logFailure } from './failures.ts';
import { type FileSystem, type OpenFile, readUpTo } from './file-system.ts';
import { MAX_OPEN_SEGMENTS } from './limits.ts';
import type { OpenSegment } from './scan.ts';
import type { RecordSeal } from './seal.ts';
import {
  decodeSegmentHeader,
  type Position,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentBase,
  segmentName,
  segmentSeed,
} from './segment.ts';

/** Bases of the segments in a folder, rising. */
export async function listSegments(fs: FileSystem, dir: string): Promise<Position[]> {
  const bases: Position[] = [];
  for (const name of await fs.list(dir)) {
    const base = segmentBase(name);
    if (base !== undefined) bases.push(base);
  }
  return bases.sort((a, b) => a - b);
}

export const segmentPath = (dir: string, base: Position): string => join(dir, segmentName(base));

/** The key of a log, none, or a reader that checks checksums only and never looks inside. */
export type SealChoice = RecordSeal | 'unopened' | undefined;

/** Reads the header; `undefined` when neither copy is intact. Refuses a wrong, missing or needless key by name. */
export async function readSegmentHeader(file: OpenFile, base: Position, seal: SealChoice) {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const got = await readUpTo(file, bytes, SEGMENT_HEADER_BYTES, 0);
  const found = decodeSegmentHeader(bytes.subarray(0, got), base);
  if (found === undefined) return undefined;
  return { ...found, seal: matchSeal(found.header, seal) };
}

function matchSeal(header: SegmentHeader, seal: SealChoice) {
  if (seal === 'unopened') return undefined;
  if (header.keyCheck === undefined) {
    if (seal !== undefined) throw logFailure('seal-unexpected');
    return undefined;
  }
  if (seal === undefined) throw logFailure('seal-missing');
  const segmentSeal = seal.forSegment(header.salt);
  if (!equal(segmentSeal.keyCheck, header.keyCheck)) throw logFailure('seal-wrong-key');
  return segmentSeal;
}

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.reduce((bits, byte, i) => bits | (byte ^ b[i]!), 0) === 0;

/** Opens a segment for reading; `undefined` when its header is unreadable. */
export async function openSegment(
  fs: FileSystem,
  dir: string,
  base: Position,
  seal: SealChoice,
): Promise<OpenSegment | undefined> {
  const file = await fs.open(segmentPath(dir, base), 'read');
  try {
    const found = await readSegmentHeader(file, base, seal);
    if (found === undefined) {
      await file.close();
      return undefined;
    }
    return {
      base,
      file,
      seed: segmentSeed(found.header.salt),
      seal: found.seal,
      hasDamagedHeader: found.isDamaged,
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A few segments held open for reading, the least lately used closed first. A segment in use is never closed. */
export interface SegmentCache {
  /** Runs `task` with the segment, or with undefined when its header is unreadable. */
  use<T>(base: Position, task: (segment: OpenSegment | undefined) => Promise<T>): Promise<T>;
  forget(base: Position): void;
  close(): Promise<void>;
}

interface Entry {
  segment: Promise<OpenSegment | undefined>;
  users: number;
  isForgotten: boolean;
}

export function createSegmentCache(fs: FileSystem, dir: string, seal: RecordSeal | undefined): SegmentCache {
  const entries = new Map<Position, Entry>();
  let isClosed = false;
  const closeEntry = (entry: Entry) =>
    entry.segment.then(
      (s) => s?.file.close(),
      () => {},
    );
  const drop = (base: Position, entry: Entry) => {
    entries.delete(base);
    entry.isForgotten = true;
    return entry.users === 0 ? closeEntry(entry) : undefined;
  };
  const makeRoom = () => {
    for (const [base, entry] of entries) {
      if (entries.size <= MAX_OPEN_SEGMENTS) return;
      if (entry.users === 0) void drop(base, entry);
    }
  };
  return {
    async use(base, task) {
      if (isClosed) throw logFailure('log-closed');
      let entry = entries.get(base);
      if (entry === undefined) entry = { segment: openSegment(fs, dir, base, seal), users: 0, isForgotten: false };
      // Setting it again moves it to the young end.
      entries.delete(base);
      entries.set(base, entry);
      entry.users++;
      try {
        const segment = await entry.segment;
        // An unreadable header may be one that is just being written: look again next time.
        if (segment === undefined && entries.get(base) === entry) entries.delete(base);
        return await task(segment);
      } catch (error) {
        if (entries.get(base) === entry) entries.delete(base);
        entry.isForgotten = true;
        throw error instanceof Error && error.name === 'Failure' ? error : diskFailure(error, 'read');
      } finally {
        entry.users--;
        if (entry.isForgotten && entry.users === 0) void closeEntry(entry);
        makeRoom();
      }
    },
    forget(base) {
      const entry = entries.get(base);
      if (entry !== undefined) void drop(base, entry);
    },
    async close() {
      isClosed = true;
      await Promise.all([...entries].map(([base, entry]) => drop(base, entry)));
    },
  };
}

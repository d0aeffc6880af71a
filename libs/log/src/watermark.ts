import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { isAbsent } from './failures.ts';
import { type FileSystem, type OpenFile, readUpTo, writeAll } from './file-system.ts';
import type { Position } from './segment.ts';

/**
 * How far the log is synced, for readers in other processes and for a fast start: one small file, written in place
 * after each sync and never itself synced. It may be old after a power cut, but it is never ahead of the disk.
 */
export interface Watermark {
  /** First byte of the segment that `end` lies in, or equals `end` between two segments. */
  readonly base: Position;
  readonly end: Position;
}

const BYTES = 24;
const MAGIC = 0x50534c57; // "PSLW"
export const watermarkPath = (dir: string): string => join(dir, 'synced');

function encode(mark: Watermark): Uint8Array {
  const out = new Uint8Array(BYTES);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC);
  view.setBigUint64(4, BigInt(mark.base));
  view.setBigUint64(12, BigInt(mark.end));
  view.setUint32(20, crc32(out.subarray(0, 20)));
  return out;
}

export async function readWatermark(file: OpenFile): Promise<Watermark | undefined> {
  const bytes = new Uint8Array(BYTES);
  if ((await readUpTo(file, bytes, BYTES, 0)) < BYTES) return undefined;
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0) !== MAGIC || view.getUint32(20) !== crc32(bytes.subarray(0, 20))) return undefined;
  return { base: Number(view.getBigUint64(4)), end: Number(view.getBigUint64(12)) };
}

/** Opens the file when it is there and reads it once. */
export async function loadWatermark(fs: FileSystem, dir: string): Promise<Watermark | undefined> {
  let file: OpenFile;
  try {
    file = await fs.open(watermarkPath(dir), 'read');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  try {
    return await readWatermark(file);
  } finally {
    await file.close();
  }
}

export interface WatermarkWriter {
  /** Writes soon; while one write runs, only the newest of the marks behind it is written. */
  publish(mark: Watermark): void;
  /** Waits for the newest mark, then closes. */
  close(): Promise<void>;
}

export function createWatermarkWriter(file: OpenFile): WatermarkWriter {
  let waiting: Watermark | undefined;
  let running: Promise<void> | undefined;
  const run = async () => {
    while (waiting !== undefined) {
      const mark = waiting;
      waiting = undefined;
      try {
        await writeAll(file, encode(mark), 0);
      } catch {
        // Readers see the data later, with the next mark; what is acknowledged stands on the segment alone.
      }
    }
    running = undefined;
  };
  return {
    publish(mark) {
      waiting = mark;
      running ??= run();
    },
    async close() {
      while (running !== undefined) await running;
      await file.close();
    },
  };
}

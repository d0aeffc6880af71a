import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { createSerial } from '@pulseseal/runtime';
import { createNodeFileSystem } from './adapters/file-system-node.ts';
import { diskFailure, isAbsent } from './failures.ts';
import { type FileSystem, type OpenFile, readUpTo, writeAll } from './file-system.ts';
import type { Position } from './segment.ts';

/** How far one reader has come: a durable number that only grows. */
export interface Cursor {
  readonly position: Position;
  /** How much of the record at `position` is done, in the reader's own count; 0 to 2^32 - 1. */
  readonly part: number;
  /** Resolves when the place is on the disk. A lower place than the saved one changes nothing. */
  save(position: Position, part?: number): Promise<void>;
  /** Whether the file was there and neither of its two places was intact: reading begins anew, nothing is lost. */
  readonly wasDamaged: boolean;
  close(): Promise<void>;
}

const MAGIC = 0x50534343; // "PSCC"
const SLOT_BYTES = 20;
/** Each slot in a sector of its own: a torn write spoils the one being written only. */
const SLOT_STRIDE_BYTES = 4096;

/** Opens or makes the cursor file `path`. Two slots, written in turn, the higher intact one counts. */
export async function openCursor(path: string, fs: FileSystem = createNodeFileSystem()): Promise<Cursor> {
  let opened: OpenFile | undefined;
  let size: number;
  const slots: (Place | undefined)[] = [];
  try {
    await fs.makeFolder(dirname(path));
    opened = await fs.open(path, 'write');
    size = await opened.size();
    for (let i = 0; i < 2; i++) slots.push(await readSlot(opened, i * SLOT_STRIDE_BYTES));
    await fs.syncFolder(dirname(path));
  } catch (error) {
    await opened?.close();
    throw diskFailure(error, 'cursor');
  }
  const file = opened;
  const [first, second] = slots;
  let saved: Place = later(first, second) ?? { position: 0, part: 0 };
  let nextSlot = first !== undefined && saved === first ? 1 : 0;
  let newest = saved;
  const serial = createSerial();
  return {
    get position() {
      return saved.position;
    },
    get part() {
      return saved.part;
    },
    wasDamaged: size > 0 && first === undefined && second === undefined,
    save(position, part = 0) {
      const wanted = { position, part };
      if (isAfter(wanted, newest)) newest = wanted;
      return serial(async () => {
        // Saves that waited together are one write: the first of them takes the newest place.
        if (!isAfter(wanted, saved)) return;
        const target = newest;
        try {
          await writeAll(file, encodeSlot(target), nextSlot * SLOT_STRIDE_BYTES);
          await file.sync();
        } catch (error) {
          throw diskFailure(error, 'cursor');
        }
        saved = target;
        nextSlot = 1 - nextSlot;
      });
    },
    close: () => serial(() => file.close()),
  };
}

export interface Place {
  readonly position: Position;
  readonly part: number;
}

const isAfter = (a: Place, b: Place): boolean =>
  a.position > b.position || (a.position === b.position && a.part > b.part);

function later(a: Place | undefined, b: Place | undefined): Place | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return isAfter(b, a) ? b : a;
}

function encodeSlot(place: Place): Uint8Array {
  const out = new Uint8Array(SLOT_BYTES);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC);
  view.setBigUint64(4, BigInt(place.position));
  view.setUint32(12, place.part);
  view.setUint32(16, crc32(out.subarray(0, 16)));
  return out;
}

async function readSlot(file: OpenFile, at: number): Promise<Place | undefined> {
  const bytes = new Uint8Array(SLOT_BYTES);
  if ((await readUpTo(file, bytes, SLOT_BYTES, at)) < SLOT_BYTES) return undefined;
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0) !== MAGIC || view.getUint32(16) !== crc32(bytes.subarray(0, 16))) return undefined;
  return { position: Number(view.getBigUint64(4)), part: view.getUint32(12) };
}

/** The place in a cursor file that another process saves; position 0 when there is none yet. */
export async function readCursor(path: string, fs: FileSystem = createNodeFileSystem()): Promise<Place> {
  let file: OpenFile | undefined;
  try {
    file = await fs.open(path, 'read');
    const place = later(await readSlot(file, 0), await readSlot(file, SLOT_STRIDE_BYTES));
    return place ?? { position: 0, part: 0 };
  } catch (error) {
    if (isAbsent(error)) return { position: 0, part: 0 };
    throw diskFailure(error, 'cursor');
  } finally {
    await file?.close();
  }
}

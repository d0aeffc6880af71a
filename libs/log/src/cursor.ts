import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { createSerial } from '@pulseseal/runtime';
import { createNodeFileSystem } from './adapters/file-system-node.ts';
import { diskFailure } from './failures.ts';
import { type FileSystem, type OpenFile, readUpTo, writeAll } from './file-system.ts';
import type { Position } from './segment.ts';

/** How far one reader has come: a durable number that only grows. */
export interface Cursor {
  readonly position: Position;
  /** Resolves when the position is on the disk. A lower position than the saved one changes nothing. */
  save(position: Position): Promise<void>;
  /** Whether the file was there and neither of its two places was intact: reading begins anew, nothing is lost. */
  readonly wasDamaged: boolean;
  close(): Promise<void>;
}

const MAGIC = 0x50534343; // "PSCC"
const SLOT_BYTES = 16;
/** Each slot in a sector of its own: a torn write spoils the one being written only. */
const SLOT_STRIDE_BYTES = 4096;

/** Opens or makes the cursor file `path`. Two slots, written in turn, the higher intact one counts. */
export async function openCursor(path: string, fs: FileSystem = createNodeFileSystem()): Promise<Cursor> {
  let file: OpenFile;
  let size: number;
  const slots: (Position | undefined)[] = [];
  try {
    await fs.makeFolder(dirname(path));
    file = await fs.open(path, 'write');
    size = await file.size();
    for (let i = 0; i < 2; i++) slots.push(await readSlot(file, i * SLOT_STRIDE_BYTES));
    await fs.syncFolder(dirname(path));
  } catch (error) {
    throw diskFailure(error, 'cursor');
  }
  let position = Math.max(slots[0] ?? 0, slots[1] ?? 0);
  let nextSlot = (slots[0] ?? -1) >= (slots[1] ?? -1) && slots[0] !== undefined ? 1 : 0;
  let newest = position;
  const serial = createSerial();
  return {
    get position() {
      return position;
    },
    wasDamaged: size > 0 && slots[0] === undefined && slots[1] === undefined,
    save(wanted) {
      if (wanted > newest) newest = wanted;
      return serial(async () => {
        // Saves that waited together are one write: the first of them takes the newest position.
        if (wanted <= position) return;
        const target = newest;
        try {
          await writeAll(file, encodeSlot(target), nextSlot * SLOT_STRIDE_BYTES);
          await file.sync();
        } catch (error) {
          throw diskFailure(error, 'cursor');
        }
        position = target;
        nextSlot = 1 - nextSlot;
      });
    },
    close: () => serial(() => file.close()),
  };
}

function encodeSlot(position: Position): Uint8Array {
  const out = new Uint8Array(SLOT_BYTES);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC);
  view.setBigUint64(4, BigInt(position));
  view.setUint32(12, crc32(out.subarray(0, 12)));
  return out;
}

async function readSlot(file: OpenFile, at: number): Promise<Position | undefined> {
  const bytes = new Uint8Array(SLOT_BYTES);
  if ((await readUpTo(file, bytes, SLOT_BYTES, at)) < SLOT_BYTES) return undefined;
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0) !== MAGIC || view.getUint32(12) !== crc32(bytes.subarray(0, 12))) return undefined;
  return Number(view.getBigUint64(4));
}

import type { DatabaseSync } from 'node:sqlite';
import type { FramePlace } from '../catalogue.ts';
import { BLOCK_FRAMES, IDLE_COMMITS } from '../limits.ts';
import { createVarintReader, createVarintWriter, type VarintWriter } from './varint.ts';

interface Block {
  readonly id: number;
  readonly epochId: number;
  readonly deviceNumber: number;
  first: number;
  last: number;
  fromMs: number;
  toMs: number;
  frames: number;
  isDirty: boolean;
  /** When it was written last. */
  commit: number;
  /** Of the frame added last: the next one is written as differences. */
  seq: number;
  position: number;
  arrivedMs: number;
  places: VarintWriter;
}

/**
 * Rows of up to 256 frames of one epoch, in order of arrival: about 6 bytes a frame. The open block of an epoch stays
 * in memory, is written over at each commit, and goes when the epoch is idle: the next frame begins another row.
 */
export function createBlocks(db: DatabaseSync) {
  const upsert = db.prepare(
    `INSERT INTO blocks (id, epoch, device, first, last, fromMs, toMs, frames, places) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET first = excluded.first, last = excluded.last, fromMs = excluded.fromMs,
       toMs = excluded.toMs, frames = excluded.frames, places = excluded.places`,
  );
  const byEpoch = db.prepare('SELECT * FROM blocks WHERE epoch = ? AND first < ? AND last >= ? ORDER BY id');
  const byTime = db.prepare('SELECT * FROM blocks WHERE device = ? AND toMs >= ? AND fromMs < ? ORDER BY fromMs, id');
  const highest = db.prepare('SELECT max(id) AS id FROM blocks');
  let open = new Map<number, Block>();
  let dirty = new Set<Block>();
  let nextId = Number(highest.get()?.id ?? 0) + 1;
  let commits = 0;

  const write = (b: Block) => {
    upsert.run(b.id, b.epochId, b.deviceNumber, b.first, b.last, b.fromMs, b.toMs, b.frames, b.places.bytes());
  };
  return {
    add(f: FramePlace): void {
      let block = open.get(f.epochId);
      if (block === undefined || block.frames >= BLOCK_FRAMES) {
        if (block?.isDirty === true) {
          write(block);
          dirty.delete(block);
        }
        block = {
          id: nextId++,
          epochId: f.epochId,
          deviceNumber: f.deviceNumber,
          first: f.seq,
          last: f.seq,
          fromMs: f.arrivedMs,
          toMs: f.arrivedMs,
          frames: 0,
          isDirty: true,
          commit: commits,
          seq: 0,
          position: 0,
          arrivedMs: 0,
          places: createVarintWriter(),
        };
        open.set(f.epochId, block);
      }
      const { places } = block;
      places.putSigned(f.seq - block.seq);
      places.put(f.position - block.position);
      places.putSigned(f.arrivedMs - block.arrivedMs);
      places.put(f.stream);
      block.seq = f.seq;
      block.position = f.position;
      block.arrivedMs = f.arrivedMs;
      block.first = Math.min(block.first, f.seq);
      block.last = Math.max(block.last, f.seq);
      block.fromMs = Math.min(block.fromMs, f.arrivedMs);
      block.toMs = Math.max(block.toMs, f.arrivedMs);
      block.frames++;
      block.isDirty = true;
      dirty.add(block);
    },
    flush(): void {
      for (const block of dirty) {
        write(block);
        block.isDirty = false;
        block.commit = commits;
      }
      dirty = new Set();
    },
    /** After the flush of a commit. */
    dropIdle(): void {
      if (++commits % IDLE_COMMITS !== 0) return;
      for (const [epochId, block] of open) if (commits - block.commit > IDLE_COMMITS) open.delete(epochId);
    },
    reset(): void {
      open = new Map();
      dirty = new Set();
      nextId = Number(highest.get()?.id ?? 0) + 1;
    },
    get isDirty() {
      return dirty.size > 0;
    },
    inEpoch(epochId: number, first: number, end: number): FramePlace[] {
      const out: FramePlace[] = [];
      for (const row of byEpoch.all(epochId, end, first))
        decode(row, (place) => {
          if (place.seq >= first && place.seq < end) out.push(place);
        });
      return out;
    },
    between(deviceNumber: number, fromMs: number, toMs: number, limit: number, stream?: number): FramePlace[] {
      const out: FramePlace[] = [];
      let untilMs = toMs;
      for (const row of byTime.iterate(deviceNumber, fromMs, toMs)) {
        // Blocks of several epochs lie over one another in time: all that begin before the last row wanted are read.
        if (Number(row.fromMs) >= untilMs) break;
        decode(row, (place) => {
          if (
            place.arrivedMs >= fromMs &&
            place.arrivedMs < untilMs &&
            (stream === undefined || place.stream === stream)
          )
            out.push(place);
        });
        if (out.length < limit) continue;
        out.sort(byArrival);
        out.length = limit;
        untilMs = (out.at(-1)?.arrivedMs ?? fromMs) + 1;
      }
      return out.sort(byArrival);
    },
  };
}

const byArrival = (a: FramePlace, b: FramePlace) => a.arrivedMs - b.arrivedMs || a.seq - b.seq;

type Row = Record<string, unknown>;

function decode(row: Row, visit: (place: FramePlace) => void): void {
  const reader = createVarintReader(row.places as Uint8Array);
  const epochId = Number(row.epoch);
  const deviceNumber = Number(row.device);
  let seq = 0;
  let position = 0;
  let arrivedMs = 0;
  while (!reader.isAtEnd) {
    seq += reader.nextSigned();
    position += reader.next();
    arrivedMs += reader.nextSigned();
    const stream = reader.next();
    visit({ epochId, deviceNumber, seq, stream, position, arrivedMs });
  }
}

import { equalBytes, toHex } from '@pulseseal/crypto';
import { encodeItem, parseWhole, type Reader } from '@pulseseal/protocol';
import { limits } from './limits.ts';
import type { StateStore } from './ports.ts';

/** One epoch that was taken: never taken a second time. */
export interface TakenEpoch {
  readonly boot: number;
  readonly epoch: number;
  readonly oh: Uint8Array;
}

export type Standing =
  /** Above the mark: the device's present. `isFirst`: there was no mark. */
  | { readonly kind: 'live'; readonly isFirst: boolean }
  /** Below the mark or offline, and new: stored and scored, never rings. */
  | { readonly kind: 'history' }
  /** Taken before; `isMark`: it is the newest one. */
  | { readonly kind: 'known'; readonly isMark: boolean }
  /** The same pair under another open: two senders hold one key. */
  | { readonly kind: 'conflict'; readonly other: Uint8Array };

/** Highest (boot, epoch) of each device and what was taken below it (SPEC clause EPOCH-2). Durable. */
export interface HighWater {
  standing(
    device: string,
    open: { boot: number; epoch: number },
    oh: Uint8Array,
    isOffline: boolean,
  ): Promise<Standing>;
  /** Resolves when it is durable: only then the epoch may have an effect. */
  take(device: string, taken: TakenEpoch, asLive: boolean): Promise<void>;
}

interface Mark {
  newest: TakenEpoch | undefined;
  readonly taken: Map<string, TakenEpoch>;
}

const isAbove = (a: { boot: number; epoch: number }, b: { boot: number; epoch: number }): boolean =>
  a.boot > b.boot || (a.boot === b.boot && a.epoch > b.epoch);
const samePair = (a: { boot: number; epoch: number }, b: { boot: number; epoch: number }): boolean =>
  a.boot === b.boot && a.epoch === b.epoch;

export function createHighWater(state: StateStore): HighWater {
  const marks = new Map<string, Mark>();
  const nameOf = (device: string) => `mark.${device}`;
  const markOf = async (device: string): Promise<Mark> => {
    const known = marks.get(device);
    if (known !== undefined) return known;
    const bytes = await state.load(nameOf(device));
    const mark = bytes === undefined ? { newest: undefined, taken: new Map() } : parseMark(bytes);
    marks.set(device, mark);
    if (marks.size > limits.devices) marks.delete(marks.keys().next().value!);
    return mark;
  };
  return {
    async standing(device, open, oh, isOffline) {
      const mark = await markOf(device);
      const { newest } = mark;
      if (newest !== undefined && equalBytes(newest.oh, oh)) return { kind: 'known', isMark: true };
      if (mark.taken.has(toHex(oh))) return { kind: 'known', isMark: false };
      const rivals = newest === undefined ? mark.taken.values() : [newest, ...mark.taken.values()];
      for (const rival of rivals) if (samePair(rival, open)) return { kind: 'conflict', other: rival.oh };
      if (isOffline || (newest !== undefined && !isAbove(open, newest))) return { kind: 'history' };
      return { kind: 'live', isFirst: newest === undefined };
    },
    async take(device, taken, asLive) {
      const mark = await markOf(device);
      const older = asLive ? mark.newest : taken;
      if (older !== undefined) mark.taken.set(toHex(older.oh), older);
      if (asLive) mark.newest = taken;
      while (mark.taken.size > limits.historyTaken) mark.taken.delete(mark.taken.keys().next().value!);
      await state.save(nameOf(device), encodeMark(mark));
    },
  };
}

function encodeMark(mark: Mark): Uint8Array {
  const row = (t: TakenEpoch) => [t.boot, t.epoch, t.oh];
  return encodeItem([mark.newest === undefined ? null : row(mark.newest), [...mark.taken.values()].map(row)]);
}

function parseMark(bytes: Uint8Array): Mark {
  return parseWhole(bytes, bytes.length, (r) => {
    r.arrayOf(2);
    const newest = r.orNull(() => readTaken(r)) ?? undefined;
    const taken = r.list(limits.historyTaken, 0, () => readTaken(r));
    return { newest, taken: new Map(taken.map((t) => [toHex(t.oh), t])) };
  });
}

function readTaken(r: Reader): TakenEpoch {
  r.arrayOf(3);
  return { boot: r.uint(), epoch: r.uint(), oh: r.bytesOf(32) };
}

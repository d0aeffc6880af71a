import { createRangeSet, processorLimits, type RangeSet, type StateStore } from '@pulseseal/stream-processor';

/** Bounds with their reasons. */
const LIMITS = {
  devices: processorLimits.devices,
  /** The processor holds no more of a device, so a frame of an older one cannot come again. */
  epochs: processorLimits.liveEpochs + processorLimits.historyEpochs,
  /** One and some while nothing is missing; with streams of other readers between, the newest frames: those that a crash repeats. */
  ranges: 64,
} as const;

/** Which frames were met, by device, epoch and number. What lies beyond the bounds stays counted, and would be counted anew. */
export interface SeenFrames {
  /** False: it was met before. */
  note(device: string, eh: string, seq: number): boolean;
  /** Distinct frames. */
  readonly count: number;
  /** As JSON, for `createSeenFrames` of the next start. */
  save(): string;
}

/** Those of the last start, kept under this name. `keep` is durable when it resolves. */
export async function openSeenFrames(
  state: Pick<StateStore, 'load' | 'save'>,
  name: string,
): Promise<SeenFrames & { keep(): Promise<void> }> {
  const saved = await state.load(name);
  const seen = createSeenFrames(saved === undefined ? undefined : new TextDecoder().decode(saved));
  return Object.assign(seen, { keep: () => state.save(name, new TextEncoder().encode(seen.save())) });
}

type Pairs = ReturnType<RangeSet['pairs']>;
type Saved = readonly [count: number, devices: readonly (readonly [string, readonly (readonly [string, Pairs])[]])[]];

export function createSeenFrames(saved = '[0,[]]'): SeenFrames {
  const [known, devices] = JSON.parse(saved) as Saved;
  const byDevice = new Map(
    devices.map(([device, epochs]) => [device, new Map(epochs.map(([eh, pairs]) => [eh, createRangeSet(pairs)]))]),
  );
  let count = known;
  return {
    note(device, eh, seq) {
      const epochs = entry(byDevice, device, () => new Map<string, RangeSet>(), LIMITS.devices);
      const ranges = entry(epochs, eh, createRangeSet, LIMITS.epochs);
      if (!ranges.add(seq)) return false;
      if (ranges.pairs().length > LIMITS.ranges) ranges.dropLowest();
      count++;
      return true;
    },
    get count() {
      return count;
    },
    save() {
      const epochsOf = (epochs: ReadonlyMap<string, RangeSet>) =>
        [...epochs].map(([eh, ranges]) => [eh, ranges.pairs()]);
      return JSON.stringify([count, [...byDevice].map(([device, epochs]) => [device, epochsOf(epochs)])]);
    },
  };
}

/** The entry of that name; a new one takes the place of the oldest where there are `most`. */
function entry<Value>(map: Map<string, Value>, name: string, make: () => Value, most: number): Value {
  const known = map.get(name);
  if (known !== undefined) return known;
  const made = make();
  map.set(name, made);
  if (map.size > most) map.delete(map.keys().next().value!);
  return made;
}

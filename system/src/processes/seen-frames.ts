import { processorLimits, type StateStore } from '@pulseseal/stream-processor';

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

type Pair = [first: number, last: number];
type Saved = readonly [count: number, devices: readonly (readonly [string, readonly (readonly [string, Pair[]])[]])[]];

export function createSeenFrames(saved = '[0,[]]'): SeenFrames {
  const [known, devices] = JSON.parse(saved) as Saved;
  const byDevice = new Map(devices.map(([device, epochs]) => [device, new Map(epochs)]));
  let count = known;
  return {
    note(device, eh, seq) {
      const epochs = entry(byDevice, device, () => new Map<string, Pair[]>(), LIMITS.devices);
      const ranges = entry(epochs, eh, () => [], LIMITS.epochs);
      if (!add(ranges, seq)) return false;
      if (ranges.length > LIMITS.ranges) ranges.shift();
      count++;
      return true;
    },
    get count() {
      return count;
    },
    save: () => JSON.stringify([count, [...byDevice].map(([device, epochs]) => [device, [...epochs]])]),
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

/** Into ascending disjoint ranges, looked through from the end: frames come nearly in order. False: it was there. */
function add(ranges: Pair[], seq: number): boolean {
  let at = ranges.length - 1;
  while (at >= 0 && ranges[at]![0] > seq) at--;
  const [before, after] = [ranges[at], ranges[at + 1]];
  if (before !== undefined && before[1] >= seq) return false;
  const joinsBefore = before !== undefined && before[1] === seq - 1;
  const joinsAfter = after !== undefined && after[0] === seq + 1;
  if (joinsBefore && joinsAfter) {
    before[1] = after[1];
    ranges.splice(at + 1, 1);
  } else if (joinsBefore) before[1] = seq;
  else if (joinsAfter) after[0] = seq;
  else ranges.splice(at + 1, 0, [seq, seq]);
  return true;
}

import { deviceLimits } from './limits.ts';

/**
 * Samples of epochs that nobody has accepted yet in this boot. Only a device whose counters went back needs them: an
 * epoch whose pair was used before can never be taken, so what it sealed is sealed anew in an epoch of its own. In
 * memory alone: after a reboot such an epoch is a gap.
 */
export interface Salvage<Sample> {
  keep(eh: string, sample: Sample): void;
  /** The epoch was refused for good: its samples wait for the next epoch. */
  condemn(eh: string): void;
  /** Forgets what is no longer in doubt. */
  prune(isInDoubt: (eh: string) => boolean): void;
  /** Waiting to be sealed anew. */
  readonly due: readonly Sample[];
  takeDue(): readonly Sample[];
}

export function createSalvage<Sample>(): Salvage<Sample> {
  const kept = new Map<string, Sample[]>();
  let count = 0;
  let due: Sample[] = [];
  const forget = (eh: string): Sample[] => {
    const samples = kept.get(eh) ?? [];
    kept.delete(eh);
    count -= samples.length;
    return samples;
  };
  return {
    keep(eh, sample) {
      if (count >= deviceLimits.maxSalvageSamples) return;
      const samples = kept.get(eh);
      if (samples === undefined) kept.set(eh, [sample]);
      else samples.push(sample);
      count++;
    },
    condemn(eh) {
      due = [...due, ...forget(eh)];
    },
    prune(isInDoubt) {
      for (const eh of kept.keys()) if (!isInDoubt(eh)) forget(eh);
    },
    get due() {
      return due;
    },
    takeDue() {
      const samples = due;
      due = [];
      return samples;
    },
  };
}

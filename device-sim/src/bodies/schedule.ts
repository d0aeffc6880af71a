import type { Sample } from './body.ts';
import { bodyLimits } from './limits.ts';

/** Something that delivers samples one after another at known times. */
export interface Feed {
  /** When the next sample is due, Infinity when none will come. */
  dueMs(): number;
  /** The sample due now, or undefined when there is nothing to say this time; moves on in any case. */
  take(): Sample | undefined;
}

/** Merges feeds into time order; equal times keep the order of the feeds. */
export function createSchedule(feeds: readonly Feed[], maxAdvanceMs: number = bodyLimits.maxAdvanceMs) {
  let doneMs = 0;
  return {
    /** Everything due up to and including `toMs` since the last call. */
    advance(toMs: number): readonly Sample[] {
      if (!(toMs >= doneMs && toMs - doneMs <= maxAdvanceMs))
        throw new RangeError(`a body advances by 0 to ${maxAdvanceMs} ms at a time`);
      doneMs = toMs;
      const out: Sample[] = [];
      for (let feed = earliest(feeds); feed !== undefined && feed.dueMs() <= toMs; feed = earliest(feeds)) {
        const sample = feed.take();
        if (sample !== undefined) out.push(sample);
      }
      return out;
    },
    nowMs: () => doneMs,
  };
}

function earliest(feeds: readonly Feed[]): Feed | undefined {
  let best: Feed | undefined;
  for (const feed of feeds) if (best === undefined || feed.dueMs() < best.dueMs()) best = feed;
  return best;
}

import type { CareEvent } from '@pulseseal/protocol';
import { createSeenFrames } from './seen-frames.ts';

/** Which frames' contents were handed to the twins, so that a frame acted on twice is seen from outside both. */
export interface ActedOn {
  note(events: readonly CareEvent[]): void;
  readonly duplicates: number;
}

export function createActedOn(): ActedOn {
  const seen = createSeenFrames();
  let duplicates = 0;
  return {
    note(events) {
      for (const event of events) {
        if (event.kind !== 'readings' && event.kind !== 'heartbeat') continue;
        if (!seen.note(event.device, event.eh, event.seq)) duplicates++;
      }
    },
    get duplicates() {
      return duplicates;
    },
  };
}

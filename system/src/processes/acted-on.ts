import type { CareEvent } from '@pulseseal/protocol';

/** Which frames' contents were handed to the twins, so that a frame acted on twice is seen from outside both. */
export interface ActedOn {
  note(events: readonly CareEvent[]): void;
  readonly duplicates: number;
}

export function createActedOn(): ActedOn {
  const byEpoch = new Map<string, Set<number>>();
  let duplicates = 0;
  return {
    note(events) {
      for (const event of events) {
        if (event.kind !== 'readings' && event.kind !== 'heartbeat') continue;
        const name = `${event.device}.${event.eh}`;
        let seen = byEpoch.get(name);
        if (seen === undefined) {
          seen = new Set();
          byEpoch.set(name, seen);
        }
        if (seen.has(event.seq)) duplicates++;
        else seen.add(event.seq);
      }
    },
    get duplicates() {
      return duplicates;
    },
  };
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRangeSet } from '../src/device/ranges.ts';
import { type DeviceEvent, type DeviceState, nextState } from '../src/device/states.ts';

const states: DeviceState[] = ['idle', 'opening', 'live', 'closing', 'rotating', 'offline', 'orphan'];
const walk = (...events: DeviceEvent[]) =>
  events.reduce<DeviceState | undefined>(
    (state, event) => (state === undefined ? state : nextState(state, event)),
    'idle',
  );

describe('the states of a device', () => {
  it('go round the way of the protocol', () => {
    expect(walk('build')).toBe('rotating');
    expect(walk('build', 'opened')).toBe('opening');
    expect(walk('build', 'opened', 'accepted')).toBe('live');
    expect(walk('build', 'opened', 'accepted', 'segment-end')).toBe('closing');
    expect(walk('build', 'opened', 'accepted', 'segment-end', 'resume-live')).toBe('live');
    expect(walk('build', 'opened', 'accepted', 'segment-end', 'rotate', 'opened')).toBe('opening');
    expect(walk('build', 'opened-offline', 'segment-end', 'resume-offline')).toBe('offline');
    expect(walk('spool-lost', 'build', 'opened')).toBe('opening');
    // An epoch that could not be built is built again.
    expect(walk('build', 'build', 'opened')).toBe('opening');
    expect(walk('build', 'opened', 'accepted', 'segment-end', 'stop')).toBe('idle');
  });
  it('refuse what would seal without an epoch or accept without an opening', () => {
    expect(nextState('idle', 'accepted')).toBeUndefined();
    expect(nextState('idle', 'segment-end')).toBeUndefined();
    expect(nextState('rotating', 'segment-end')).toBeUndefined();
    expect(nextState('rotating', 'accepted')).toBeUndefined();
    expect(nextState('offline', 'accepted')).toBeUndefined();
    expect(nextState('live', 'opened')).toBeUndefined();
    expect(nextState('closing', 'segment-end')).toBeUndefined();
  });
  it('stop from everywhere', () => {
    for (const state of states) expect(nextState(state, 'stop')).toBe('idle');
  });
});

describe('a set of acknowledged numbers', () => {
  it('is what a plain set is, whatever the order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 9 })), { maxLength: 40 }),
        (adds) => {
          const ranges = createRangeSet();
          const plain = new Set<number>();
          for (const [first, count] of adds) {
            const before = plain.size;
            for (let i = first; i < first + count; i++) plain.add(i);
            expect(ranges.add(first, count)).toBe(plain.size - before);
          }
          expect(ranges.size).toBe(plain.size);
          for (let i = 0; i < 80; i++) expect(ranges.has(i)).toBe(plain.has(i));
          let low = 1;
          while (plain.has(low)) low++;
          expect(ranges.low).toBe(low);
          const listed = ranges
            .ranges()
            .flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i));
          expect(listed).toEqual([...plain].sort((a, b) => a - b));
        },
      ),
    );
  });
});

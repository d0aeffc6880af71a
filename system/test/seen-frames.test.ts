import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createActedOn } from '../src/processes/acted-on.ts';
import { createSeenFrames } from '../src/processes/seen-frames.ts';

it('counts each frame once, in whatever order and over whatever restarts they come', () => {
  const frame = fc.record({ device: fc.constantFrom('a', 'b'), eh: fc.constantFrom('1', '2', '3'), seq: fc.nat(60) });
  fc.assert(
    fc.property(fc.array(frame), fc.array(frame), (first, second) => {
      const names = new Set<string>();
      let seen = createSeenFrames();
      for (const frames of [first, second]) {
        for (const { device, eh, seq } of frames) {
          const name = `${device}.${eh}.${seq}`;
          expect(seen.note(device, eh, seq)).toBe(!names.has(name));
          names.add(name);
        }
        seen = createSeenFrames(seen.save());
        expect(seen.count).toBe(names.size);
      }
    }),
  );
});

it('stays small over thousands of epochs, whole or with every second frame another reader’s, and keeps the count', () => {
  const seen = createSeenFrames();
  const most: number[] = [];
  for (const step of [1, 2]) {
    for (let epoch = 0; epoch < 2_000; epoch++)
      for (let seq = 1; seq <= 200; seq += step) seen.note('device', `${step}.${epoch}`, seq);
    most.push(seen.save().length);
  }
  expect(seen.count).toBe(2_000 * 300);
  expect(most[0]).toBeLessThan(200);
  expect(most[1]).toBeLessThan(8_000);
});

it('sees a frame that was acted on twice', () => {
  const acted = createActedOn();
  const beat = { kind: 'heartbeat', device: 'a', eh: '1' } as const;
  const events = [1, 2, 4, 3, 3, 2].map(
    (seq) => ({ ...beat, seq }) as unknown as Parameters<typeof acted.note>[0][number],
  );
  acted.note(events);
  expect(acted.duplicates).toBe(2);
});

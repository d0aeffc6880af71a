import { describe, expect, it } from 'vitest';
import { createWorld } from './harness.ts';

const total = (ranges: readonly (readonly [number, number])[]) => ranges.reduce((sum, [, count]) => sum + count, 0);

describe('a device on a good link', () => {
  it('opens an epoch, seals frames, closes segments that verify, and forgets what is acknowledged', async () => {
    const world = createWorld();
    await world.enrol();
    for (let i = 0; i < 30; i++) {
      world.sendHeart(70 + i);
      await world.run(1000);
    }
    const [eh, epoch] = [...world.gateway.epochs][0]!;
    expect(world.gateway.refusals).toEqual([]);
    expect(world.gateway.sealed(eh).length).toBeGreaterThanOrEqual(2);
    expect(world.gateway.conflicts).toBe(0);
    const account = world.device.account().find((entry) => entry.eh === eh)!;
    expect(account.sent).toBe(epoch.frames.size);
    expect(total(account.acknowledged)).toBe(account.sent);
    expect(account.held).toBe(0);
  });
});

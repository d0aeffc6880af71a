import { ackKey, sealRack } from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import type { SeenEpoch } from './counterpart.ts';
import { createWorld, type World } from './harness.ts';
import { openWrap } from './reader.ts';

const ackTimeoutMs = 300_000;
const rackEveryMs = ackTimeoutMs / 4;
const epochs = (world: World) => [...world.gateway.epochs.values()];
const deaf = (world: World) => world.notices.filter((kind) => kind === 'deaf-recipient').length;

/** A recipient that the gateway lets be heard: racks of one epoch, for the frame that `seqOf` says. */
async function listener(world: World, epoch: SeenEpoch) {
  const { ack } = await openWrap(world, epoch, world.heldManifest());
  const key = ackKey(epoch.oh, ack, world.crypto);
  return (seq: number, timeMs = Math.floor(world.clock.nowMs())) => {
    world.gateway.send(sealRack({ rid: world.rid, seq, sg: 0, missing: 0, timeMs }, epoch.oh, key));
  };
}
const begun = async (settings = {}): Promise<World> => {
  const world = createWorld({ settings: { ackTimeoutMs, heartbeatMs: 5_000, epochMs: 3_600_000, ...settings } });
  await world.enrol();
  return world;
};
const newest = (epoch: SeenEpoch) => Math.max(...epoch.frames.keys());

describe('a life-critical recipient', () => {
  it('that acknowledges what is new is not called deaf', async () => {
    const world = await begun();
    const [epoch] = epochs(world);
    const rack = await listener(world, epoch!);
    for (let i = 0; i < 12; i++) {
      rack(newest(epoch!));
      await world.run(rackEveryMs);
    }
    expect(deaf(world)).toBe(0);
  }, 30_000);

  it('that says nothing is called deaf at each timeout', async () => {
    const world = await begun();
    await world.run(2 * ackTimeoutMs + 10_000);
    expect(deaf(world)).toBe(2);
  }, 30_000);

  it('whose racks name only old frames is called deaf: the gateway drops the data and passes the racks', async () => {
    const world = await begun();
    const [epoch] = epochs(world);
    const rack = await listener(world, epoch!);
    const reached = newest(epoch!);
    for (let i = 0; i < 17; i++) {
      rack(reached);
      await world.run(rackEveryMs);
    }
    expect(world.device.counts.refusals['stale-counter']).toBeUndefined();
    expect(deaf(world)).toBeGreaterThanOrEqual(2);
    expect(newest(epoch!)).toBeGreaterThan(reached + 100);
  }, 30_000);

  it('is not heard by racks of an epoch that ended, nor by a rack played again after the alarm', async () => {
    const world = await begun({ ackTimeoutMs: 200_000 });
    const [first] = epochs(world);
    const rack = await listener(world, first!);
    const startMs = Math.floor(world.clock.nowMs());
    rack(newest(first!), startMs);
    world.agent.send(world.manifest(2));
    await world.until('epoch 2', () => epochs(world).length === 2 && world.device.state === 'live');
    for (let i = 0; i < 9; i++) {
      rack(newest(first!), startMs + 1 + i);
      await world.run(50_000);
    }
    expect(deaf(world)).toBe(1);
    rack(newest(first!), startMs);
    await world.run(1_000);
    expect(world.device.counts.refusals['stale-counter']).toBe(1);
  }, 30_000);
});

import { CTL, ehOf, parseNack } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorld, random, until, type World } from './world.ts';

describe('a segment that does not come to its end', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld({ settings: { nackPeriodMs: 500 } });
  });
  afterEach(() => world.end());

  it('disputes a close over another root when the device is silent to every request for its leaves', async () => {
    const circle = await world.circle();
    const { topics } = circle.device;
    const { client, epoch } = await world.live(circle);
    for (let i = 0; i < 3; i++) await client.publish(topics.u, epoch.frame().raw);
    expect(await client.publish(topics.c, epoch.close({ root: random() }).ctl)).toBe(true);
    const { id } = world.catalogue.epoch(world.catalogue.device(circle.device.name)!.number, ehOf(epoch.oh))!;
    const state = () => world.catalogue.closes(id)[0]!.state;
    // A device that is not there is not silent: it is asked when it comes back.
    await client.next((_, p) => epoch.read(p).mt === CTL.nack);
    await client.end();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(state()).toBe('logged');
    const again = await world.connect(circle.device);
    await again.subscribe(topics.d);
    for (let i = 0; i < 3; i++) {
      const nack = await again.next((_, p) => epoch.read(p).mt === CTL.nack, 3_000);
      expect(parseNack(epoch.read(nack).content)).toEqual({ segment: 0, want: 1, ranges: [{ first: 1, count: 3 }] });
    }
    await until(() => state() === 'disputed', 20_000);
    expect(await world.metric('edge_alarms_total', 'disputed')).toBe(1);
  }, 30_000);
});

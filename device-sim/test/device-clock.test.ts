import { CLOSE_LAST, checkLogin, encodeValues, OPEN_REASON } from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import type { LinkLogin } from '../src/mod.ts';
import { createWorld, type World } from './harness.ts';
import { type ReadFrame, readEpoch } from './reader.ts';

const dayMs = 86_400_000;
const epochs = (world: World) => [...world.gateway.epochs.values()];
const current = (world: World) => epochs(world).at(-1)!;
const readings = (frames: readonly ReadFrame[]) => frames.filter(({ ft }) => ft === 1);
/** Wall time of each reading that the recipient opened, by its value. */
async function times(world: World): Promise<Map<string, number>> {
  const manifest = world.heldManifest();
  const found = new Map<string, number>();
  for (const epoch of epochs(world)) {
    if (epoch.keys === undefined) continue;
    for (const { payload, dt } of readings(await readEpoch(world, epoch, manifest)))
      found.set(Buffer.from(payload).toString('hex'), epoch.open.clock.t0Ms + dt);
  }
  return found;
}
const heart = (bpm: number) => Buffer.from(encodeValues(new Map([[0, bpm]]))).toString('hex');
const live = (world: World, count: number) => () => epochs(world).length === count && world.device.state === 'live';

describe('dt', () => {
  it('runs with the monotonic clock, whatever the wall clock does inside the epoch [FRAME-1]', async () => {
    const world = createWorld();
    await world.enrol();
    world.sendHeart(60);
    await world.run(6_000);
    world.clock.stepWall(-1_900);
    world.sendHeart(61);
    await world.run(1_000);
    const [first, second] = readings(await readEpoch(world, current(world), world.heldManifest()));
    expect(second!.dt - first!.dt).toBe(6_000);
    expect(epochs(world).length).toBe(1);
  });

  it('of an event before now is counted back from now', async () => {
    const world = createWorld();
    await world.enrol();
    await world.run(5_000);
    world.clock.stepWall(1_500);
    world.device.send(1, { values: new Map([[0, 60]]) }, { atMs: world.clock.nowMs() - 2_000 });
    world.sendHeart(61);
    await world.run(1_000);
    const [first, second] = readings(await readEpoch(world, current(world), world.heldManifest()));
    expect(second!.dt - first!.dt).toBe(2_000);
  });
});

describe('clocks that part by two seconds', () => {
  it('make a new epoch', async () => {
    const world = createWorld();
    await world.enrol();
    await world.run(1_000);
    world.clock.stepWall(3 * dayMs);
    await world.until('a new epoch', live(world, 2));
    expect(current(world).open.reason).toBe(OPEN_REASON.clockStep);
    expect([...epochs(world)[0]!.closes.values()].at(-1)!.body.last).toBe(CLOSE_LAST.clockStep);
  });

  it('let nothing more be sealed under the old keys, not even a heartbeat [FRAME-7]', async () => {
    const world = createWorld();
    await world.enrol();
    await world.run(1_000);
    const [account] = world.device.account();
    world.clock.stepWall(3 * dayMs);
    expect(world.sendHeart()).toBe('pending');
    expect(world.device.account()[0]!.sent).toBe(account!.sent);
    await world.until('a new epoch', live(world, 2));
    await world.run(1_000);
    expect(world.device.account()[0]!.sent).toBe(account!.sent);
    const [[eh]] = [...world.gateway.epochs] as [[string, unknown]];
    expect(world.gateway.sealed(eh)).toEqual([...epochs(world)[0]!.closes.keys()]);
    expect(world.device.backlog).toBe(0);
  });

  it('end an epoch whose segment is still empty with the close before', async () => {
    const world = createWorld();
    await world.enrol();
    await world.until('a close', () => current(world).closes.size === 1, 20_000);
    const first = current(world);
    const frames = Math.max(...first.frames.keys());
    expect([...first.closes.values()][0]!.body.count).toBe(frames);
    world.clock.stepWall(60_000);
    await world.until('a new epoch', live(world, 2));
    expect([first.closes.size, first.frames.size]).toEqual([1, frames]);
    const [close] = first.closes.values();
    expect(Buffer.from(current(world).open.previousClose!)).toEqual(Buffer.from(world.crypto.sha256(close!.raw)));
  });

  it('and come together again make another one, so that t0 does not stay wrong', async () => {
    const world = createWorld();
    await world.enrol();
    await world.run(1_000);
    world.clock.stepWall(3 * dayMs);
    await world.until('the wrong time', live(world, 2));
    world.clock.stepWall(-3 * dayMs);
    const sentMs = world.clock.nowMs();
    world.sendHeart(88);
    await world.until('the right time', live(world, 3));
    expect(Math.abs(current(world).open.clock.t0Ms - sentMs)).toBeLessThan(1_000);
    await world.run(1_000);
    expect((await times(world)).get(heart(88))).toBe(Math.floor(sentMs));
  });

  it('make three epochs in ten minutes at most; what is measured then waits with its own time [TIME-3]', async () => {
    const world = createWorld();
    await world.enrol();
    for (let count = 2; count <= 4; count++) {
      world.clock.stepWall(count % 2 === 0 ? dayMs : -dayMs);
      await world.until(`epoch ${count}`, live(world, count));
    }
    world.clock.stepWall(-dayMs);
    const sentMs: number[] = [];
    for (let i = 0; i < 60; i++) {
      sentMs.push(world.clock.nowMs());
      expect(world.sendHeart(100 + i)).toBe('pending');
      await world.run(5_000);
    }
    expect(epochs(world).length).toBe(4);
    await world.until('history, then the present', live(world, 6), 400_000);
    expect(epochs(world).map(({ open }) => open.reason)).toContain(OPEN_REASON.clockStep);
    await world.until('all of it', () => world.device.backlog === 0);
    const read = await times(world);
    expect(sentMs.map((_, i) => read.get(heart(100 + i)))).toEqual(sentMs.map((atMs) => Math.floor(atMs)));
  }, 30_000);

  it('and a stop while they wait lose nothing', async () => {
    const world = createWorld();
    await world.enrol();
    for (let count = 2; count <= 4; count++) {
      world.clock.stepWall(count % 2 === 0 ? dayMs : -dayMs);
      await world.until(`epoch ${count}`, live(world, count));
    }
    world.clock.stepWall(-dayMs);
    const sentMs = world.clock.nowMs();
    expect(world.sendHeart(91)).toBe('pending');
    let drained: boolean | undefined;
    world.device.stop(20_000).then((value) => {
      drained = value;
    });
    await world.until('stopped', () => drained !== undefined);
    expect((await times(world)).get(heart(91))).toBe(Math.floor(sentMs));
  });
});

describe('a login', () => {
  it.each(['31 days behind', 'at 1970'])('with the clock %s names a session that has not ended', async (where) => {
    const world = createWorld();
    await world.enrol();
    const trueMs = world.clock.nowMs();
    world.device.halt();
    world.clock.stepWall(where === 'at 1970' ? -trueMs : -31 * dayMs);
    const made = world.broker.link.bind(world.broker);
    let login: LinkLogin | undefined;
    world.broker.link = () => {
      const link = made();
      return Object.assign(link, {
        connect: new Proxy(link.connect, {
          apply(target, self, order: Parameters<typeof link.connect>) {
            login = order[0];
            Reflect.apply(target, self, order);
          },
        }),
      });
    };
    world.reboot();
    await world.run(1_000);
    const exporter = new Uint8Array(32).fill(5);
    const context = { gateway: world.gateway.gateway, nowMs: trueMs, exporter };
    const { identity } = await checkLogin(login!.password(exporter), context, world.crypto);
    expect(identity).toEqual(world.device.thumbprint);
    // Without the exporter the token must end within ten minutes of the gateway's time, which may differ by a few.
    await checkLogin(login!.password(undefined), { ...context, exporter: undefined }, world.crypto);
  });
});

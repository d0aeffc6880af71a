import { CLOSE_LAST, CTL, ERR, encodeErr, encodeValues, hintCtl, OPEN_REASON, parseFrame } from '@pulseseal/protocol';
import { isLong } from '@pulseseal/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SeenEpoch } from './counterpart.ts';
import { createWorld, type World } from './harness.ts';
import { readEpoch } from './reader.ts';

const total = (ranges: readonly (readonly [number, number])[]) => ranges.reduce((sum, [, count]) => sum + count, 0);
const epochs = (world: World) => [...world.gateway.epochs];

/** Everything the device sealed has come and every close's root holds. */
function expectWhole(world: World): void {
  const seen = world.gateway.epochs;
  for (const account of world.device.account()) {
    const epoch = seen.get(account.eh);
    if (account.sent === 0) continue;
    expect(epoch, `epoch ${account.eh}`).toBeDefined();
    expect([account.eh, epoch!.frames.size]).toEqual([account.eh, account.sent]);
    expect(world.gateway.sealed(account.eh)).toEqual([...epoch!.closes.keys()].sort((a, b) => a - b));
  }
  expect(world.gateway.conflicts).toBe(0);
}

const closedFrames = (epoch: SeenEpoch) => [...epoch.closes.values()].reduce((sum, { body }) => sum + body.count, 0);

async function stop(world: World, drainMs: number): Promise<boolean> {
  let drained: boolean | undefined;
  world.device.stop(drainMs).then((value) => {
    drained = value;
  });
  await world.until('stopped', () => drained !== undefined, drainMs + 10_000);
  return drained!;
}

describe('a bad link', () => {
  it.each([0.01, 0.05, 0.2])(
    'that loses a share of %d of everything, doubles and reorders, loses nothing for good',
    async (loss) => {
      const world = createWorld({ lossy: { loss: 0, duplicate: 0, reorder: 0, delayMs: [0, 0] } });
      await world.enrol();
      world.link.set({ loss, duplicate: 0.05, reorder: 0.1, delayMs: [5, 80] });
      for (let i = 0; i < 40; i++) {
        world.sendHeart(60 + i);
        await world.run(1000);
      }
      expect(await stop(world, 300_000)).toBe(true);
      expect(world.link.counts.lost).toBeGreaterThan(0);
      expectWhole(world);
      const account = world.device.account();
      expect(account.reduce((sum, e) => sum + total(e.acknowledged), 0)).toBe(
        account.reduce((sum, e) => sum + e.sent, 0),
      );
    },
  );

  it('that is away 30 s at a time over the ends of epochs delivers all that was kept', async () => {
    const world = createWorld({ settings: { epochMs: 40_000 } });
    await world.enrol();
    for (let i = 0; i < 240; i++) {
      if (i % 50 === 20) world.link.outage(30_000);
      world.sendHeart();
      await world.run(1000);
    }
    expect(await stop(world, 120_000)).toBe(true);
    expect(world.link.counts.outages).toBeGreaterThanOrEqual(4);
    expectWhole(world);
    for (const [, epoch] of epochs(world)) expect(closedFrames(epoch)).toBe(epoch.frames.size);
  });

  it('that is away for hours makes offline epochs, which go up by bulk, closes before frames', async () => {
    const world = createWorld({ settings: { epochMs: 60_000, segmentMs: 20_000 } });
    await world.enrol();
    world.link.outage(240_000);
    for (let i = 0; i < 300; i++) {
      world.sendHeart();
      await world.run(1000);
    }
    expect(await stop(world, 120_000)).toBe(true);
    expectWhole(world);
    const bulked = epochs(world).filter(([, epoch]) => epoch.byBulk);
    expect(bulked.length).toBeGreaterThanOrEqual(2);
    const offline = bulked.filter(([, epoch]) => epoch.open.gatewayWrap === undefined);
    expect(offline.length).toBeGreaterThanOrEqual(1);
    for (const [, epoch] of offline) {
      expect(epoch.open.reason).toBe(OPEN_REASON.offline);
      for (const raw of epoch.frames.values()) expect(parseFrame(raw).gt.length).toBe(0);
    }
  });
});

describe('a broker that restarts', () => {
  it('gets the same bytes again and no new handshake', async () => {
    const world = createWorld();
    await world.enrol();
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 5; i++) world.sendHeart();
      world.broker.setAccepting(false);
      await world.run(2000);
      for (let i = 0; i < 5; i++) world.sendHeart();
      world.broker.setAccepting(true);
      await world.run(3000);
    }
    await world.run(2000);
    expect(epochs(world).length).toBe(1);
    expectWhole(world);
  });
});

describe('a reboot', () => {
  it('with its spool signs the missing closes before the new open and hands everything in', async () => {
    const world = createWorld();
    await world.enrol();
    for (let i = 0; i < 15; i++) {
      world.sendHeart();
      await world.run(1000);
    }
    const [firstEh, first] = epochs(world)[0]!;
    world.broker.setAccepting(false);
    for (let i = 0; i < 5; i++) world.sendHeart();
    await world.run(3000);
    world.device.halt();
    world.reboot();
    world.broker.setAccepting(true);
    await world.until('live again', () => world.device.state === 'live');
    await world.until('the old epoch whole', () => closedFrames(first) === first.frames.size, 30_000);
    const last = [...first.closes.values()].sort((a, b) => a.body.segment - b.body.segment).at(-1)!;
    expect(last.body.last).toBe(CLOSE_LAST.recovered);
    const [, second] = epochs(world)[1]!;
    expect(second.open.boot).toBe(first.open.boot + 1);
    expect(second.open.epoch).toBe(first.open.epoch + 1);
    expect(second.open.reason).toBe(OPEN_REASON.boot);
    expect(Buffer.from(second.open.previousClose!)).toEqual(Buffer.from(world.crypto.sha256(last.raw)));
    expect(world.gateway.sealed(firstEh).length).toBe(first.closes.size);
    await stop(world, 20_000);
    expectWhole(world);
  });

  it('without its spool says so and leaves the hole explicit', async () => {
    const world = createWorld();
    await world.enrol();
    await world.run(1000);
    world.device.halt();
    world.flash.rewrite([]);
    world.reboot();
    await world.until('live again', () => world.device.state === 'live');
    const [, second] = epochs(world)[1]!;
    expect(world.notices).toContain('orphan');
    expect(second.open.previousClose).toBeNull();
  });

  it('keeps the account of what was acknowledged', async () => {
    const world = createWorld();
    await world.enrol();
    for (let i = 0; i < 12; i++) world.sendHeart();
    await world.run(2000);
    const before = world.device.account();
    world.device.halt();
    world.reboot();
    await world.until('live again', () => world.device.state === 'live');
    await stop(world, 20_000);
    const after = world.device.account();
    expect(after.length).toBe(2);
    for (const account of after) expect(total(account.acknowledged)).toBe(account.sent);
    expect(after[0]!.sent).toBeGreaterThanOrEqual(before[0]!.sent);
  });
});

describe('counters that went back to a pair that was used', () => {
  const heart = (bpm: number) => Buffer.from(encodeValues(new Map([[0, bpm]]))).toString('hex');
  const setCounters = (world: World, counters: { boot: number; epoch: number }) => {
    const state = JSON.parse(Buffer.from(world.flash.readState()!).toString()) as object;
    world.flash.writeState(Buffer.from(JSON.stringify({ ...state, ...counters })));
  };
  /** Five readings under (1, 1), which the epoch before holds; answers that epoch's name. */
  const conflict = async (world: World, sentMs: Map<string, number>): Promise<string> => {
    await world.enrol();
    world.sendHeart(60);
    await world.run(1_000);
    world.device.halt();
    setCounters(world, { boot: 0, epoch: 0 });
    world.reboot();
    await world.until('lost', () => world.gateway.lost.length === 1);
    for (let i = 0; i < 5; i++) {
      sentMs.set(heart(100 + i), world.clock.nowMs());
      world.sendHeart(100 + i);
      await world.run(1_000);
    }
    return world.device.account().find(({ held }) => held > 0)!.eh;
  };
  const resync = (world: World, boot: number, epoch: number) =>
    world.gateway.resync(epochs(world)[0]![1].open.device, boot, epoch, world.gateway.lost.at(-1)!);
  const accountOf = (world: World, eh: string) => world.device.account().find((entry) => entry.eh === eh)!;

  it('are resynced; what was sealed under them is sealed anew, once and with its own times [EPOCH-10]', async () => {
    const world = createWorld();
    const sentMs = new Map<string, number>();
    const eh = await conflict(world, sentMs);
    const manifest = world.heldManifest();
    resync(world, 1, 1);
    await world.until('sealed anew and live again', () => epochs(world).length === 4 && world.device.state === 'live');
    expect(await stop(world, 60_000)).toBe(true);
    expect(world.gateway.epochs.has(eh)).toBe(false);
    const read = new Map<string, number[]>();
    for (const [, epoch] of epochs(world))
      for (const { ft, payload, dt } of await readEpoch(world, epoch, manifest)) {
        if (ft !== 1) continue;
        const value = Buffer.from(payload).toString('hex');
        read.set(value, [...(read.get(value) ?? []), epoch.open.clock.t0Ms + dt]);
      }
    for (const [value, atMs] of sentMs) expect(read.get(value)).toEqual([Math.floor(atMs)]);
    const { sent, held, acknowledged, refused } = accountOf(world, eh);
    expect([held, total(acknowledged), total(refused)]).toEqual([0, 0, sent]);
    expect(world.notices).toContain('counters-reused');
    expect(world.notices).not.toContain('clone-suspected');
    expect(world.gateway.lost.length).toBe(1);
    expect(world.device.backlog).toBe(0);
  });

  it('leave a gap with a name after one more reboot, and the memory free [EPOCH-10]', async () => {
    const world = createWorld();
    const eh = await conflict(world, new Map());
    world.device.halt();
    world.reboot();
    await world.until('the gap', () => world.notices.includes('counters-reused'));
    const { sent, held, refused } = accountOf(world, eh);
    expect([held, total(refused)]).toEqual([0, sent]);
    expect(await stop(world, 60_000)).toBe(true);
    // The next epoch names a close that nobody holds: the hole is explicit.
    const closes = [...world.gateway.epochs.values()].flatMap((e) => [...e.closes.values()].map(({ raw }) => raw));
    const known = new Set(closes.map((raw) => Buffer.from(world.crypto.sha256(raw)).toString('hex')));
    const previous = epochs(world)[1]![1].open.previousClose;
    expect(previous).not.toBeNull();
    expect(known.has(Buffer.from(previous!).toString('hex'))).toBe(false);
  });

  it('are not given up for a hint, nor for a word about an epoch that never went by bulk', async () => {
    const world = createWorld();
    const eh = await conflict(world, new Map());
    const live = epochs(world)[0]![0];
    const content = encodeErr({ code: ERR.staleCounter, eh: Buffer.from(eh, 'hex') });
    world.gateway.send(hintCtl(CTL.err, Buffer.from(eh, 'hex'), content));
    world.gateway.send(world.gateway.ctl(live, CTL.err, content));
    await world.run(2_000);
    expect(accountOf(world, eh).held).toBeGreaterThan(0);
    expect(world.notices).not.toContain('counters-reused');
  });
});

describe('a full memory', () => {
  it('drops the oldest data first, urgent frames last, counts it, and lets the gap be proved', async () => {
    const world = createWorld({ settings: { spoolBytes: 30_000, segmentMs: 20_000 } });
    await world.enrol();
    await world.run(1000);
    world.broker.setAccepting(false);
    world.device.send(1, { values: new Map([[0, 31]]) }, { urgent: true });
    for (let i = 0; i < 120; i++) {
      world.device.send(3, { quality: 100, samples: new Int16Array(250) });
      await world.run(200);
    }
    const account = () => world.device.account()[0]!;
    expect(total(account().dropped)).toBeGreaterThan(20);
    world.broker.setAccepting(true);
    expect(await stop(world, 120_000)).toBe(true);
    const dropped = total(account().dropped);
    const [eh, epoch] = epochs(world)[0]!;
    const urgent = [...epoch.frames.values()].map((raw) => parseFrame(raw)).filter((frame) => frame.ft === 3);
    expect(urgent.length).toBe(1);
    // What was in flight when it was dropped may have arrived all the same.
    expect(epoch.frames.size).toBeGreaterThanOrEqual(account().sent - dropped);
    expect(epoch.frames.size).toBeLessThanOrEqual(account().sent - dropped + 16);
    expect(world.gateway.sealed(eh).length).toBe(epoch.closes.size);
    expect([...epoch.closes.values()].at(-1)!.body.dropped).toBe(dropped);
    expect(total(account().acknowledged)).toBe(account().sent - dropped);
  });
});

describe('whatever happens', () => {
  it('no key and nonce seal two plaintexts, over random reboots, outages and rekeys [FRAME-7]', async () => {
    const runs = isLong() ? 60 : 8;
    const step = fc.constantFrom('reboot', 'reboot-lost-state', 'outage', 'send', 'send', 'send', 'wait');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 14 }), fc.integer(), async (steps, seed) => {
        const world = createWorld({ seed, settings: { epochMs: 30_000 } });
        await world.enrol();
        const manifest = world.heldManifest();
        const enrolled = world.flash.readState()!;
        for (const kind of steps) {
          if (kind === 'send') for (let i = 0; i < 4; i++) world.sendHeart(60 + i);
          else if (kind === 'outage') world.link.outage(8_000);
          else if (kind === 'wait') await world.run(9_000);
          else {
            world.device.halt();
            // A flash that forgot its counters: the worst that storage can do.
            if (kind === 'reboot-lost-state') world.flash.writeState(enrolled);
            world.reboot();
          }
          await world.run(400);
        }
        await world.run(40_000);
        const pairs = new Map<string, string>();
        for (const [, epoch] of epochs(world)) {
          if (epoch.keys === undefined) continue;
          for (const frame of await readEpoch(world, epoch, manifest)) {
            const raw = Buffer.from(epoch.frames.get(frame.seq)!).toString('hex');
            const earlier = pairs.get(frame.keyAndNonce);
            if (earlier !== undefined) expect(raw).toBe(earlier);
            pairs.set(frame.keyAndNonce, raw);
          }
        }
        expect(pairs.size).toBeGreaterThan(0);
        expect(world.gateway.conflicts).toBe(0);
        world.device.halt();
      }),
      { numRuns: runs, endOnFailure: true },
    );
  }, 240_000);
});

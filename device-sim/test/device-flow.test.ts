import {
  CLOSE_LAST,
  FRAME_TYPE,
  OPEN_REASON,
  parseBeat,
  parseCard,
  parseData,
  parseMessage,
} from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import { createWorld, type World } from './harness.ts';
import { readEpoch } from './reader.ts';

const total = (ranges: readonly (readonly [number, number])[]) => ranges.reduce((sum, [, count]) => sum + count, 0);
const firstEpoch = (world: World) => [...world.gateway.epochs][0]!;

describe('a device on a good link', () => {
  it('opens an epoch, seals frames, closes segments that verify, and forgets what is acknowledged', async () => {
    const world = createWorld();
    await world.enrol();
    for (let i = 0; i < 30; i++) {
      world.sendHeart(70 + i);
      await world.run(1000);
    }
    const [eh, epoch] = firstEpoch(world);
    expect(world.gateway.refusals).toEqual([]);
    expect(world.gateway.sealed(eh).length).toBeGreaterThanOrEqual(2);
    expect(world.gateway.conflicts).toBe(0);
    const account = world.device.account().find((entry) => entry.eh === eh)!;
    expect(account.sent).toBe(epoch.frames.size);
    expect(total(account.acknowledged)).toBe(account.sent);
    expect(account.held).toBe(0);
  });

  it('says to its recipient exactly what it measured, with cards first and counts at each end', async () => {
    const world = createWorld();
    await world.enrol();
    const sent: number[] = [];
    for (let i = 0; i < 24; i++) {
      sent.push(60 + i);
      world.sendHeart(60 + i);
      await world.run(1000);
    }
    const [eh, epoch] = firstEpoch(world);
    const frames = await readEpoch(world, epoch, world.heldManifest());
    const data = frames.filter((f) => f.ft === FRAME_TYPE.data && f.st === 1);
    const heart = data.map((f) => {
      const content = parseData(f.payload, 1);
      return content.kind === 'values' ? content.values.get(0) : undefined;
    });
    expect(heart).toEqual(sent);
    const card = frames.find((f) => f.ft === FRAME_TYPE.card && f.st === 1)!;
    expect(card.seq).toBeLessThan(data[0]!.seq);
    expect(Buffer.from(world.crypto.sha256(card.payload))).toEqual(Buffer.from(epoch.open.cardHashes.get(1)!));
    expect(parseCard(card.payload).streams.get(1)![0]!.code).toBe(147842);
    for (const stream of [0, 1]) {
      let previous = 0;
      for (const frame of frames.filter((f) => f.st === stream)) {
        expect(frame.prev).toBe(previous);
        previous = frame.seq;
      }
    }
    for (const { body } of epoch.closes.values()) {
      const last = frames.find((f) => f.seq === body.firstSeq + body.count - 1)!;
      expect(last.ft).toBe(FRAME_TYPE.heartbeat);
      const beat = parseBeat(last.payload);
      const inSegment = frames.filter((f) => f.sg === body.segment && f.st === 1);
      const row = beat.streams.find((s) => s.st === 1)!;
      expect(row.count).toBe(inSegment.length);
      expect(row.last).toBe(frames.filter((f) => f.st === 1 && f.seq <= last.seq).at(-1)?.seq ?? 0);
    }
    expect(world.gateway.sealed(eh)).toEqual([...epoch.closes.keys()].sort((a, b) => a - b));
  });

  it('sends the card before the first value also when that comes segments later [PAY-2]', async () => {
    const world = createWorld();
    await world.enrol();
    await world.run(30_000);
    world.sendHeart(71);
    world.sendHeart(72);
    await world.run(20_000);
    const [, epoch] = firstEpoch(world);
    const frames = await readEpoch(world, epoch, world.heldManifest());
    const own = frames.filter((f) => f.st === 1);
    expect(own[0]!.sg).toBeGreaterThan(0);
    expect(own.map((f) => f.ft)).toEqual([FRAME_TYPE.card, FRAME_TYPE.data, FRAME_TYPE.data]);
  });

  it('beats at the heartbeat period whether or not data flow', async () => {
    const world = createWorld();
    await world.enrol();
    await world.run(30_000);
    const [, epoch] = firstEpoch(world);
    const frames = await readEpoch(world, epoch, world.heldManifest());
    const beats = frames.filter((f) => f.ft === FRAME_TYPE.heartbeat).map((f) => f.dt);
    for (let i = 1; i < beats.length; i++) expect(beats[i]! - beats[i - 1]!).toBeLessThanOrEqual(5_500);
    expect(beats.length).toBeGreaterThanOrEqual(6);
  });

  it('closes at once behind an urgent frame', async () => {
    const world = createWorld();
    await world.enrol();
    await world.run(1000);
    const [eh] = firstEpoch(world);
    const closesBefore = firstEpoch(world)[1].closes.size;
    world.device.send(1, { values: new Map([[0, 30]]) }, { urgent: true });
    await world.run(100);
    const [, epoch] = firstEpoch(world);
    expect(epoch.closes.size).toBe(closesBefore + 1);
    expect(world.gateway.sealed(eh)).toContain(closesBefore);
  });

  it('closes a segment at K frames', async () => {
    const world = createWorld({ settings: { maxSegmentFrames: 64 } });
    await world.enrol();
    for (let i = 0; i < 200; i++) world.sendHeart();
    await world.run(2000);
    const [, epoch] = firstEpoch(world);
    expect(epoch.closes.size).toBeGreaterThanOrEqual(3);
    for (const { body } of epoch.closes.values()) expect(body.count).toBeLessThanOrEqual(64);
  });

  it('opens the next epoch by the timer, chained to the last close of the one before', async () => {
    const world = createWorld({ settings: { epochMs: 20_000 } });
    await world.enrol();
    for (let i = 0; i < 50; i++) {
      world.sendHeart();
      await world.run(1000);
    }
    const epochs = [...world.gateway.epochs.values()];
    expect(epochs.length).toBeGreaterThanOrEqual(3);
    expect(epochs[0]!.open.reason).toBe(OPEN_REASON.boot);
    for (let i = 1; i < epochs.length; i++) {
      const before = epochs[i - 1]!;
      const last = [...before.closes.values()].at(-1)!;
      expect(last.body.last).toBe(CLOSE_LAST.timer);
      expect(Buffer.from(epochs[i]!.open.previousClose!)).toEqual(Buffer.from(world.crypto.sha256(last.raw)));
      expect(epochs[i]!.open.epoch).toBe(before.open.epoch + 1);
      expect(epochs[i]!.open.reason).toBe(OPEN_REASON.timer);
    }
    expect(world.gateway.refusals).toEqual([]);
  });

  it('ends in order: last close, empty spool, goodbye', async () => {
    const world = createWorld();
    await world.enrol();
    world.sendHeart();
    await world.run(500);
    const stopping = world.device.stop(5_000);
    let drained: boolean | undefined;
    stopping.then((value) => {
      drained = value;
    });
    await world.until('stopped', () => drained !== undefined);
    expect(drained).toBe(true);
    const [eh, epoch] = firstEpoch(world);
    expect([...epoch.closes.values()].at(-1)!.body.last).toBe(CLOSE_LAST.shutdown);
    expect(world.gateway.byes.length).toBe(1);
    expect(world.gateway.sealed(eh).length).toBe(epoch.closes.size);
    expect(world.device.account().every((entry) => entry.held === 0)).toBe(true);
    expect(world.sendHeart()).toBe('stopped');
  });

  it('hands opening and keys of each epoch to its agent', async () => {
    const world = createWorld();
    await world.enrol();
    await world.run(500);
    const kinds = world.told.map((bytes) => parseMessage(bytes).kind);
    expect(kinds).toContain('opening');
    expect(kinds).toContain('keys');
  });
});

describe('what a device refuses to send', () => {
  it('is a stream that it never opened, and a frame beyond the limit', async () => {
    const world = createWorld();
    expect(world.sendHeart()).toBe('not-claimed');
    await world.enrol();
    expect(world.device.send(9, { values: new Map([[0, 1]]) })).toBe('unknown-stream');
    expect(world.device.send(3, { quality: 100, samples: new Int16Array(9000) })).toBe('too-large');
    expect(world.sendHeart()).toBe('kept');
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog, openLogReader, readCursor } from '@pulseseal/log';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeFeedRecord, encodeFeedRecords } from '../src/feed-record.ts';
import { type FeedItem, type LostMessage, openEmbeddedPublisher, openEmbeddedSubscriber } from '../src/mod.ts';
import { busContract } from './bus.contract.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (message: { body: Uint8Array }) => new TextDecoder().decode(message.body);
const noLoss = (lost: LostMessage) => {
  throw new Error(`lost at ${lost.position}: ${lost.reason}`);
};

busContract('embedded', async (maxBytes) => {
  const dir = await mkdtemp(join(tmpdir(), 'pulseseal-bus-'));
  const feed = join(dir, 'feed');
  let needed = 0;
  return {
    openPublisher: () =>
      openEmbeddedPublisher({
        dir: feed,
        ...(maxBytes === undefined ? {} : { maxBacklogBytes: maxBytes, keepFrom: () => needed }),
      }),
    async openSubscriber(name) {
      const cursorPath = join(dir, 'cursors', name);
      const subscriber = await openEmbeddedSubscriber({ dir: feed, cursorPath, onLost: noLoss });
      return {
        ...subscriber,
        async acknowledge(position) {
          await subscriber.acknowledge(position);
          needed = (await readCursor(cursorPath)).position;
        },
      };
    },
    dispose: () => rm(dir, { recursive: true }),
  };
});

describe('the embedded bus', () => {
  let dir: string;
  let feed: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'pulseseal-bus-'));
    feed = join(dir, 'feed');
  });
  afterEach(() => rm(dir, { recursive: true }));
  const drain = async (subscriber: Awaited<ReturnType<typeof openEmbeddedSubscriber>>, count: number) => {
    const got = [];
    while (got.length < count) {
      const more = await subscriber.receive(64, AbortSignal.timeout(5_000));
      if (more.length === 0) break;
      got.push(...more);
    }
    return got;
  };

  it('delivers references as the bytes of the records they name, or the named part of them', async () => {
    const journal = await openLog({ dir: join(dir, 'journal') });
    const positions = await journal.appendMany(Array.from({ length: 40 }, (_, i) => bytes(`head:frame ${i}`)));
    const publisher = await openEmbeddedPublisher({ dir: feed });
    await publisher.publishMany(
      positions.map(
        (position, i): FeedItem => ({ topic: `r/f/${i}`, reference: { log: 'journal', position, offset: 5 } }),
      ),
    );
    await publisher.publishReference('whole', 'journal', positions[3]!);
    await publisher.publishReference('part', 'journal', positions[3]!, { offset: 5, length: 5 });
    await publisher.publish('plain', bytes('own bytes'));
    const reader = await openLogReader({ dir: join(dir, 'journal') });
    const subscriber = await openEmbeddedSubscriber({
      dir: feed,
      cursorPath: join(dir, 'cursor'),
      references: { journal: reader },
      onLost: noLoss,
    });
    const got = await drain(subscriber, 43);
    expect(got.slice(0, 40).map(text)).toEqual(Array.from({ length: 40 }, (_, i) => `frame ${i}`));
    expect(got.slice(40).map((m) => [m.topic, text(m)])).toEqual([
      ['whole', 'head:frame 3'],
      ['part', 'frame'],
      ['plain', 'own bytes'],
    ]);
    await Promise.all([subscriber.close(), publisher.close(), journal.close(), reader.close()]);
  });

  it('spends at most 12 bytes of disk on a reference in a batch', async () => {
    const publisher = await openEmbeddedPublisher({ dir: feed });
    const items = Array.from(
      { length: 1000 },
      (_, i): FeedItem => ({
        topic: `0011223344556677/f/${(1_700_000_000_000 + i).toString(36)}`,
        reference: { log: 'journal', position: 96 + i * 400, offset: 20 },
      }),
    );
    await publisher.publishMany(items);
    await publisher.close();
    const { size } = await stat(join(feed, '0000000000000000.seg'));
    expect(size / items.length).toBeLessThan(12);
  });

  it('writes an end that neighbouring messages share once a record, and delivers each message whole', async () => {
    const publisher = await openEmbeddedPublisher({ dir: feed });
    const tail = new Uint8Array(3_309).fill(7);
    const items = Array.from(
      { length: 200 },
      (_, i): FeedItem => ({ topic: `t/${i}`, body: bytes(`head ${i}`), tail }),
    );
    await publisher.publishMany(items);
    const subscriber = await openEmbeddedSubscriber({ dir: feed, cursorPath: join(dir, 'cursor'), onLost: noLoss });
    const messages = await drain(subscriber, 200);
    expect(messages.map((m) => text({ body: m.body.subarray(0, -3_309) }))).toEqual(items.map((_, i) => `head ${i}`));
    expect(messages.every((m) => m.body.subarray(-3_309).every((byte) => byte === 7))).toBe(true);
    await Promise.all([subscriber.close(), publisher.close()]);
    const { size } = await stat(join(feed, '0000000000000000.seg'));
    expect(size).toBeLessThan(2 * 3_309 + 200 * 30);
  });

  it('reports a message whose record is gone, and delivers those behind it', async () => {
    const journal = await openLog({ dir: join(dir, 'journal') });
    const position = await journal.append(bytes('frame'));
    const publisher = await openEmbeddedPublisher({ dir: feed });
    await publisher.publishReference('a', 'absent', position);
    await publisher.publishReference('b', 'journal', position, { offset: 2, length: 99 });
    await publisher.publishReference('c', 'journal', position);
    const lost: LostMessage[] = [];
    const subscriber = await openEmbeddedSubscriber({
      dir: feed,
      cursorPath: join(dir, 'cursor'),
      references: { journal },
      onLost: (l) => lost.push(l),
    });
    expect((await drain(subscriber, 1)).map(text)).toEqual(['frame']);
    expect(lost.map((l) => l.topic)).toEqual(['a', 'b']);
    await Promise.all([subscriber.close(), publisher.close(), journal.close()]);
  });

  it('resumes in the middle of a batch', async () => {
    const publisher = await openEmbeddedPublisher({ dir: feed });
    await publisher.publishMany(Array.from({ length: 10 }, (_, i) => ({ topic: 't', body: bytes(`${i}`) })));
    const open = () => openEmbeddedSubscriber({ dir: feed, cursorPath: join(dir, 'cursor'), onLost: noLoss });
    const first = await open();
    await first.acknowledge((await drain(first, 10))[3]!.position);
    await first.close();
    const second = await open();
    const rest = await drain(second, 6);
    expect(rest.map(text)).toEqual(['4', '5', '6', '7', '8', '9']);
    await second.acknowledge(rest[5]!.position);
    await second.close();
    await publisher.publish('t', bytes('later'));
    const third = await open();
    expect((await drain(third, 1)).map(text)).toEqual(['later']);
    await Promise.all([third.close(), publisher.close()]);
  });

  it('tells a restarted publisher how far its source is in the feed', async () => {
    let publisher = await openEmbeddedPublisher({ dir: feed, segmentBytes: 2 ** 20 });
    expect(publisher.lastUpstreamPosition()).toBe(undefined);
    for (let i = 1; i <= 300; i++)
      await publisher.publishMany([{ topic: 't', body: new Uint8Array(10_000) }], {
        durable: i % 50 === 0,
        upstreamPosition: i * 10,
      });
    await publisher.publish('t', bytes('without a mark'));
    await publisher.close();
    publisher = await openEmbeddedPublisher({ dir: feed });
    expect(publisher.lastUpstreamPosition()).toBe(3000);
    await publisher.publishMany([], { upstreamPosition: 4000 });
    await publisher.close();
    publisher = await openEmbeddedPublisher({ dir: feed });
    expect(publisher.lastUpstreamPosition()).toBe(4000);
    await publisher.close();
  });

  it('a publisher killed at any moment, going on from its last mark, loses and repeats nothing in the feed', async () => {
    const rounds = 5;
    for (let round = 0; round < rounds; round++) {
      const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, 'feeder.ts'), feed], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout!, 'data');
      await new Promise((resolve) => setTimeout(resolve, 30 + 37 * round));
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const publisher = await openEmbeddedPublisher({ dir: feed });
    const last = publisher.lastUpstreamPosition()!;
    await publisher.close();
    expect(last).toBeGreaterThan(rounds);
    const subscriber = await openEmbeddedSubscriber({ dir: feed, cursorPath: join(dir, 'cursor'), onLost: noLoss });
    const got = await drain(subscriber, last);
    expect(got.map(text)).toEqual(Array.from({ length: last }, (_, i) => `${i + 1}`));
    await subscriber.close();
  });

  it('follows a feed that another process writes', async () => {
    const subscriber = await openEmbeddedSubscriber({ dir: feed, cursorPath: join(dir, 'cursor'), onLost: noLoss });
    const child = spawn(process.execPath, [join(import.meta.dirname, 'feeder.ts'), feed], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const got = await drain(subscriber, 2000);
      expect(got.map(text)).toEqual(got.map((_, i) => `${i + 1}`));
      expect(got.length).toBeGreaterThanOrEqual(2000);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      await subscriber.close();
    }
  });
});

describe('feed records', () => {
  const tails = [new Uint8Array(3).fill(1), new Uint8Array(300).fill(2)];
  const item = fc.oneof(
    fc.record({
      topic: fc.string({ minLength: 1, maxLength: 40 }),
      body: fc.uint8Array({ maxLength: 300 }),
      tail: fc.constantFrom(...tails),
    }),
    fc.record({ topic: fc.string({ minLength: 1, maxLength: 40 }), body: fc.uint8Array({ maxLength: 300 }) }),
    fc.record({
      topic: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
      reference: fc.record(
        {
          log: fc.constantFrom('journal', 'evidence'),
          position: fc.maxSafeNat(),
          offset: fc.nat(1000),
          length: fc.nat(1000),
        },
        { requiredKeys: ['log', 'position', 'offset'] },
      ),
    }),
  );
  it('parse to what was encoded, with the upstream position in the last record', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 50 }), fc.option(fc.nat(), { nil: undefined }), (items, upstream) => {
        const decoded = encodeFeedRecords(items as FeedItem[], upstream).map(decodeFeedRecord);
        expect(decoded.at(-1)!.upstreamPosition).toBe(upstream);
        expect(decoded.flatMap((r) => r.items)).toEqual(items);
      }),
    );
  });
  it('refuse bytes that are none, by name, and never hang', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
        try {
          decodeFeedRecord(junk);
        } catch (error) {
          expect(error).toMatchObject({ code: 'bus-message-damaged' });
        }
      }),
    );
  });
});

import { Failure } from '@pulseseal/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BusMessage, BusPublisher, BusSubscriber } from '../src/mod.ts';

/** One bus under test. `full` is a bus that holds at most some 20 kB for subscriber 'a'. */
export interface BusHarness {
  openPublisher(): Promise<BusPublisher>;
  /** The same name is the same subscriber; what it did not acknowledge comes again. */
  openSubscriber(name: string): Promise<BusSubscriber>;
  dispose(): Promise<void>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (message: BusMessage) => new TextDecoder().decode(message.body);

async function take(subscriber: BusSubscriber, count: number): Promise<BusMessage[]> {
  const got: BusMessage[] = [];
  while (got.length < count) {
    const more = await subscriber.receive(count - got.length, AbortSignal.timeout(5_000));
    if (more.length === 0) throw new Error(`only ${got.length} of ${count} messages came`);
    got.push(...more);
  }
  return got;
}

const nothing = async (subscriber: BusSubscriber) =>
  expect(await subscriber.receive(10, AbortSignal.timeout(60))).toEqual([]);

export function busContract(name: string, create: (maxBytes?: number) => Promise<BusHarness>): void {
  describe(`bus contract: ${name}`, () => {
    let bus: BusHarness;
    let publisher: BusPublisher;
    beforeEach(async () => {
      bus = await create();
      publisher = await bus.openPublisher();
    });
    afterEach(async () => {
      await publisher.close();
      await bus.dispose();
    });
    const publishAll = async (from: number, to: number) => {
      for (let i = from; i < to; i++) await publisher.publish(`t/${i % 3}`, bytes(`m${i}`));
    };

    it('delivers every message in the order of publishing, with rising positions', async () => {
      const a = await bus.openSubscriber('a');
      await publishAll(0, 50);
      const got = await take(a, 50);
      expect(got.map(text)).toEqual(Array.from({ length: 50 }, (_, i) => `m${i}`));
      expect(got.map((m) => m.topic)).toEqual(Array.from({ length: 50 }, (_, i) => `t/${i % 3}`));
      for (let i = 1; i < got.length; i++) expect(got[i]!.position).toBeGreaterThan(got[i - 1]!.position);
      await a.close();
    });

    it('wakes a waiting receive and never answers more than asked', async () => {
      const a = await bus.openSubscriber('a');
      const waiting = a.receive(2, AbortSignal.timeout(5_000));
      await publishAll(0, 5);
      const first = await waiting;
      expect(first.length).toBeGreaterThan(0);
      expect(first.length).toBeLessThanOrEqual(2);
      await a.close();
    });

    it('delivers again, at the same positions, what was not acknowledged', async () => {
      const a = await bus.openSubscriber('a');
      await publishAll(0, 10);
      const first = await take(a, 10);
      await a.close();
      const again = await bus.openSubscriber('a');
      expect(await take(again, 10)).toEqual(first);
      await again.close();
    });

    it('acknowledges cumulatively: everything up to the position never comes again', async () => {
      const a = await bus.openSubscriber('a');
      await publishAll(0, 10);
      const got = await take(a, 10);
      await a.acknowledge(got[6]!.position);
      await a.acknowledge(got[2]!.position);
      await a.close();
      const again = await bus.openSubscriber('a');
      expect((await take(again, 3)).map(text)).toEqual(['m7', 'm8', 'm9']);
      await nothing(again);
      await again.close();
    });

    it('refuses to acknowledge what was not received', async () => {
      const a = await bus.openSubscriber('a');
      await publishAll(0, 2);
      const [first] = await take(a, 1);
      await expect(a.acknowledge(first!.position + 1_000_000)).rejects.toMatchObject({ code: 'bus-position' });
      await a.close();
    });

    it('keeps two subscribers independent', async () => {
      const a = await bus.openSubscriber('a');
      const b = await bus.openSubscriber('b');
      await publishAll(0, 6);
      await a.acknowledge((await take(a, 6))[5]!.position);
      expect((await take(b, 6)).map(text)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5']);
      await a.close();
      await b.close();
      const [a2, b2] = [await bus.openSubscriber('a'), await bus.openSubscriber('b')];
      await nothing(a2);
      expect((await take(b2, 1)).map(text)).toEqual(['m0']);
      await a2.close();
      await b2.close();
    });

    it('goes on after the publisher was opened anew', async () => {
      await publishAll(0, 3);
      await publisher.close();
      publisher = await bus.openPublisher();
      await publishAll(3, 6);
      const a = await bus.openSubscriber('a');
      expect((await take(a, 6)).map(text)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5']);
      await a.close();
    });

    it('ends a waiting receive on the signal and on close, with nothing', async () => {
      const a = await bus.openSubscriber('a');
      await nothing(a);
      const waiting = a.receive(1);
      await a.close();
      expect(await waiting).toEqual([]);
    });

    it('refuses when full, by name and to be tried later, and takes again after an acknowledgement', async () => {
      const small = await create(20_000);
      const full = await small.openPublisher();
      const a = await small.openSubscriber('a');
      let taken = 0;
      const refusal = await (async () => {
        for (; taken < 100; taken++) {
          try {
            await full.publish('t', new Uint8Array(1_000));
          } catch (error) {
            return error;
          }
        }
        return undefined;
      })();
      expect(refusal).toBeInstanceOf(Failure);
      expect(refusal).toMatchObject({ code: 'bus-full', kind: 'retry-later' });
      expect(taken).toBeGreaterThan(5);
      const got = await take(a, taken);
      expect(got.length).toBe(taken);
      await a.acknowledge(got.at(-1)!.position);
      await full.publish('t', new Uint8Array(1_000));
      await take(a, 1);
      await a.close();
      await full.close();
      await small.dispose();
    });

    it.each([
      ['an empty topic', '', 1, 'bus-topic'],
      ['a topic of 256 bytes', 'x'.repeat(256), 1, 'bus-topic'],
      ['a body over 250 KiB', 't', 250 * 1024 + 1, 'bus-body-too-large'],
    ])('refuses %s', async (_, topic, length, code) => {
      await expect(publisher.publish(topic, new Uint8Array(length))).rejects.toMatchObject({ code });
    });

    it('takes a body of 250 KiB and an empty one', async () => {
      const a = await bus.openSubscriber('a');
      const large = new Uint8Array(250 * 1024).map((_, i) => i);
      await publisher.publish('large', large);
      await publisher.publish('empty', new Uint8Array(0));
      const [first, second] = await take(a, 2);
      expect(Buffer.compare(first!.body, large)).toBe(0);
      expect(second!.body.length).toBe(0);
      await a.close();
    });

    it('refuses publishing after close', async () => {
      await publisher.close();
      await expect(publisher.publish('t', bytes('m'))).rejects.toMatchObject({ code: 'bus-closed' });
    });
  });
}

import { busFailure } from '../failures.ts';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_MESSAGES, MAX_SUBSCRIBERS } from '../limits.ts';
import { checkMessage } from '../message.ts';
import type { BusMessage, BusPublisher, BusSubscriber } from '../ports.ts';

export interface MemoryBusSettings {
  /** Messages held until every subscriber acknowledged them. Default 10,000. */
  readonly maxMessages?: number;
  /** Bytes of their bodies. Default 16 MiB. */
  readonly maxBytes?: number;
}

/** A bus in this process's memory: durable while the object lives. */
export interface MemoryBus {
  openPublisher(): BusPublisher;
  /**
   * Names are the memory of what was acknowledged: the same name goes on behind it, and an open subscriber of that name
   * is closed. A new name begins with the oldest message held.
   */
  openSubscriber(name: string): BusSubscriber;
}

interface Subscription {
  acknowledged: number;
  end: (() => void) | undefined;
}

export function createMemoryBus(settings: MemoryBusSettings = {}): MemoryBus {
  const maxMessages = settings.maxMessages ?? DEFAULT_MAX_MESSAGES;
  const maxBytes = settings.maxBytes ?? DEFAULT_MAX_BYTES;
  let held: BusMessage[] = [];
  const subscriptions = new Map<string, Subscription>();
  const waiting = new Set<() => void>();
  let bytes = 0;
  let nextPosition = 1;

  const release = () => {
    let done = Number.POSITIVE_INFINITY;
    for (const s of subscriptions.values()) done = Math.min(done, s.acknowledged);
    // Positions are consecutive: how many are done is arithmetic.
    const count = Math.min(held.length, done + 1 - (held[0]?.position ?? nextPosition));
    if (count <= 0) return;
    for (const message of held.slice(0, count)) bytes -= message.body.length;
    held = held.slice(count);
  };

  return {
    openPublisher() {
      let isClosed = false;
      return {
        async publish(topic, body) {
          if (isClosed) throw busFailure('bus-closed');
          checkMessage(topic, body.length);
          if (bytes + body.length > maxBytes) throw busFailure('bus-full', `${bytes} bytes held`);
          if (held.length >= maxMessages) throw busFailure('bus-full', `${held.length} messages held`);
          held.push({ position: nextPosition++, topic, body: body.slice() });
          bytes += body.length;
          for (const wake of [...waiting]) wake();
        },
        async close() {
          isClosed = true;
        },
      };
    },
    openSubscriber(name) {
      const known = subscriptions.get(name);
      if (known === undefined && subscriptions.size >= MAX_SUBSCRIBERS) throw busFailure('bus-subscribers');
      const subscription = known ?? { acknowledged: (held[0]?.position ?? nextPosition) - 1, end: undefined };
      subscription.end?.();
      subscriptions.set(name, subscription);
      let delivered = subscription.acknowledged;
      let isClosed = false;
      let wakeUp: (() => void) | undefined;
      const end = () => {
        isClosed = true;
        wakeUp?.();
      };
      subscription.end = end;
      const take = (max: number): readonly BusMessage[] => {
        const from = Math.max(0, delivered + 1 - (held[0]?.position ?? nextPosition));
        const taken = held.slice(from, from + max);
        delivered = taken.at(-1)?.position ?? delivered;
        return taken;
      };
      return {
        async receive(max, signal) {
          while (true) {
            if (isClosed) return [];
            const taken = take(max);
            if (taken.length > 0 || signal?.aborted === true) return taken;
            await new Promise<void>((resolve) => {
              wakeUp = resolve;
              waiting.add(resolve);
              signal?.addEventListener('abort', () => resolve(), { once: true });
            });
            if (wakeUp !== undefined) waiting.delete(wakeUp);
            wakeUp = undefined;
          }
        },
        async acknowledge(position) {
          if (isClosed) throw busFailure('bus-closed');
          if (position > delivered) throw busFailure('bus-position', `position ${position}`);
          if (position <= subscription.acknowledged) return;
          subscription.acknowledged = position;
          release();
        },
        async close() {
          end();
        },
      };
    },
  };
}

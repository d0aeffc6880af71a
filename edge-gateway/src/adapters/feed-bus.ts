import type { EmbeddedPublisher } from '@pulseseal/bus';
import { Failure, type Logger } from '@pulseseal/runtime';
import type { Feed } from '../ports.ts';

/** Name under which feeds refer to the gateway's journal. */
export const JOURNAL_LOG = 'journal';

const RETRY_MS = 200;

/**
 * Recipients on this machine: the embedded bus. A frame stands in the journal once; the feed only points at it. Nothing
 * waits for the feed's disk: after a crash the gateway forwards again from `lastUpstreamPosition`.
 */
export function createBusFeed(publisher: EmbeddedPublisher, logger: Logger): Feed {
  let tail: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let isSlow = false;
  return {
    give(items, upstream) {
      let lastMs = Number.NaN;
      let suffix = '';
      const out = items.map(({ rid, channel, arrivedMs, message, tail, at }) => {
        // One commit's items mostly came in the same few milliseconds.
        if (arrivedMs !== lastMs) suffix = Math.round(arrivedMs).toString(36);
        lastMs = arrivedMs;
        const topic = `${rid}/${channel}/${suffix}`;
        if (at === undefined) return tail === undefined ? { topic, body: message } : { topic, body: message, tail };
        return { topic, reference: { log: JOURNAL_LOG, position: at.position, offset: at.offset, length: at.length } };
      });
      if (waiting === 0) {
        // The common case costs no wait: `publishMany` takes the items before it answers.
        const task = publisher.publishMany(out, { durable: false, upstreamPosition: upstream });
        waiting++;
        tail = task.catch((error: unknown) => retry(out, upstream, error)).finally(() => waiting--);
        return;
      }
      waiting++;
      tail = tail
        .then(() => publisher.publishMany(out, { durable: false, upstreamPosition: upstream }))
        .catch((error: unknown) => retry(out, upstream, error))
        .finally(() => waiting--);
    },
    upstream: () => publisher.lastUpstreamPosition(),
  };

  async function retry(
    items: Parameters<EmbeddedPublisher['publishMany']>[0],
    upstream: number,
    error: unknown,
  ): Promise<void> {
    for (let last = error; ; ) {
      const code = last instanceof Failure ? last.code : 'unknown';
      if (!isSlow) logger.warn({ code }, 'the feed does not take messages; they wait');
      isSlow = true;
      if (code === 'bus-closed' || code === 'log-closed') return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      try {
        if (publisher.failed !== undefined) await publisher.recover();
        await publisher.publishMany(items, { durable: false, upstreamPosition: upstream });
        isSlow = false;
        return;
      } catch (next) {
        last = next;
      }
    }
  }
}

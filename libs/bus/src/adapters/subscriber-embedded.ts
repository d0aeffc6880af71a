import {
  type Cursor,
  type FileSystem,
  type LogReader,
  openCursor,
  openLogReader,
  type Position,
  type RecordSeal,
} from '@pulseseal/log';
import { type Clock, createSystemClock } from '@pulseseal/runtime';
import { busFailure } from '../failures.ts';
import { decodeFeedRecord, type FeedItem } from '../feed-record.ts';
import { RECEIVE_BYTES, RECEIVE_RECORDS, WAIT_MS } from '../limits.ts';
import type { BusSubscriber } from '../ports.ts';
import { createResolver, type ReferencedLog } from '../resolver.ts';

/** A message that will never come, and why. */
export interface LostMessage {
  readonly position: number;
  /** Absent when the whole record is damaged. */
  readonly topic?: string;
  readonly reason: string;
}

export interface EmbeddedSubscriberSettings {
  /** Folder of the feed; it need not exist yet. */
  readonly dir: string;
  /** File of this subscriber's own; no other subscriber may use it. */
  readonly cursorPath: string;
  /** The logs that messages may refer to, by the name the publisher gives them. */
  readonly references?: Readonly<Record<string, ReferencedLog>>;
  /** Told of each message that disk damage took. Count it and raise it: it is never silent. */
  readonly onLost: (lost: LostMessage) => void;
  readonly seal?: RecordSeal;
  readonly fs?: FileSystem;
  readonly clock?: Clock;
}

/** What is delivered of one record and not acknowledged to its end. */
interface OpenRecord {
  readonly position: Position;
  readonly count: number;
  /** Where the feed goes on behind it. */
  readonly next: Position;
}

/** Follows a feed of this or another process, with a durable cursor of its own. */
export async function openEmbeddedSubscriber(settings: EmbeddedSubscriberSettings): Promise<BusSubscriber> {
  const { dir, cursorPath, references = {}, seal, fs } = settings;
  const clock = settings.clock ?? createSystemClock();
  const cursor = await openCursor(cursorPath, fs);
  const feed = await openLogReader({
    dir,
    ...(seal === undefined ? {} : { seal }),
    ...(fs === undefined ? {} : { fs }),
  });
  return follow(feed, cursor, clock, createResolver(references, clock), settings.onLost);
}

function follow(
  feed: LogReader,
  cursor: Cursor,
  clock: Clock,
  resolver: ReturnType<typeof createResolver>,
  onLost: (lost: LostMessage) => void,
): BusSubscriber {
  const closing = new AbortController();
  let next: Position = cursor.position;
  let skip = cursor.part;
  /** Items read and not handed out yet. */
  let ahead: { item: FeedItem; position: number }[] = [];
  let aheadAt = 0;
  let delivered = -1;
  let open: OpenRecord[] = [];

  const readAhead = async () => {
    ahead = [];
    aheadAt = 0;
    const read = await feed.readFrom(next, { maxBytes: RECEIVE_BYTES, maxRecords: RECEIVE_RECORDS });
    for (const { position, reason } of read.damaged) onLost({ position, reason });
    for (const [i, record] of read.records.entries()) {
      const items = itemsOf(record.position, record.data);
      const behind = read.records[i + 1]?.position ?? read.next;
      open.push({ position: record.position, count: items.length, next: behind });
      const first = record.position === cursor.position ? skip : 0;
      for (let index = first; index < items.length; index++)
        ahead.push({ item: items[index]!, position: record.position + index });
    }
    skip = 0;
    next = read.next;
  };
  const itemsOf = (position: Position, data: Uint8Array): readonly FeedItem[] => {
    try {
      return decodeFeedRecord(data).items;
    } catch (error) {
      onLost({ position, reason: error instanceof Error ? error.message : 'damaged' });
      return [];
    }
  };

  return {
    async receive(max, signal) {
      const stop = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
      while (!stop.aborted) {
        if (aheadAt >= ahead.length) await readAhead();
        if (aheadAt >= ahead.length) {
          await feed.waitForMore(next, { clock, timeoutMs: WAIT_MS, signal: stop });
          continue;
        }
        const taken = ahead.slice(aheadAt, aheadAt + max);
        const resolved = await resolver.resolve(taken, stop);
        // Counted only now: a failing or ended resolve leaves everything where it was.
        aheadAt += resolved.taken;
        delivered = taken[resolved.taken - 1]?.position ?? delivered;
        for (const lost of resolved.lost) onLost(lost);
        if (resolved.messages.length > 0) return resolved.messages;
      }
      return [];
    },
    async acknowledge(position) {
      if (closing.signal.aborted) throw busFailure('bus-closed');
      if (position > delivered) throw busFailure('bus-position', `position ${position}`);
      let place: { position: Position; part: number } | undefined;
      let done = 0;
      for (const record of open) {
        if (record.position > position) break;
        const part = position - record.position + 1;
        if (part < record.count) {
          place = { position: record.position, part };
          break;
        }
        place = { position: record.next, part: 0 };
        done++;
      }
      open = open.slice(done);
      if (place !== undefined) await cursor.save(place.position, place.part);
    },
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      await feed.close();
      await cursor.close();
    },
  };
}

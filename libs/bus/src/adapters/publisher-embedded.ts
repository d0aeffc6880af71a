import { join } from 'node:path';
import { type FileSystem, openCursor, openLog, type Position, type RecordSeal } from '@pulseseal/log';
import { Failure } from '@pulseseal/runtime';
import { busFailure } from '../failures.ts';
import { decodeFeedRecord, encodeFeedRecords, type FeedItem, type Reference } from '../feed-record.ts';
import { UPSTREAM_NOTE_BYTES } from '../limits.ts';
import { checkMessage } from '../message.ts';
import type { BusPublisher } from '../ports.ts';

export interface EmbeddedPublisherSettings {
  /** Folder of the feed; one publisher at a time. */
  readonly dir: string;
  readonly segmentBytes?: number;
  readonly maxPendingBytes?: number;
  /** Refuses with `bus-full` while more than this is not acknowledged. Needs `keepFrom`. */
  readonly maxBacklogBytes?: number;
  /** The lowest feed position that a subscriber still needs (`readCursor` of its cursor). Segments before it go. */
  readonly keepFrom?: () => Position;
  readonly seal?: RecordSeal;
  readonly fs?: FileSystem;
}

export interface PublishOptions {
  /** False: resolves at once; after a crash the publisher makes the messages again from `lastUpstreamPosition`. Default true. */
  readonly durable?: boolean;
  /** How far the publisher came in its own source with these items. */
  readonly upstreamPosition?: number;
}

export interface EmbeddedPublisher extends BusPublisher {
  /** The message is a record of another log (or a part of it), which subscribers resolve. */
  publishReference(topic: string, log: string, position: Position, part?: ReferencePart): Promise<void>;
  /** In order, in as few records as fit. Items of one call may be split over a crash; upstreamPosition marks the last. */
  publishMany(items: readonly FeedItem[], options?: PublishOptions): Promise<void>;
  /** The highest upstream position in the feed; undefined when it holds none. */
  lastUpstreamPosition(): number | undefined;
  readonly endPosition: Position;
  readonly failed: Failure | undefined;
  /** After a disk failure: takes messages again, or rejects. What was not durable must be published again. */
  recover(): Promise<void>;
}

export type ReferencePart = Pick<Reference, 'offset' | 'length'>;

/** A feed on `libs/log`: this process writes, any process subscribes. */
export async function openEmbeddedPublisher(settings: EmbeddedPublisherSettings): Promise<EmbeddedPublisher> {
  const { dir, segmentBytes, maxPendingBytes, maxBacklogBytes, keepFrom, seal, fs } = settings;
  const log = await openLog({
    dir,
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
    ...(maxPendingBytes === undefined ? {} : { maxPendingBytes }),
    ...(keepFrom === undefined ? {} : { retention: { keepFrom } }),
    ...(seal === undefined ? {} : { seal }),
    ...(fs === undefined ? {} : { fs }),
  });
  // Where to look for the last upstream position after a restart: a place a little before the end.
  const note = await openCursor(join(dir, 'upstream'), fs);
  let upstream = await findUpstream(log, note.position);
  let lastMarked: Position = note.position;

  const remember = (position: Position) => {
    if (position < note.position + UPSTREAM_NOTE_BYTES) return;
    // Only a hint: without it the next start looks at more of the feed.
    note.save(position).catch(() => {});
  };
  const publishMany = async (items: readonly FeedItem[], options: PublishOptions = {}) => {
    if (items.length === 0 && options.upstreamPosition === undefined) return;
    for (const item of items)
      checkMessage(item.topic, 'body' in item ? item.body.length + (item.tail?.length ?? 0) : 0);
    if (maxBacklogBytes !== undefined && keepFrom !== undefined) {
      const backlogBytes = log.endPosition + log.pendingBytes - Math.max(keepFrom(), log.startPosition);
      if (backlogBytes > maxBacklogBytes) throw busFailure('bus-full', `${backlogBytes} bytes not acknowledged`);
    }
    const records = encodeFeedRecords(items, options.upstreamPosition);
    try {
      const last = records.length === 1 ? [log.enqueue(records[0]!)] : log.enqueueMany(records);
      const position = last.at(-1)!;
      if (options.upstreamPosition !== undefined) {
        upstream = options.upstreamPosition;
        lastMarked = position;
      }
      if (options.durable !== false) await log.synced(position);
    } catch (error) {
      if (error instanceof Failure && error.code === 'log-full') throw busFailure('bus-full', error.detail, error);
      if (error instanceof Failure && error.code === 'log-closed') throw busFailure('bus-closed', '', error);
      throw error;
    }
  };
  log.onCommit((end) => {
    if (lastMarked < end) remember(lastMarked);
  });
  return {
    publish: (topic, body) => publishMany([{ topic, body }]),
    publishReference: (topic, name, position, part = {}) =>
      publishMany([{ topic, reference: { log: name, position, ...part } }]),
    publishMany,
    lastUpstreamPosition: () => upstream,
    get endPosition() {
      return log.endPosition;
    },
    get failed() {
      return log.failed;
    },
    async recover() {
      await log.recover();
      // What was taken without a sync is gone: the last mark on the disk counts again.
      upstream = await findUpstream(log, note.position);
    },
    async close() {
      await log.close();
      await note.close();
    },
  };
}

async function findUpstream(
  log: Pick<Awaited<ReturnType<typeof openLog>>, 'readFrom' | 'startPosition' | 'endPosition'>,
  from: Position,
): Promise<number | undefined> {
  let found: number | undefined;
  let next = from < log.startPosition || from > log.endPosition ? 0 : from;
  while (next < log.endPosition) {
    const read = await log.readFrom(next);
    for (const record of read.records) found = decodeFeedRecord(record.data).upstreamPosition ?? found;
    next = read.next;
  }
  return found;
}

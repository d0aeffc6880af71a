import type { Position, ReadBounds, ReadResult } from '@pulseseal/log';
import { type Clock, Failure, sleep } from '@pulseseal/runtime';
import type { FeedItem, Reference } from './feed-record.ts';
import { REFERENCE_RETRY_MS, REFERENCE_SPAN_BYTES, REFERENCE_WAIT_MS } from './limits.ts';
import type { BusMessage } from './ports.ts';

/** A log that messages refer to: a reader, or in its writer's own process the log itself. */
export interface ReferencedLog {
  read(position: Position): Promise<Uint8Array>;
  readFrom(position: Position, bounds?: ReadBounds): Promise<ReadResult>;
}

export interface PlacedItem {
  readonly item: FeedItem;
  readonly position: number;
}

export interface Resolved {
  readonly messages: BusMessage[];
  readonly lost: { position: number; topic: string; reason: string }[];
  /** How many items, from the first, are dealt with. */
  readonly taken: number;
}

/** Turns references into bytes; neighbours in a log are read in one go. */
export function createResolver(logs: Readonly<Record<string, ReferencedLog>>, clock: Clock) {
  return {
    async resolve(items: readonly PlacedItem[], stop: AbortSignal): Promise<Resolved> {
      const messages: BusMessage[] = [];
      const lost: Resolved['lost'] = [];
      const near = new Map<string, Uint8Array>();
      let taken = 0;
      for (const { item, position } of items) {
        if ('body' in item) {
          messages.push({ position, topic: item.topic, body: wholeBody(item) });
        } else {
          const { reference } = item;
          const key = `${reference.log}/${reference.position}`;
          if (!near.has(key)) await readNeighbours(logs, items, taken, near);
          const found = near.get(key) ?? (await readOne(logs, reference, clock, stop));
          if (stop.aborted && found === undefined) break;
          const body = found instanceof Uint8Array ? partOf(found, reference) : undefined;
          if (body !== undefined) messages.push({ position, topic: item.topic, body });
          else lost.push({ position, topic: item.topic, reason: typeof found === 'string' ? found : 'bus-reference' });
        }
        taken++;
      }
      return { messages, lost, taken };
    },
  };
}

function wholeBody({ body, tail }: { readonly body: Uint8Array; readonly tail?: Uint8Array }): Uint8Array {
  if (tail === undefined) return body;
  const whole = new Uint8Array(body.length + tail.length);
  whole.set(body);
  whole.set(tail, body.length);
  return whole;
}

function partOf(record: Uint8Array, { offset = 0, length }: Reference): Uint8Array | undefined {
  const end = length === undefined ? record.length : offset + length;
  return offset <= end && end <= record.length ? record.subarray(offset, end) : undefined;
}

/** Fills `near` with the records that the items from `from` on need, when at least two lie close together. */
async function readNeighbours(
  logs: Readonly<Record<string, ReferencedLog>>,
  items: readonly PlacedItem[],
  from: number,
  near: Map<string, Uint8Array>,
): Promise<void> {
  const first = items[from]!.item;
  if (!('reference' in first)) return;
  const { log: name, position } = first.reference;
  const log = logs[name];
  if (log === undefined) return;
  const wanted = new Set<Position>();
  for (let i = from; i < items.length; i++) {
    const { item } = items[i]!;
    if (!('reference' in item) || item.reference.log !== name) continue;
    const distance = item.reference.position - position;
    if (distance >= 0 && distance < REFERENCE_SPAN_BYTES) wanted.add(item.reference.position);
  }
  if (wanted.size < 2) return;
  // Up to and with the last one: `maxBytes` counts until it is passed.
  const maxBytes = Math.max(...wanted) - position + 1;
  try {
    const read = await log.readFrom(position, { maxBytes });
    for (const record of read.records)
      if (wanted.has(record.position)) near.set(`${name}/${record.position}`, record.data);
  } catch {
    // One by one names the record that is at fault.
  }
}

/** The record, or the code of why it can't be had; undefined when stopped. */
async function readOne(
  logs: Readonly<Record<string, ReferencedLog>>,
  reference: Reference,
  clock: Clock,
  stop: AbortSignal,
): Promise<Uint8Array | string | undefined> {
  const log = logs[reference.log];
  if (log === undefined) return 'bus-reference';
  const untilMs = clock.monotonicMs() + REFERENCE_WAIT_MS;
  while (!stop.aborted) {
    try {
      return await log.read(reference.position);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // A feed may be a moment ahead of what a reader sees of the log it refers to.
      if (error.code !== 'position-unknown') {
        if (error.code === 'disk-error') throw error;
        return error.code;
      }
      if (clock.monotonicMs() >= untilMs) return error.code;
    }
    await sleep(clock, REFERENCE_RETRY_MS);
  }
  return undefined;
}

import { toHex } from '@pulseseal/crypto';
import { attempt, type Message, parseMessage } from '@pulseseal/protocol';
import type { Counts } from './counts.ts';
import { type FeedTopic, parseFeedTopic } from './feed-topic.ts';
import type { FeedMessage } from './ports.ts';

export interface Received extends FeedTopic {
  readonly position: number;
  readonly sizeBytes: number;
  readonly message: Message;
}

/** What may come on each channel (SPEC clause TOPIC-1). */
const onStreams: ReadonlySet<string> = new Set([
  'frame',
  'opening',
  'keys',
  'leaves',
  'endorse',
  'beacon',
  'manifest',
  'close',
]);
const onStatus: ReadonlySet<string> = new Set(['receipt', 'gaps', 'edge', 'sth']);

const onGrants: ReadonlySet<string> = new Set(['grant']);
const allowedOn = { f: onStreams, p: onStatus, g: onGrants } as const;

export const nameOfMessage = (message: Message): string => (message.kind === 'signed' ? message.typ : message.kind);

/** Parses what came; frames that came together are put in the order of their numbers, nothing is delayed for it. */
export function readInbox(messages: readonly FeedMessage[], counts: Counts): Received[] {
  const out: Received[] = [];
  for (const { position, topic, body } of messages) {
    const place = parseFeedTopic(topic);
    if (place === undefined) {
      counts.note('topic-unknown');
      continue;
    }
    const parsed = attempt(() => parseMessage(body));
    if (!parsed.ok) {
      counts.refuse(parsed.refusal);
      continue;
    }
    if (!allowedOn[place.channel].has(nameOfMessage(parsed.value))) {
      counts.refuse('topic-denied');
      continue;
    }
    out.push({ ...place, position, sizeBytes: body.length, message: parsed.value });
  }
  return inOrder(out);
}

function inOrder(all: Received[]): Received[] {
  const out: Received[] = [];
  for (let i = 0; i < all.length; ) {
    if (all[i]!.message.kind !== 'frame') {
      out.push(all[i++]!);
      continue;
    }
    const run: Received[] = [];
    while (i < all.length && all[i]!.message.kind === 'frame') run.push(all[i++]!);
    // By epoch in order of appearance, then by number.
    const groups = new Map<string, Received[]>();
    for (const one of run) {
      const name = one.message.kind === 'frame' ? `${one.rid}${toHex(one.message.eh)}` : '';
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [one]);
      else group.push(one);
    }
    for (const group of groups.values()) out.push(...group.sort((a, b) => seqOf(a) - seqOf(b)));
  }
  return out;
}

const seqOf = ({ message }: Received): number => (message.kind === 'frame' ? message.seq : 0);

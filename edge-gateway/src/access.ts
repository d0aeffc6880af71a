import { parseTopic, thumbprint } from '@pulseseal/protocol';
import type { Border } from './border.ts';
import { sameBytes } from './received.ts';
import type { ClientSession } from './state.ts';

/** What a publish on this topic is, by SPEC clauses TOPIC-1 to TOPIC-3; undefined: not this identity's to publish. */
export type PublishRight =
  | { readonly kind: 'device'; readonly channel: 'o' | 'u' | 'c' }
  | { readonly kind: 'papers'; readonly device: string; readonly channel: 'e' | 'm' }
  | { readonly kind: 'ask'; readonly rid: string }
  | { readonly kind: 'grant'; readonly rid: string };

export function publishRight(session: ClientSession, topicText: string): PublishRight | undefined {
  const { topics } = session;
  if (topicText === topics.up) return { kind: 'device', channel: 'u' };
  if (topicText === topics.control) return { kind: 'device', channel: 'c' };
  if (topicText === topics.open) return { kind: 'device', channel: 'o' };
  const topic = parseTopic(topicText);
  if (topic === undefined) return undefined;
  // Whose device or rid it is, the papers' signature or the ledger says: the step looks.
  if (topic.kind === 'device' && (topic.channel === 'e' || topic.channel === 'm'))
    return { kind: 'papers', device: topic.device, channel: topic.channel };
  if (topic.kind === 'recipient' && topic.channel === 'a') return { kind: 'ask', rid: topic.rid };
  if (topic.kind === 'recipient' && topic.channel === 'g') return { kind: 'grant', rid: topic.rid };
  return undefined;
}

/** Own `d`, `e`, `m`; this gateway's beacon; `f`, `p`, `g` of own rids. No wildcard ever. */
export async function maySubscribe(border: Border, session: ClientSession, filter: string): Promise<boolean> {
  const topic = parseTopic(filter);
  if (topic === undefined) return false;
  if (topic.kind === 'beacon') return topic.gid === border.identity.gid;
  if (topic.kind === 'device') {
    if (topic.channel === 'e' || topic.channel === 'm') {
      if (filter === session.topics.endorse || filter === session.topics.manifest) return true;
      const device = await border.devices.load(topic.device);
      return device?.owner !== undefined && sameBytes(device.owner, session.thumbprint);
    }
    return filter === session.topics.down;
  }
  return topic.channel !== 'a' && ownsRid(border, session, topic.rid);
}

/** The ledger names the identity key behind a rid. */
export async function ownsRid(border: Border, session: ClientSession, rid: string): Promise<boolean> {
  const key = await border.ledger.recipientKey(rid);
  return key !== undefined && sameBytes(thumbprint(key, border.crypto), session.thumbprint);
}

/** Topic of a message to a recipient on this machine. */
export interface FeedTopic {
  readonly rid: string;
  readonly channel: 'f' | 'p' | 'g';
  /** When the edge had it, data clock: a hint. */
  readonly arrivedMs: number;
}

const form = /^([0-9a-f]{16})\/([fpg])\/([0-9a-z]{1,11})$/;

export function feedTopic(rid: string, channel: FeedTopic['channel'], arrivedMs: number): string {
  return `${rid}/${channel}/${Math.max(0, Math.round(arrivedMs)).toString(36)}`;
}

/** Undefined for anything else. */
export function parseFeedTopic(topic: string): FeedTopic | undefined {
  const match = form.exec(topic);
  if (match === null) return undefined;
  const arrivedMs = Number.parseInt(match[3]!, 36);
  if (!Number.isSafeInteger(arrivedMs)) return undefined;
  return { rid: match[1]!, channel: match[2] as FeedTopic['channel'], arrivedMs };
}

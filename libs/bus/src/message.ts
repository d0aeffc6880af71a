import { busFailure } from './failures.ts';
import { MAX_BODY_BYTES, MAX_TOPIC_BYTES } from './limits.ts';

/** Refuses a topic or body out of bounds, for every adapter alike. */
export function checkMessage(topic: string, bodyBytes: number): void {
  const topicBytes = Buffer.byteLength(topic);
  if (topicBytes < 1 || topicBytes > MAX_TOPIC_BYTES) throw busFailure('bus-topic', `${topicBytes} bytes`);
  if (bodyBytes > MAX_BODY_BYTES) throw busFailure('bus-body-too-large', `${bodyBytes} bytes`);
}

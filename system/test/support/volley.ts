import { isLong } from '@pulseseal/testkit';
import { expect } from 'vitest';
import type { TestClient } from '../../../edge-gateway/test/client.ts';
import { until, type World } from '../../../edge-gateway/test/world.ts';

/** Behind tens of thousands of refused signatures, on a busy machine. */
const SENTINEL_MS = 300_000;

/** Publishes of QoS 1 in one go: which of them were acknowledged. */
export interface Volley {
  readonly acknowledged: ReadonlySet<number>;
}

/**
 * Hands all messages to the gateway without waiting for each; `sentinel` is one that it takes, sent last: once that is
 * acknowledged, all before it were judged, since one device's messages on one topic are judged in order.
 */
export async function volley(
  client: TestClient,
  topic: string,
  messages: readonly Uint8Array[],
  sentinel: { readonly topic: string; readonly bytes: Uint8Array },
): Promise<Volley> {
  const acknowledged = new Set<number>();
  for (const [i, message] of messages.entries()) {
    client.mqtt.publish(topic, Buffer.from(message), { qos: 1 }, (error) => {
      if (error === undefined || error === null) acknowledged.add(i);
    });
    // The socket's buffer and the packet ids stay small.
    if (i % 200 === 199) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(await client.publish(sentinel.topic, sentinel.bytes, 1, SENTINEL_MS)).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { acknowledged };
}

/** The bits to flip: all of them, or, in the short run, all of the structure and every 13th of the rest. */
export function flips(bytes: Uint8Array, free: (byte: number) => boolean = () => false): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const byte = bit >>> 3;
    const isStructure = byte < 24 || byte >= bytes.length - 10 || bytes.length <= 120;
    if (free(byte) || (!isLong() && !isStructure && bit % 13 !== 0)) continue;
    const altered = bytes.slice();
    altered[byte]! ^= 1 << (bit & 7);
    out.push(altered);
  }
  return out;
}

/** Sends, and expects no acknowledgement and one more of this refusal in the gateway's metrics. */
export async function refusedAs(world: World, name: string, send: () => Promise<boolean>): Promise<void> {
  const before = await world.refusals(name);
  expect([name, await send()]).toEqual([name, false]);
  await until(async () => (await world.refusals(name)) > before);
}

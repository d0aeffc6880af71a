import { concat } from '@pulseseal/crypto';
import { topic } from '@pulseseal/protocol';
import type { Broker, Feed } from '../ports.ts';

/** Recipients elsewhere: `ps1/r/<rid>/f|p|g` on the broker. What nobody reads is not sent; they `ask` for what they lack. */
export function createMqttFeed(broker: Broker): Feed {
  return {
    give(items) {
      for (const { rid, channel, message, tail } of items) {
        const name = topic.recipient(rid, channel);
        if (broker.hasReader(name)) broker.publish(name, tail === undefined ? message : concat(message, tail));
      }
    },
    upstream: () => undefined,
  };
}

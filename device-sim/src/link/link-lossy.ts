import type { Clock, Random } from '@pulseseal/runtime';
import type { DeviceLink, LinkHandlers, LinkLogin } from '../device/ports.ts';

/** Probabilities in 0..1, each drawn per message and direction. */
export interface LossyLinkSettings {
  readonly loss: number;
  readonly duplicate: number;
  /** Share of messages that are held back once more by up to the whole delay: they come out of order. */
  readonly reorder: number;
  readonly delayMs: readonly [least: number, most: number];
}

export interface LossyLink extends DeviceLink {
  /** The connection falls now and comes back after `durationMs`. */
  outage(durationMs: number): void;
  set(settings: LossyLinkSettings): void;
  readonly counts: { lost: number; duplicated: number; reordered: number; outages: number };
}

/**
 * Any link made bad: loss (of a message, or of its PUBACK alone), delay, duplicates, reordering, outages. Repeats
 * exactly with the same seed and clock. A lost publish never settles, as on a real radio: the device must time it out.
 */
export function createLossyLink(
  inner: DeviceLink,
  ports: { readonly clock: Clock; readonly random: Random },
  initial: LossyLinkSettings,
): LossyLink {
  const { clock, random } = ports;
  const counts = { lost: 0, duplicated: 0, reordered: 0, outages: 0 };
  let settings = initial;
  let session: { login: LinkLogin; handlers: LinkHandlers } | undefined;
  let generation = 0;
  let out = false;

  const chance = (probability: number, name: keyof typeof counts): boolean => {
    if (probability <= 0 || random.unit() >= probability) return false;
    counts[name]++;
    return true;
  };
  const delayMs = (): number => {
    const [least, most] = settings.delayMs;
    const once = least + random.unit() * (most - least);
    return chance(settings.reorder, 'reordered') ? once + most + random.unit() * most : once;
  };
  /** Runs `task` after the drawn delay unless the connection fell meanwhile. */
  const later = (task: () => void) => {
    const mine = generation;
    const wait = delayMs();
    if (wait <= 0) task();
    else
      clock.after(wait, () => {
        if (mine === generation && !out) task();
      });
  };
  const handlersFor = (handlers: LinkHandlers): LinkHandlers => ({
    up: handlers.up,
    down(reason) {
      generation++;
      if (!out) handlers.down(reason);
    },
    message(topic, bytes) {
      if (chance(settings.loss, 'lost')) return;
      later(() => handlers.message(topic, bytes));
      if (chance(settings.duplicate, 'duplicated')) later(() => handlers.message(topic, bytes));
    },
  });
  return {
    counts,
    set(next) {
      settings = next;
    },
    connect(login, handlers) {
      session = { login, handlers };
      inner.connect(login, handlersFor(handlers));
    },
    async disconnect() {
      session = undefined;
      await inner.disconnect();
    },
    subscribe: (topics) => inner.subscribe(topics),
    publish(topic, bytes, qos) {
      if (out) return Promise.reject(new Error('link is down'));
      const mine = generation;
      return new Promise((resolve, reject) => {
        if (chance(settings.loss, 'lost')) {
          if (qos === 0) resolve();
          return;
        }
        const send = (settle: boolean) =>
          later(() => {
            inner.publish(topic, bytes, qos).then(
              () => {
                if (settle && mine === generation && !chance(qos === 0 ? 0 : settings.loss, 'lost')) resolve();
              },
              (error) => {
                if (settle) reject(error);
              },
            );
          });
        send(true);
        if (chance(settings.duplicate, 'duplicated')) send(false);
      });
    },
    tlsSpkiHash: () => inner.tlsSpkiHash(),
    outage(durationMs) {
      if (out || session === undefined) return;
      counts.outages++;
      out = true;
      generation++;
      session.handlers.down('outage');
      void inner.disconnect();
      clock.after(durationMs, () => {
        out = false;
        if (session !== undefined) inner.connect(session.login, handlersFor(session.handlers));
      });
    },
  };
}

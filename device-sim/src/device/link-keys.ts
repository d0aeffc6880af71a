import type { Clock } from '@pulseseal/runtime';
import type { LinkedEpoch } from './downlink.ts';
import { eraseEpoch } from './epoch.ts';
import { deviceLimits } from './limits.ts';
import type { SpoolEpoch } from './spool-epoch.ts';

/**
 * The epochs whose link and ack keys are in RAM: the current one and the one before it, this one until ten minutes after the
 * next `accept`. Whatever leaves is erased; the newest accepted epoch alone keeps K_pre until then.
 */
export interface LinkedEpochs {
  readonly current: LinkedEpoch | undefined;
  /** Its K_pre opens the next epoch's fast lane, and its ctl may name what went by bulk. */
  readonly newestAccepted: LinkedEpoch | undefined;
  begin(entry: LinkedEpoch): void;
  accepted(entry: LinkedEpoch): void;
  carrierOf(epoch: SpoolEpoch): LinkedEpoch | undefined;
  /** An epoch whose gateway still counts. */
  heard(eh: string): LinkedEpoch | undefined;
  /** The gateway no longer has its keys, or is not obeyed any more: the rest goes by bulk. */
  byBulkOnly(eh: string): void;
  isByBulkOnly(eh: string): boolean;
  /** After a new manifest: a gateway that it leaves out has nothing more to say. */
  dropGateways(isListed: (gateway: Uint8Array) => boolean): void;
  tick(): void;
  /** All of them; nothing is heard or sent under a tag any more. */
  erase(): void;
}

export function createLinkedEpochs(wall: Clock): LinkedEpochs {
  let current: LinkedEpoch | undefined;
  let newestAccepted: LinkedEpoch | undefined;
  let linked: readonly LinkedEpoch[] = [];
  let previousUntilMs = Number.POSITIVE_INFINITY;
  const bulkOnly = new Set<string>();

  const keep = (next: readonly LinkedEpoch[]) => {
    for (const entry of linked)
      if (!next.includes(entry)) eraseEpoch(entry.keys, { keepPre: entry === newestAccepted });
    linked = next;
  };
  return {
    get current() {
      return current;
    },
    get newestAccepted() {
      return newestAccepted;
    },
    begin(entry) {
      // A predecessor that was never accepted has no gateway that knows it: it goes by bulk.
      keep([...linked.filter((old) => old.spool.accepted && !bulkOnly.has(old.spool.eh)).slice(-1), entry]);
      current = entry;
    },
    accepted(entry) {
      const before = newestAccepted;
      newestAccepted = entry;
      if (before !== undefined && before !== entry && !linked.includes(before)) eraseEpoch(before.keys);
      previousUntilMs = wall.monotonicMs() + deviceLimits.previousEpochKeysMs;
    },
    carrierOf: (epoch) => linked.find((entry) => entry.spool === epoch),
    heard: (eh) => linked.find((entry) => entry.spool.eh === eh && !bulkOnly.has(eh)),
    byBulkOnly: (eh) => {
      bulkOnly.add(eh);
    },
    isByBulkOnly: (eh) => bulkOnly.has(eh),
    dropGateways(isListed) {
      for (const { keys, spool } of linked) {
        const gateway = keys.plan.beacon?.body.gateway;
        if (gateway !== undefined && !isListed(gateway)) bulkOnly.add(spool.eh);
      }
      keep(linked.filter((entry) => entry === current || !bulkOnly.has(entry.spool.eh)));
    },
    tick() {
      if (wall.monotonicMs() < previousUntilMs) return;
      previousUntilMs = Number.POSITIVE_INFINITY;
      keep(linked.filter((entry) => entry === current));
    },
    erase() {
      const last = newestAccepted;
      newestAccepted = undefined;
      keep([]);
      if (last !== undefined) eraseEpoch(last.keys);
    },
  };
}

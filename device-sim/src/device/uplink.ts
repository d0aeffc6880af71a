import type { Clock } from '@pulseseal/runtime';
import { deviceLimits } from './limits.ts';
import type { SpoolEpoch } from './spool-epoch.ts';

/** Something of the spool that goes up by itself: a frame (number = seq) or a close (number = segment). */
export interface UplinkItem {
  readonly epoch: SpoolEpoch;
  readonly kind: 'frame' | 'close';
  readonly number: number;
}

export type Lane = 'urgent' | 'current' | 'backlog';

/** Sends spool items within the window, resends the same bytes, forgets nothing by itself. */
export interface Uplink {
  put(lane: Lane, item: UplinkItem): void;
  /** The gateway says that it has not come: what is in flight of it is given up and it is sent next. */
  again(item: UplinkItem): void;
  /** After a reconnect: everything still owed, oldest first; replaces all lanes. */
  rebuild(items: Iterable<UplinkItem>): void;
  pump(): void;
  tick(): void;
  /** The link fell: nothing is in flight any more. */
  reset(): void;
  /** No new publish for this long (err 7). */
  pause(durationMs: number): void;
  readonly waiting: number;
  readonly inFlight: number;
}

export interface UplinkHooks {
  isUp(): boolean;
  window(): number;
  /** Bytes to publish now, or undefined when the item is no longer owed or may not go this way. */
  publish(item: UplinkItem): Promise<void> | undefined;
  isOwed(item: UplinkItem): boolean;
  /** Whether a PUBACK is a durable acknowledgement on this connection. */
  countsPuback(): boolean;
  acknowledged(item: UplinkItem): void;
}

interface Sent {
  readonly item: UplinkItem;
  dueMs: number;
  tries: number;
}

export function createUplink(wall: Clock, hooks: UplinkHooks): Uplink {
  const lanes: Record<Lane, UplinkItem[]> = { urgent: [], current: [], backlog: [] };
  const at: Record<Lane, number> = { urgent: 0, current: 0, backlog: 0 };
  /** Length at which a lane is looked through: a long outage drops frames that stand in it. */
  const most: Record<Lane, number> = {
    urgent: deviceLimits.laneItems,
    current: deviceLimits.laneItems,
    backlog: deviceLimits.laneItems,
  };
  const inFlight = new Map<string, Sent>();
  /** Published and answered, but only `progress` counts here: sent again when it does not come. */
  const unproved = new Map<string, Sent>();
  let backlogInFlight = 0;
  let generation = 0;
  let pausedUntilMs = 0;

  const size = (lane: Lane) => lanes[lane].length - at[lane];
  const shift = (lane: Lane): UplinkItem | undefined => {
    if (at[lane] >= lanes[lane].length) return undefined;
    const item = lanes[lane][at[lane]++]!;
    if (at[lane] > 1024 && at[lane] * 2 > lanes[lane].length) {
      lanes[lane] = lanes[lane].slice(at[lane]);
      at[lane] = 0;
    }
    return item;
  };
  const keyOf = (item: UplinkItem) => `${item.epoch.eh}${item.kind === 'frame' ? 'f' : 'c'}${item.number}`;
  const put = (lane: Lane, item: UplinkItem) => {
    lanes[lane].push(item);
    if (lanes[lane].length <= most[lane]) return;
    const owed = new Map<string, UplinkItem>();
    for (const kept of lanes[lane].slice(at[lane])) if (hooks.isOwed(kept)) owed.set(keyOf(kept), kept);
    lanes[lane] = [...owed.values()];
    at[lane] = 0;
    most[lane] = Math.max(deviceLimits.laneItems, 2 * owed.size);
  };
  const nextLane = (): Lane | undefined => {
    if (size('urgent') > 0) return 'urgent';
    const backlogMay = size('backlog') > 0 && (size('current') === 0 || backlogInFlight < deviceLimits.windowBacklog);
    if (backlogMay && backlogInFlight < deviceLimits.windowBacklog) return 'backlog';
    if (size('current') > 0) return 'current';
    return backlogMay ? 'backlog' : undefined;
  };
  const send = (lane: Lane, item: UplinkItem): void => {
    const key = keyOf(item);
    if (inFlight.has(key) || !hooks.isOwed(item)) return;
    const published = hooks.publish(item);
    if (published === undefined) return;
    const mine = generation;
    const tries = (unproved.get(key)?.tries ?? 0) + 1;
    unproved.delete(key);
    const sent: Sent = { item, dueMs: wall.monotonicMs() + deviceLimits.publishTimeoutMs, tries };
    inFlight.set(key, sent);
    if (lane === 'backlog') backlogInFlight++;
    const settle = (answered: boolean) => {
      if (mine !== generation || inFlight.get(key) !== sent) return;
      inFlight.delete(key);
      if (lane === 'backlog') backlogInFlight = Math.max(0, backlogInFlight - 1);
      if (answered && hooks.countsPuback()) hooks.acknowledged(item);
      else if (answered && hooks.isOwed(item)) {
        const wait = deviceLimits.progressTimeoutMs * 2 ** Math.min(tries - 1, 8);
        sent.dueMs = wall.monotonicMs() + Math.min(wait, deviceLimits.progressTimeoutMaxMs);
        unproved.set(key, sent);
      } else if (hooks.isOwed(item)) put('backlog', item);
      // What the link turned away goes again with the next tick: at once would be without an end.
      if (answered) pump();
    };
    published.then(
      () => settle(true),
      () => settle(false),
    );
  };
  const pump = () => {
    if (!hooks.isUp() || wall.monotonicMs() < pausedUntilMs) return;
    while (inFlight.size < hooks.window()) {
      const lane = nextLane();
      if (lane === undefined) return;
      send(lane, shift(lane)!);
    }
  };
  const expire = (from: Map<string, Sent>, nowMs: number) => {
    for (const [key, sent] of from) {
      if (hooks.isOwed(sent.item) && sent.dueMs > nowMs) continue;
      from.delete(key);
      if (!hooks.isOwed(sent.item)) continue;
      // Carries its tries over, so that a silent gateway is asked less and less often.
      if (from === unproved) unproved.set(key, { ...sent, dueMs: nowMs + deviceLimits.progressTimeoutMaxMs });
      put('backlog', sent.item);
    }
  };
  return {
    put,
    again(item) {
      const key = keyOf(item);
      if (inFlight.delete(key)) backlogInFlight = Math.min(backlogInFlight, inFlight.size);
      unproved.delete(key);
      put('urgent', item);
    },
    rebuild(items) {
      for (const lane of ['urgent', 'current', 'backlog'] as const) {
        lanes[lane] = [];
        at[lane] = 0;
      }
      for (const item of items) lanes.backlog.push(item);
    },
    pump,
    tick() {
      const nowMs = wall.monotonicMs();
      const before = inFlight.size;
      if (before > 0) expire(inFlight, nowMs);
      if (inFlight.size < before) backlogInFlight = Math.min(backlogInFlight, inFlight.size);
      if (unproved.size > 0) expire(unproved, nowMs);
      pump();
    },
    reset() {
      generation++;
      inFlight.clear();
      unproved.clear();
      backlogInFlight = 0;
      pausedUntilMs = 0;
    },
    pause(durationMs) {
      pausedUntilMs = wall.monotonicMs() + durationMs;
    },
    get waiting() {
      return size('urgent') + size('current') + size('backlog');
    },
    get inFlight() {
      return inFlight.size;
    },
  };
}

import type { Clock } from '@pulseseal/runtime';
import type { LinkedEpoch } from './downlink.ts';

/**
 * Whether the life-critical recipients listen (SPEC clause CTL-1). A gateway that drops the data may still pass
 * the racks: so only one counts that names a frame not older than the last one sealed an ack timeout ago.
 */
export interface Listeners {
  /** A rack with a right tag and a rising time. */
  heard(epoch: LinkedEpoch, rid: string, seq: number): void;
  tick(): void;
}

/** How finely the past of the sealing is kept: a rack counts for at most this part of the timeout too long. */
const marksPerTimeout = 16;

/** @param ackTimeoutMs 0: nobody is waited for. */
export function createListeners(
  wall: Clock,
  ackTimeoutMs: number,
  hooks: { current(): LinkedEpoch | undefined; deaf(rid: string): void },
): Listeners {
  /** What had been sealed when, oldest first; all but the first are younger than the timeout. */
  const marks: { readonly atMs: number; readonly epoch: number; readonly seq: number }[] = [];
  const heardAtMs = new Map<string, number>();

  const remember = (current: LinkedEpoch, nowMs: number) => {
    const newest = marks.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY;
    if (nowMs - newest >= ackTimeoutMs / marksPerTimeout)
      marks.push({ atMs: nowMs, epoch: current.keys.plan.epoch, seq: current.spool.nextSeq - 1 });
    while (marks.length > 1 && nowMs - marks[1]!.atMs >= ackTimeoutMs) marks.shift();
  };
  return {
    heard({ keys }, rid, seq) {
      const nowMs = wall.monotonicMs();
      const [mark] = marks;
      const { epoch } = keys.plan;
      const isOld = mark !== undefined && (epoch < mark.epoch || (epoch === mark.epoch && seq < mark.seq));
      if (isOld && nowMs - mark.atMs >= ackTimeoutMs) return;
      heardAtMs.set(rid, nowMs);
    },
    tick() {
      const current = hooks.current();
      if (current === undefined || ackTimeoutMs === 0) return;
      const nowMs = wall.monotonicMs();
      remember(current, nowMs);
      const { acks } = current.keys;
      for (const rid of heardAtMs.keys()) if (!acks.has(rid)) heardAtMs.delete(rid);
      for (const [rid, { role }] of acks) {
        if (role !== 1) continue;
        const sinceMs = heardAtMs.get(rid) ?? nowMs;
        if (nowMs - sinceMs >= ackTimeoutMs) hooks.deaf(rid);
        if (nowMs - sinceMs >= ackTimeoutMs || !heardAtMs.has(rid)) heardAtMs.set(rid, nowMs);
      }
    },
  };
}

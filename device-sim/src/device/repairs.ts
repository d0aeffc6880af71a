import { deviceLimits } from './limits.ts';
import type { DroppedFrame } from './spool.ts';
import type { SpoolEpoch } from './spool-epoch.ts';

/** Leaves of frames that a full memory dropped: sent unasked once the gateway has their close, so that the gap is proved. */
export interface Repairs {
  note(dropped: readonly DroppedFrame[]): void;
  /** Only while a link and an accepted epoch can carry them. */
  tick(nowMs: number): void;
  readonly isEmpty: boolean;
}

export interface RepairHooks {
  isReady(): boolean;
  send(epoch: SpoolEpoch, segment: number, ranges: readonly { first: number; count: number }[]): Promise<void>;
  /** The gateway's answer counts as durable on this connection. */
  countsPuback(): boolean;
  acknowledged(epoch: SpoolEpoch, seqs: readonly number[]): void;
}

interface Owed {
  readonly epoch: SpoolEpoch;
  readonly sg: number;
  readonly seqs: Set<number>;
  dueMs: number;
}

export function createRepairs(hooks: RepairHooks): Repairs {
  const owed = new Map<string, Owed>();

  const send = (entry: Owed) => {
    const seqs = [...entry.seqs].sort((a, b) => a - b);
    const ranges = seqs.map((first) => ({ first, count: 1 }));
    hooks.send(entry.epoch, entry.sg, ranges).then(
      () => {
        if (hooks.countsPuback()) hooks.acknowledged(entry.epoch, seqs);
      },
      () => {},
    );
  };
  return {
    note(dropped) {
      for (const { epoch, seq, sg } of dropped) {
        const key = `${epoch.eh}:${sg}`;
        const entry = owed.get(key) ?? { epoch, sg, seqs: new Set<number>(), dueMs: 0 };
        entry.seqs.add(seq);
        owed.set(key, entry);
      }
    },
    tick(nowMs) {
      if (owed.size === 0) return;
      const isReady = hooks.isReady();
      for (const [key, entry] of owed) {
        const segment = entry.epoch.segments.get(entry.sg);
        // All of it arrived, or the epoch was given up.
        if (segment === undefined) owed.delete(key);
        if (segment === undefined || !isReady) continue;
        for (const seq of entry.seqs) if (entry.epoch.acked.has(seq)) entry.seqs.delete(seq);
        if (entry.seqs.size === 0) owed.delete(key);
        // A gateway answers leaves that come before their close, and has no place to keep them.
        else if (entry.dueMs <= nowMs && segment.closeHash !== undefined && !entry.epoch.openCloses.has(entry.sg)) {
          entry.dueMs = nowMs + deviceLimits.progressTimeoutMs;
          send(entry);
        }
      }
    },
    get isEmpty() {
      return owed.size === 0;
    },
  };
}

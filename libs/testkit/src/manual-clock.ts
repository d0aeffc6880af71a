import type { Clock } from '@pulseseal/runtime';

/** A clock that stands still until a test moves it. Timers run in due order while it moves. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
  /** Like `advance`, but lets promises settle between timers. */
  advanceAsync(ms: number): Promise<void>;
  /** Steps wall time only, as a wrong or corrected clock does. */
  stepWall(ms: number): void;
}

interface Timer {
  dueMs: number;
  periodMs: number | undefined;
  task: () => void;
  order: number;
}

export function createManualClock(startMs = 1_700_000_000_000): ManualClock {
  let monotonicMs = 0;
  let wallOffsetMs = startMs;
  let order = 0;
  const timers = new Set<Timer>();
  const add = (delayMs: number, periodMs: number | undefined, task: () => void) => {
    const timer: Timer = { dueMs: monotonicMs + Math.max(0, delayMs), periodMs, task, order: order++ };
    timers.add(timer);
    return () => {
      timers.delete(timer);
    };
  };
  const nextDue = (untilMs: number): Timer | undefined => {
    let best: Timer | undefined;
    for (const t of timers) {
      if (
        t.dueMs <= untilMs &&
        (best === undefined || t.dueMs < best.dueMs || (t.dueMs === best.dueMs && t.order < best.order))
      )
        best = t;
    }
    return best;
  };
  const fire = (timer: Timer) => {
    monotonicMs = Math.max(monotonicMs, timer.dueMs);
    if (timer.periodMs === undefined) timers.delete(timer);
    else timer.dueMs += Math.max(1, timer.periodMs);
    timer.task();
  };
  return {
    nowMs: () => wallOffsetMs + monotonicMs,
    monotonicMs: () => monotonicMs,
    after: (delayMs, task) => add(delayMs, undefined, task),
    every: (periodMs, task) => add(periodMs, periodMs, task),
    advance(ms) {
      const untilMs = monotonicMs + ms;
      for (let t = nextDue(untilMs); t !== undefined; t = nextDue(untilMs)) fire(t);
      monotonicMs = untilMs;
    },
    async advanceAsync(ms) {
      const untilMs = monotonicMs + ms;
      for (let t = nextDue(untilMs); t !== undefined; t = nextDue(untilMs)) {
        fire(t);
        for (let i = 0; i < 8; i++) await Promise.resolve();
        await new Promise((resolve) => setImmediate(resolve));
      }
      monotonicMs = untilMs;
    },
    stepWall(ms) {
      wallOffsetMs += ms;
    },
  };
}

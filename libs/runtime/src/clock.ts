/** Time as an argument. Only this file reads the machine's clock. */

/** Stops a timer; calling it again is harmless. */
export type CancelTimer = () => void;

export interface Clock {
  /** Wall time, milliseconds since 1970-01-01T00:00:00Z. May step. */
  nowMs(): number;
  /** Monotonic milliseconds from an arbitrary origin. Never steps back. */
  monotonicMs(): number;
  /** Runs `task` once after `delayMs`. */
  after(delayMs: number, task: () => void): CancelTimer;
  /** Runs `task` every `periodMs` until cancelled. */
  every(periodMs: number, task: () => void): CancelTimer;
}

/** The machine's clock. Timers never keep the process alive. */
export function createSystemClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after(delayMs, task) {
      const timer = setTimeout(task, delayMs);
      timer.unref?.();
      return () => clearTimeout(timer);
    },
    every(periodMs, task) {
      const timer = setInterval(task, periodMs);
      timer.unref?.();
      return () => clearInterval(timer);
    },
  };
}

/** What fixes a scaled clock: at wall time `originMs` it reads `originMs`, from then on it runs `speed` times as fast. */
export interface ClockScale {
  readonly originMs: number;
  readonly speed: number;
}

/**
 * The one scaled clock for data and rule time. Transport periods keep the wall clock it was made from.
 * Every process of a run derives the same readings from the same `scale`.
 */
export function createScaledClock(wall: Clock, scale: ClockScale): Clock {
  const monotonicOriginMs = wall.monotonicMs() - (wall.nowMs() - scale.originMs);
  return {
    nowMs: () => scale.originMs + (wall.nowMs() - scale.originMs) * scale.speed,
    monotonicMs: () => (wall.monotonicMs() - monotonicOriginMs) * scale.speed,
    after: (delayMs, task) => wall.after(delayMs / scale.speed, task),
    every: (periodMs, task) => wall.every(periodMs / scale.speed, task),
  };
}

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    // A pending sleep must keep the process alive, so it does not use the unref'ed timers of `after` alone.
    const hold = setInterval(() => {}, 1 << 30);
    clock.after(delayMs, () => {
      clearInterval(hold);
      resolve();
    });
  });
}

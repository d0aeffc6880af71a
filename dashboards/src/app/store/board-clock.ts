import type { Ports } from '../ports.ts';

/**
 * The board's data time between two ticks of the server: the last tick moved on by local monotonic time x speed, so that
 * ages go on growing when the feed is silent. Time the machine slept is added, because monotonic clocks may leave it out.
 */
export interface BoardClock {
  /** Data time, milliseconds since 1970; undefined before the first message. */
  nowMs(): number | undefined;
  /** Local time that passed, sleep included. */
  elapsedMs(): number;
  set(nowMs: number, speed?: number): void;
  /** Called by the heartbeat. @returns how long the machine slept since the last call, 0 if it did not. */
  beat(): number;
  subscribe(listener: () => void): () => void;
}

export function createBoardClock(ports: Pick<Ports, 'wallMs' | 'monotonicMs'>): BoardClock {
  const listeners = new Set<() => void>();
  let base: { nowMs: number; elapsedMs: number } | undefined;
  let speed = 1;
  let sleptMs = 0;
  let lastWallMs = ports.wallMs();
  let lastMonotonicMs = ports.monotonicMs();
  const elapsedMs = (): number => ports.monotonicMs() + sleptMs;
  return {
    nowMs: () => (base === undefined ? undefined : base.nowMs + (elapsedMs() - base.elapsedMs) * speed),
    elapsedMs,
    set(nowMs, newSpeed) {
      if (newSpeed !== undefined && newSpeed > 0) speed = newSpeed;
      base = { nowMs, elapsedMs: elapsedMs() };
    },
    beat() {
      const wallMs = ports.wallMs();
      const monotonicMs = ports.monotonicMs();
      const missedByMonotonic = wallMs - lastWallMs - (monotonicMs - lastMonotonicMs);
      // A corrected wall clock also looks like sleep; only a forward jump matters, and an age too old is the safe side.
      const slept = missedByMonotonic > 2_000 ? missedByMonotonic : 0;
      const gap = Math.max(slept, monotonicMs - lastMonotonicMs > 5_000 ? monotonicMs - lastMonotonicMs : 0);
      sleptMs += slept;
      lastWallMs = wallMs;
      lastMonotonicMs = monotonicMs;
      for (const listener of listeners) listener();
      return gap;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

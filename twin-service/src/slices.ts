import type { CancelTimer, Clock } from '@pulseseal/runtime';

/** How much of a long job is done at a time. */
export interface SliceSize {
  readonly atOnce: number;
  /** Between two slices: what came meanwhile goes first. */
  readonly gapMs: number;
}

/**
 * Hands over the first items now and the others later, a slice at a time: live readings must not wait behind a ward.
 * `work` ends it by answering false.
 */
export function inSlices<T>(
  clock: Clock,
  items: readonly T[],
  { atOnce, gapMs }: SliceSize,
  work: (slice: readonly T[], isLast: boolean) => boolean,
): CancelTimer {
  let cancel: CancelTimer = () => {};
  const from = (start: number) => {
    const end = start + atOnce;
    if (end < items.length) cancel = clock.after(gapMs, () => from(end));
    if (!work(items.slice(start, end), end >= items.length)) cancel();
  };
  from(0);
  return () => cancel();
}

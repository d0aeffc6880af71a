/** A token bucket: `burst` at first, `perS` more each second. */
export interface Bucket {
  take(nowMs: number): boolean;
  /** Milliseconds until the next token. */
  waitMs(nowMs: number): number;
}

export function createBucket(perS: number, burst: number): Bucket {
  let tokens = burst;
  let atMs = Number.NaN;
  const refill = (nowMs: number) => {
    if (nowMs > atMs) tokens = Math.min(burst, tokens + ((nowMs - atMs) * perS) / 1000);
    // A clock that stepped back must not stop the bucket until it has caught up.
    atMs = nowMs;
  };
  return {
    take(nowMs) {
      refill(nowMs);
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
    waitMs(nowMs) {
      refill(nowMs);
      return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) * 1000) / perS);
    },
  };
}

/** A token bucket: `burst` at first, `perS` more each second. */
export interface Bucket {
  take(nowMs: number): boolean;
  /** Milliseconds until the next token. */
  waitMs(nowMs: number): number;
}

export function createBucket(perS: number, burst: number): Bucket {
  return new TokenBucket(perS, burst);
}

/** A class, because every session has one: functions of its own would take three times the memory. */
class TokenBucket implements Bucket {
  readonly #perS: number;
  readonly #burst: number;
  #tokens: number;
  #atMs = Number.NaN;

  constructor(perS: number, burst: number) {
    this.#perS = perS;
    this.#burst = burst;
    this.#tokens = burst;
  }

  take(nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  waitMs(nowMs: number): number {
    this.#refill(nowMs);
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) * 1000) / this.#perS);
  }

  #refill(nowMs: number): void {
    if (nowMs > this.#atMs)
      this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#atMs) * this.#perS) / 1000);
    // A clock that stepped back must not stop the bucket until it has caught up.
    this.#atMs = nowMs;
  }
}

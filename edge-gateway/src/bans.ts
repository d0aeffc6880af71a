import { MAX_BANS } from './limits.ts';

/** Identities whose connection was closed for refused messages: each time twice as long, forgotten after good conduct. */
export interface Bans {
  add(identity: string, nowMs: number): void;
  isBanned(identity: string, nowMs: number): boolean;
}

const MOST_DOUBLINGS = 6;

export function createBans(firstMs: number): Bans {
  const bans = new Map<string, { untilMs: number; times: number }>();
  return {
    add(identity, nowMs) {
      const old = bans.get(identity);
      const isRepeat = old !== undefined && nowMs < old.untilMs + firstMs * 2 ** old.times * 4;
      const times = isRepeat ? Math.min(old.times + 1, MOST_DOUBLINGS) : 0;
      bans.delete(identity);
      bans.set(identity, { untilMs: nowMs + firstMs * 2 ** times, times });
      for (const key of bans.keys()) {
        if (bans.size <= MAX_BANS) break;
        bans.delete(key);
      }
    },
    isBanned: (identity, nowMs) => nowMs < (bans.get(identity)?.untilMs ?? Number.NEGATIVE_INFINITY),
  };
}

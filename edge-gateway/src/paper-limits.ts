import { type Bucket, createBucket } from './buckets.ts';
import { MAX_OWNERS, PAPERS_BURST, PAPERS_PER_S } from './limits.ts';
import type { GatewaySettings } from './settings.ts';

/**
 * How many endorsements and manifests are checked and journalled. An owner is whoever made a key pair: one whom the ledger
 * knows has a bucket of its own, all others share one more, so that strangers fill neither a core nor the disk.
 */
export interface PaperLimits {
  take(owner: string, isKnown: boolean, nowMs: number): boolean;
}

export function createPaperLimits(settings: Pick<GatewaySettings, 'newcomersPerHour' | 'newcomersBurst'>): PaperLimits {
  const newcomers = createBucket(settings.newcomersPerHour / 3_600, settings.newcomersBurst);
  /** Least recently heard first. */
  const owners = new Map<string, Bucket>();
  return {
    take(owner, isKnown, nowMs) {
      const bucket = owners.get(owner) ?? createBucket(PAPERS_PER_S, PAPERS_BURST);
      // Whoever has used up its own takes nothing from the others.
      if (bucket.waitMs(nowMs) > 0 || (!isKnown && !newcomers.take(nowMs))) return false;
      owners.delete(owner);
      owners.set(owner, bucket);
      for (const oldest of owners.keys()) {
        if (owners.size <= MAX_OWNERS) break;
        owners.delete(oldest);
      }
      return bucket.take(nowMs);
    },
  };
}

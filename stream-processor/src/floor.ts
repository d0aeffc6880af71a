import type { AcceptedEpoch } from './accept.ts';
import type { Context } from './context.ts';

/**
 * Stands in for the mark of a device from which nothing was taken yet, also because the state was lost: whether an open
 * that verifies in itself is of the past, so that a gateway cannot play it as the present. Two words that the replaying
 * gateway cannot change now: the ledger's newest manifest of the device, and the time of the beacon that the open hashes.
 */
export interface Floor {
  isAbove(epoch: AcceptedEpoch): Promise<boolean>;
}

/** A ledger that does not answer refuses nothing, and is not waited for at every device. */
const ANSWER_MS = 2_000;
const ASK_AGAIN_MS = 30_000;

export function createFloor(ctx: Context): Floor {
  const { ledger, wall } = ctx.ports;
  let silentUntilMs = Number.NEGATIVE_INFINITY;
  const newestManifest = async (pseudonym: Uint8Array) => {
    if (ledger === undefined || ctx.wallMs() < silentUntilMs) return undefined;
    const { promise: timeout, reject } = Promise.withResolvers<never>();
    const cancel = wall.after(ANSWER_MS, () => reject(new Error('timeout')));
    try {
      return await Promise.race([ledger.manifest(pseudonym), timeout]);
    } catch {
      ctx.counts.note('ledger-unreachable');
      silentUntilMs = ctx.wallMs() + ASK_AGAIN_MS;
      return undefined;
    } finally {
      cancel();
    }
  };
  return {
    async isAbove({ open, beacon, manifest }) {
      const { maxEpochS, rekeyGraceS } = manifest.policy;
      const nowMs = wall.nowMs();
      // Made while the beacon was in force, over at most one epoch later.
      const overMs = (beacon?.validUntilMs ?? 0) + maxEpochS * 1000 + ctx.settings.skewMs;
      if (nowMs > overMs) return false;
      const newest = await newestManifest(manifest.pseudonym);
      if (newest === undefined || newest.version <= open.manifestVersion) return true;
      const isGrace = nowMs - newest.putMs <= rekeyGraceS * 1000;
      return isGrace && newest.version === open.manifestVersion + 1;
    },
  };
}

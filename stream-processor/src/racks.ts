import { sealRack } from '@pulseseal/protocol';
import type { Context } from './context.ts';
import type { Epoch } from './epoch.ts';
import { missingCount } from './watch.ts';

/**
 * "Somebody listens", to the device, through a gateway that cannot forge it. Sent only for what the twin holds durably,
 * every heartbeat while frames come and at least each quarter of the device's ack timeout.
 */
export function dueRack(ctx: Context, epoch: Epoch): Uint8Array | undefined {
  const { ack } = epoch;
  if (ack === undefined || epoch.history || epoch.highestOpened === 0) return undefined;
  const nowMs = ctx.wallMs();
  const sinceMs = nowMs - epoch.lastRackWallMs;
  const { heartbeatMs, ackTimeoutMs } = epoch.open;
  const isDue = epoch.isRackDue ? sinceMs >= heartbeatMs : ackTimeoutMs > 0 && sinceMs >= ackTimeoutMs / 4;
  if (!isDue) return undefined;
  epoch.isRackDue = false;
  epoch.lastRackWallMs = nowMs;
  // Strictly rising, also when the clock stands or steps back.
  epoch.lastRackMs = Math.max(Math.round(ctx.ports.wall.nowMs()), epoch.lastRackMs + 1);
  ctx.counts.note('rack');
  return sealRack(
    {
      rid: epoch.rid,
      seq: epoch.highestOpened,
      sg: epoch.sealedBelow,
      missing: missingCount(epoch),
      timeMs: epoch.lastRackMs,
    },
    epoch.oh,
    ack,
  );
}

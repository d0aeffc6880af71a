import { toHex } from '@pulseseal/crypto';
import { encodeKeys, type Keys, refuse, WANT } from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { nothing, wrapsArrived } from '../epochs.ts';
import { RECORD } from '../journal-record.ts';
import type { EpochState } from '../state.ts';

/**
 * The recipients' wraps: each hash must stand in the open's field 14. Resolves when they are on disk; answers whether
 * all are there now.
 */
export async function receiveKeys(border: Border, epoch: EpochState, keys: Keys): Promise<boolean> {
  const hashes = keys.wraps.map((wrap) => toHex(border.crypto.sha256(wrap)));
  if (!hashes.every((hash) => epoch.wrapHashes.includes(hash))) refuse('wrap-mismatch');
  if (!hashes.some((hash) => epoch.missingWraps.has(hash))) return epoch.missingWraps.size === 0;
  const message = encodeKeys(epoch.eh, keys.wraps);
  const nowMs = border.wall.nowMs();
  await border.journal.put(RECORD.keys, 0, epoch.device.number, nowMs, message, (position): void => {
    border.catalogue.addKeys(epoch.id, position);
    wrapsArrived(epoch, new Set(hashes));
    border.forward.keys(epoch, keys.wraps, Math.round(border.data.nowMs()));
  });
  return epoch.missingWraps.size === 0;
}

/** They may lag behind their open for a while; then they are asked for. */
export function awaitKeys(border: Border, epoch: EpochState): void {
  epoch.cancelKeysWait();
  epoch.cancelKeysWait = border.wall.after(border.settings.keysWaitMs, () => {
    epoch.cancelKeysWait = nothing;
    if (epoch.missingWraps.size > 0) border.control.nack(epoch, 0, WANT.keys);
  });
}

/**
 * Progress about what went by bulk lets the device forget opening and keys with the frames (SPEC clause CTL-3): while wraps are
 * missing it is withheld, and they are asked for.
 */
export function mustAwaitKeys(border: Border, epoch: EpochState): boolean {
  if (epoch.missingWraps.size === 0 || !(epoch.isBulk || epoch.wentByBulk)) return false;
  if (epoch.cancelKeysWait === nothing) awaitKeys(border, epoch);
  return true;
}

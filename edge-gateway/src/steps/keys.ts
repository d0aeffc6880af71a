import { toHex } from '@pulseseal/crypto';
import { encodeKeys, type Keys, refuse } from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { wrapsArrived } from '../epochs.ts';
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

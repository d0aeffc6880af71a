import type { Account } from './account.ts';
import type { DeviceEpochAccount } from './device.ts';
import { createRangeSet } from './ranges.ts';
import type { SpoolEpoch } from './spool-epoch.ts';

/** What was written down of each epoch, with what the spool still holds of it. */
export function epochAccounts(account: Account, epochs: Iterable<SpoolEpoch>): readonly DeviceEpochAccount[] {
  const known = new Map<string, DeviceEpochAccount>(
    account.list().map((entry) => [entry.eh, { ...entry, held: 0, heldRanges: [] }]),
  );
  for (const epoch of epochs) {
    const { eh, boot, frames } = epoch;
    const begun = { eh, boot, epoch: epoch.epoch, acknowledged: [], dropped: [], refused: [] };
    const heldRanges = createRangeSet([...frames.keys()].map((seq) => [seq, 1] as const)).ranges();
    known.set(eh, { ...(known.get(eh) ?? begun), sent: epoch.nextSeq - 1, held: frames.size, heldRanges });
  }
  return [...known.values()];
}

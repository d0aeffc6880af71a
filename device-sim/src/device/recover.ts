import type { CryptoProvider } from '@pulseseal/crypto';
import { CLOSE_LAST, type MessageSigner } from '@pulseseal/protocol';
import { signClose } from './sealer.ts';
import type { Spool } from './spool.ts';
import type { SpoolEpoch, SpoolSegment } from './spool-epoch.ts';

/**
 * After a reboot: signs the close that is missing (kcv and leaves are in the spool) and ends every epoch of earlier
 * boots. Answers the hash of the newest epoch's last close, or undefined when the spool says nothing of it.
 */
export function recoverCloses(
  spool: Spool,
  ports: { readonly signer: MessageSigner; readonly crypto: CryptoProvider },
): { readonly lastClose: Uint8Array | undefined; readonly recovered: number } {
  let newest: SpoolEpoch | undefined;
  let recovered = 0;
  for (const epoch of spool.epochs()) {
    if (!epoch.ended) recovered += recoverEpoch(epoch, spool, ports);
    // In the order in which they were begun: counters may have gone back between two of them.
    newest = epoch;
  }
  return { lastClose: newest?.lastCloseHash, recovered };
}

function recoverEpoch(
  epoch: SpoolEpoch,
  spool: Spool,
  ports: { readonly signer: MessageSigner; readonly crypto: CryptoProvider },
): number {
  const segment = openSegment(epoch);
  if (segment !== undefined) {
    const previous = epoch.lastCloseHash ?? epoch.oh;
    const raw = signClose(epoch, segment, previous, segment.lastDt, CLOSE_LAST.recovered, ports, false);
    spool.close(epoch, segment.number, raw, ports.crypto.sha256(raw), true);
  }
  spool.end(epoch);
  return segment === undefined ? 0 : 1;
}

/**
 * The segment that was open, when it is sure that no close of it was ever signed: two of one segment would accuse the
 * device of saying two things. Where damage leaves a doubt, the frames go up and nothing vouches for their number.
 */
function openSegment(epoch: SpoolEpoch): SpoolSegment | undefined {
  const open = [...epoch.segments.values()].filter((s) => s.closeHash === undefined && s.leaves.length > 0);
  const [segment] = open;
  if (segment === undefined || open.length > 1 || segment.number !== epoch.lastClosed + 1) return undefined;
  const leaves = segment.leaves.reduce((count) => count + 1, 0);
  return segment.kcv.size > 0 && leaves === segment.leaves.length ? segment : undefined;
}

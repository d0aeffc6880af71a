import type { CryptoProvider } from '@pulseseal/crypto';
import { CLOSE_LAST, type MessageSigner } from '@pulseseal/protocol';
import { signClose } from './sealer.ts';
import type { Spool } from './spool.ts';
import type { SpoolEpoch } from './spool-epoch.ts';

/**
 * After a reboot: signs the closes that are missing (kcv and leaves are in the spool) and ends every epoch of earlier
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
  const missing = [...epoch.segments.values()]
    .filter((segment) => segment.closeHash === undefined && segment.leaves.length > 0)
    .sort((a, b) => a.number - b.number);
  for (const [i, segment] of missing.entries()) {
    const last = i === missing.length - 1 ? CLOSE_LAST.recovered : undefined;
    const previous = epoch.lastCloseHash ?? epoch.oh;
    const raw = signClose(epoch, segment, previous, segment.lastDt, last, ports, false);
    spool.close(epoch, segment.number, raw, ports.crypto.sha256(raw), last !== undefined);
  }
  spool.end(epoch);
  return missing.length;
}

import { equalBytes, toHex } from '@pulseseal/crypto';
import { type Ledger, treeHeadRecord } from '@pulseseal/ledger';
import type { Catalogue } from './catalogue.ts';
import type { MerkleLog } from './merkle-log.ts';

/**
 * How the evidence log here stands to the head that the ledger holds of it. `behind`: the ledger's covers more entries, or
 * others: this folder is an older copy, and any head signed over it would be a second history. `adopt`: the entries are
 * the same and the ledger's head itself is not here.
 */
export type LogStanding =
  | { readonly kind: 'same' }
  | { readonly kind: 'adopt'; readonly size: number; readonly sth: Uint8Array }
  | { readonly kind: 'behind'; readonly size: number; readonly anchoredSize: number };

/** Asks the ledger. @throws Failure while it is away */
export async function standingOf(
  ledger: Ledger,
  log: {
    readonly id: Uint8Array;
    readonly gateway: Uint8Array;
    readonly tree: MerkleLog;
    readonly catalogue: Catalogue;
  },
): Promise<LogStanding> {
  const { catalogue, tree } = log;
  const bytes = await ledger.read('GetTreeHead', [log.id]);
  if (bytes === undefined) return { kind: 'same' };
  const anchored = treeHeadRecord.parse(bytes);
  const { entryCount } = catalogue;
  if (anchored.size > entryCount || !equalBytes(tree.root(anchored.size), anchored.root))
    return { kind: 'behind', size: entryCount, anchoredSize: anchored.size };
  const own = catalogue.sthFor(anchored.size);
  if (own !== undefined && toHex(own.hash) === toHex(anchored.hash)) return { kind: 'same' };
  const anchor = await ledger.anchor(log.gateway, anchored.size);
  return anchor === undefined ? { kind: 'same' } : { kind: 'adopt', size: anchored.size, sth: anchor.sth };
}

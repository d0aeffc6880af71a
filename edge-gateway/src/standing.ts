import { equalBytes, toHex } from '@pulseseal/crypto';
import { type Ledger, treeHeadRecord } from '@pulseseal/ledger';
import { parseSigned } from '@pulseseal/protocol';
import type { Catalogue, SthRow } from './catalogue.ts';
import { type Journal, readUndamaged } from './journal.ts';
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
    readonly journal: Pick<Journal, 'read'>;
  },
): Promise<LogStanding> {
  const { catalogue, tree } = log;
  const { entryCount } = catalogue;
  const bytes = await ledger.read('GetTreeHead', [log.id]);
  const signed = catalogue.lastSth();
  // An index that was made anew over a spoiled opening or close lacks an entry of what was signed here.
  if (signed !== undefined && !(await isOfThisTree(log, signed)))
    return { kind: 'behind', size: entryCount, anchoredSize: signed.size };
  if (bytes === undefined) return { kind: 'same' };
  const anchored = treeHeadRecord.parse(bytes);
  if (anchored.size > entryCount || !equalBytes(tree.root(anchored.size), anchored.root))
    return { kind: 'behind', size: entryCount, anchoredSize: anchored.size };
  const own = catalogue.sthFor(anchored.size);
  if (own !== undefined && toHex(own.hash) === toHex(anchored.hash)) return { kind: 'same' };
  const anchor = await ledger.anchor(log.gateway, anchored.size);
  return anchor === undefined ? { kind: 'same' } : { kind: 'adopt', size: anchored.size, sth: anchor.sth };
}

async function isOfThisTree(
  { tree, catalogue, journal }: Pick<Parameters<typeof standingOf>[1], 'tree' | 'catalogue' | 'journal'>,
  { size, position }: SthRow,
): Promise<boolean> {
  if (size > catalogue.entryCount) return false;
  const record = await readUndamaged(journal, position);
  return record === undefined || equalBytes(parseSigned(record.message, 'sth').body.root, tree.root(size));
}

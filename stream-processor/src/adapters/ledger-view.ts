import { type Ledger, manifestRecord } from '@pulseseal/ledger';
import { parseSigned } from '@pulseseal/protocol';
import type { LedgerView } from '../ports.ts';

/** The two questions that the processor has, put to the ledger port. Reads only. */
export function ledgerView(ledger: Pick<Ledger, 'read' | 'anchor'>): LedgerView {
  return {
    async manifest(pseudonym) {
      const bytes = await ledger.read('GetManifest', [pseudonym]);
      if (bytes === undefined) return undefined;
      return manifestRecord.parse(bytes);
    },
    async anchoredHead(gateway, size) {
      const anchor = await ledger.anchor(gateway, size);
      if (anchor === undefined) return undefined;
      const { body } = parseSigned(anchor.sth, 'sth');
      return { size: body.size, root: body.root };
    },
  };
}

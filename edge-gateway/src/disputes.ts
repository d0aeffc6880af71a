import { equalBytes } from '@pulseseal/crypto';
import type { DisputeEvidence } from '@pulseseal/ledger';
import { parsePlain, parseSigned } from '@pulseseal/protocol';
import type { Catalogue } from './catalogue.ts';
import type { Journal } from './journal.ts';
import type { EpochState } from './state.ts';

/** The journalled closes of one segment that say different things, for the ledger to judge; undefined: none do. */
export async function disputeEvidence(
  ports: { readonly journal: Pick<Journal, 'read'>; readonly catalogue: Pick<Catalogue, 'closes' | 'epochById'> },
  epoch: EpochState,
  segment: number,
): Promise<DisputeEvidence | undefined> {
  const { endorseAt } = epoch.device;
  const rows = ports.catalogue.closes(epoch.id).filter((row) => row.segment === segment);
  const [first, ...others] = await Promise.all(
    rows.map(async ({ position }) => (await ports.journal.read(position)).message),
  );
  if (first === undefined || endorseAt === undefined) return undefined;
  const said = parseSigned(first, 'close').payload;
  const other = others.find((close) => !equalBytes(parseSigned(close, 'close').payload, said));
  if (other === undefined) return undefined;
  const row = ports.catalogue.epochById(epoch.id);
  if (row === undefined) return undefined;
  const endorse = (await ports.journal.read(endorseAt)).message;
  const { open } = parsePlain((await ports.journal.read(row.position)).message, 'opening');
  return { oh: epoch.oh, segment, closeA: first, closeB: other, endorse, open };
}

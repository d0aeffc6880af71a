import { apply } from './apply.ts';
import { decodeRecord } from './journal-record.ts';
import type { TwinPorts } from './ports.ts';
import type { Twin } from './state.ts';
import { newTwin } from './state.ts';

export interface Replayed {
  /** Data time of the last sign of life; null for an empty journal. */
  readonly lastAliveMs: number | null;
  readonly lastNumber: number;
}

/** Rebuilds the twins from the journal. */
export async function replayInto(twins: Map<string, Twin>, ports: TwinPorts): Promise<Replayed> {
  let lastAliveMs: number | null = null;
  let lastNumber = 0;
  let records = 0;
  const pieces = new Map<string, string[]>();
  const { damaged } = await ports.journal.replay((bytes) => {
    const record = decodeRecord(bytes);
    if (record.n <= lastNumber) return;
    lastNumber = record.n;
    records++;
    if ('alive' in record) {
      lastAliveMs = Math.max(lastAliveMs ?? 0, record.alive.dataMs);
      return;
    }
    if ('login' in record) return;
    if ('snap' in record) {
      const { p, piece, of, text } = record.snap;
      const known = piece === 0 ? [] : (pieces.get(p) ?? []);
      known.push(text);
      if (known.length < of) pieces.set(p, known);
      else {
        pieces.delete(p);
        twins.set(p, JSON.parse(known.join('')) as Twin);
      }
      return;
    }
    let twin = twins.get(record.p) ?? newTwin({ patient: record.p });
    for (const event of record.e) twin = apply(twin, event);
    twins.set(record.p, twin);
  });
  if (damaged > 0)
    ports.logger.error({ damaged }, 'records of the twin journal are damaged; the watch goes on without them');
  if (records > 0) ports.logger.info({ records, patients: twins.size }, 'twins rebuilt from the journal');
  return { lastAliveMs, lastNumber };
}

import { fromHex, toHex } from '@pulseseal/crypto';
import { parseFrame } from '@pulseseal/protocol';
import type { Catalogue, FramePlace } from '../catalogue.ts';
import { gatewayFailure } from '../failures.ts';
import type { Journal } from '../journal.ts';
import { RECORD } from '../journal-record.ts';
import { MAX_QUERY_ROWS } from '../limits.ts';
import type { CiphertextStore, StoredRow } from '../store/port.ts';

/** The embedded store: bytes in the journal's segments, places in the index. `put` only indexes what the journal holds. */
export function createEmbeddedStore(catalogue: Catalogue, journal: Pick<Journal, 'read'>): CiphertextStore {
  const names = (place: FramePlace) => {
    const device = catalogue.deviceByNumber(place.deviceNumber);
    const epoch = catalogue.epochById(place.epochId);
    if (device === undefined || epoch === undefined) throw gatewayFailure('store-row-missing');
    return { device: device.name, eh: toHex(epoch.eh) };
  };
  const rowOf = async (place: FramePlace): Promise<StoredRow> => {
    const record = await journal.read(place.position);
    if (record.kind !== RECORD.frame) throw gatewayFailure('store-row-missing', `position ${place.position}`);
    const frame = parseFrame(record.message);
    return {
      ...names(place),
      segment: frame.sg,
      seq: frame.seq,
      stream: frame.st,
      arrivedMs: record.arrivedMs,
      frame: record.message,
      position: place.position,
    };
  };
  const epochOf = (device: string, eh: string) => {
    const row = catalogue.device(device);
    return row && (catalogue.epoch(row.number, fromHex(eh)) ?? catalogue.unopened(row.number, fromHex(eh)));
  };
  return {
    async put(rows) {
      for (const row of rows) {
        const epoch = epochOf(row.device, row.eh);
        if (epoch === undefined) throw gatewayFailure('store-row-missing', row.eh);
        if (catalogue.frames(epoch.id, row.seq, row.seq + 1).length > 0) continue;
        catalogue.addFrame({
          epochId: epoch.id,
          deviceNumber: epoch.deviceNumber,
          seq: row.seq,
          stream: row.stream,
          position: row.position,
          arrivedMs: row.arrivedMs,
        });
      }
    },
    async query({ device, stream, fromMs = 0, toMs = Number.MAX_SAFE_INTEGER, limit = MAX_QUERY_ROWS }) {
      const row = catalogue.device(device);
      if (row === undefined) return [];
      const most = Math.min(limit, MAX_QUERY_ROWS);
      const places = catalogue.framesBetween(row.number, fromMs, toMs, most, stream);
      const rows = await Promise.all(places.map(rowOf));
      return rows.sort((a, b) => a.arrivedMs - b.arrivedMs || a.seq - b.seq);
    },
    async frame(device, eh, seq) {
      const epoch = epochOf(device, eh);
      const place = epoch && catalogue.frames(epoch.id, seq, seq + 1)[0];
      return place && rowOf(place);
    },
    async segment(device, eh, segment) {
      const epoch = epochOf(device, eh);
      if (epoch === undefined) return [];
      // Frames carry their segment's number; a close, when there is one, bounds where to look.
      const close = catalogue.closes(epoch.id).find((c) => c.segment === segment);
      const before = catalogue.closes(epoch.id).find((c) => c.segment === segment - 1);
      const first = close?.first ?? (before === undefined ? 0 : before.first + before.count);
      const end = close === undefined ? Number.MAX_SAFE_INTEGER : close.first + close.count;
      const rows = await Promise.all(catalogue.frames(epoch.id, first, end).map(rowOf));
      return rows.filter((r) => r.segment === segment).sort((a, b) => a.seq - b.seq);
    },
    close: async () => {},
  };
}

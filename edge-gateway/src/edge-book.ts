import type { Edge } from '@pulseseal/protocol';
import { parsePlain, parseSigned } from '@pulseseal/protocol';
import type { Border } from './border.ts';
import type { ManifestView, RecipientView } from './state.ts';

/** The newest epoch of each device and who reads it: what `edge` tells recipients every 5 s. */
export interface EdgeBook {
  enter(device: string, eh: Uint8Array, manifest: ManifestView, wrapHashes: readonly (string | null)[]): void;
  /** Fills in the devices that have not spoken since the start. */
  load(border: Border): Promise<void>;
  byReader(border: Border): Map<string, Edge['epochs'][number][]>;
}

interface Entry {
  readonly eh: Uint8Array;
  readonly readers: readonly RecipientView[];
  lastMs: number;
}

/** Protocol: an `edge` lists at most 1,024 epochs; one patient has a handful of devices. */
const MOST_EPOCHS = 1_024;

export function createEdgeBook(): EdgeBook {
  const entries = new Map<string, Entry>();
  return {
    enter(device, eh, manifest, wrapHashes) {
      entries.set(device, { eh, readers: readersOf(manifest, wrapHashes), lastMs: 0 });
    },
    async load(border) {
      const { catalogue, journal } = border;
      for (const row of catalogue.devices()) {
        const newest = catalogue.epochs(row.number, 8).find((e) => !e.isBulk);
        if (newest === undefined || entries.has(row.name)) continue;
        try {
          const { open } = parsePlain((await journal.read(newest.position)).message, 'opening');
          const { body } = parseSigned(open, 'open');
          const device = await border.devices.load(row.name);
          const manifest = device && (await border.manifestOf(device, body.manifestHash));
          if (manifest === undefined || entries.has(row.name)) continue;
          const readers = readersOf(manifest, body.wrapHashes);
          entries.set(row.name, { eh: newest.eh, readers, lastMs: newest.arrivedMs });
        } catch {
          // A hint only: the recipients' own silence timers do not depend on it.
        }
      }
    },
    byReader(border) {
      const out = new Map<string, Edge['epochs'][number][]>();
      for (const [name, entry] of entries) {
        const live = border.devices.get(name)?.live[0];
        if (live !== undefined && live.lastArrivedMs > entry.lastMs) entry.lastMs = live.lastArrivedMs;
        const state = border.broker.isConnected(name) ? 1 : 0;
        for (const reader of entry.readers) {
          const list = out.get(reader.rid) ?? [];
          out.set(reader.rid, list);
          if (list.length >= MOST_EPOCHS) continue;
          list.push({ eh: entry.eh, lastMs: entry.lastMs, state: border.forward.mayRead(reader) ? state : 2 });
        }
      }
      return out;
    },
  };
}

/** The manifest's own list where nobody is left out: most devices need no other. */
function readersOf(
  { recipients }: ManifestView,
  wrapHashes: readonly (string | Uint8Array | null)[],
): readonly RecipientView[] {
  const readers = recipients.filter((_, i) => wrapHashes[i] !== null);
  return readers.length === recipients.length ? recipients : readers.slice();
}

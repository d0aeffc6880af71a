import { type CryptoProvider, fromHex } from '@pulseseal/crypto';
import { openLogReader } from '@pulseseal/log';
import { type CoseKey, type Inclusion, parseFrame, parsePlain, parseSigned } from '@pulseseal/protocol';
import { openSqliteCatalogue } from './adapters/catalogue-sqlite.ts';
import type { CloseRow, EpochRow } from './catalogue.ts';
import { gatewayFailure } from './failures.ts';
import { parseRecord } from './journal-record.ts';
import { createMerkleLog } from './merkle-log.ts';
import { leavesFromStore } from './steps/recipient.ts';

/** Everything on the gateway's side that proves one frame. Whole messages as they came. */
export interface FrameEvidence {
  /** With its tag; a proof leaves the last item out. */
  readonly frame: Uint8Array;
  readonly arrivedMs: number;
  readonly segment: number;
  readonly firstSeq: number;
  /** Leaf hashes of the whole segment, in order of number. */
  readonly leaves: readonly Uint8Array[];
  readonly close: Uint8Array;
  readonly open: Uint8Array;
  /** The wraps of the epoch, in the order of arrival. */
  readonly keys: readonly Uint8Array[];
  readonly manifest: Uint8Array;
  readonly endorse: Uint8Array;
  /** Absent in offline epochs. */
  readonly beacon: Uint8Array | undefined;
  readonly gatewayKey: CoseKey;
  /** Place of the close in the evidence log. */
  readonly entry: number;
}

export interface LogEvidence {
  /** The smallest signed head that covers the entry. */
  readonly sth: Uint8Array;
  readonly size: number;
  readonly inclusion: Inclusion;
  /** From that head to the one of `anchoredSize` entries; empty when they are the same. */
  readonly consistency: readonly Uint8Array[];
}

export interface EvidenceReader {
  /** @throws Failure `evidence-absent` naming what is missing */
  frame(device: string, eh: string, seq: number): Promise<FrameEvidence>;
  /** @throws Failure `evidence-absent` */
  log(entry: number, anchoredSize: number): Promise<LogEvidence>;
  /** Entries under the newest head that the ledger took. */
  readonly anchoredSize: number;
  /** Epochs of a device, newest first: eh as hex. */
  epochs(device: string): readonly { readonly eh: string; readonly boot: number; readonly epoch: number }[];
  close(): Promise<void>;
}

export interface EvidenceReaderSettings {
  readonly journalDir: string;
  readonly indexPath: string;
  readonly crypto: CryptoProvider;
}

/** Reads the folder of a gateway that runs in another process, or of a stopped one. Writes nothing. */
export async function openEvidenceReader(settings: EvidenceReaderSettings): Promise<EvidenceReader> {
  const { crypto } = settings;
  const catalogue = openSqliteCatalogue(settings.indexPath, true);
  const log = await openLogReader({ dir: settings.journalDir });
  const journal = { read: async (position: number) => parseRecord(await log.read(position)) };
  const tree = createMerkleLog(catalogue, crypto);
  const absent = (what: string) => gatewayFailure('evidence-absent', what);

  const epochOf = (device: string, eh: string): EpochRow => {
    const row = catalogue.device(device);
    const epoch = row && catalogue.epoch(row.number, fromHex(eh));
    if (epoch === undefined) throw absent('no such device or epoch');
    return epoch;
  };
  const closeOf = (epoch: EpochRow, seq: number): CloseRow & { readonly entry: number } => {
    const close = catalogue.closes(epoch.id).find((c) => seq >= c.first && seq < c.first + c.count);
    if (close === undefined) throw absent('its segment is not closed yet');
    if (close.state !== 'complete') throw absent(`its segment is ${close.state}, not complete`);
    if (close.entry === undefined) throw absent('its close is not in the log yet');
    return { ...close, entry: close.entry };
  };
  const gatewayKeyOf = async (beacon: Uint8Array | undefined): Promise<CoseKey> => {
    const last = catalogue.lastBeacon();
    const bytes = beacon ?? (last && (await journal.read(last.position)).message);
    if (bytes === undefined) throw absent('no beacon');
    return parseSigned(bytes, 'beacon').body.key;
  };
  return {
    async frame(device, eh, seq) {
      const epoch = epochOf(device, eh);
      const place = catalogue.frames(epoch.id, seq, seq + 1)[0];
      if (place === undefined) throw absent('no such frame');
      const close = closeOf(epoch, seq);
      const record = await journal.read(place.position);
      const leaves = await leavesFromStore({ journal, catalogue, crypto }, epoch, close.first, close.count);
      if (leaves === undefined) throw absent('a leaf of its segment');
      const { open } = parsePlain((await journal.read(epoch.position)).message, 'opening');
      const { body } = parseSigned(open, 'open');
      const manifest = catalogue.manifest(body.manifestHash);
      const endorseAt = catalogue.deviceByNumber(epoch.deviceNumber)?.endorseAt;
      if (manifest === undefined || endorseAt === undefined) throw absent('manifest or endorse');
      const beaconRow = body.beaconHash && catalogue.beacon(body.beaconHash);
      const beacon = beaconRow && (await journal.read(beaconRow.position)).message;
      const keys: Uint8Array[] = [];
      for (const position of catalogue.keys(epoch.id)) keys.push((await journal.read(position)).message);
      return {
        frame: record.message,
        arrivedMs: record.arrivedMs,
        segment: parseFrame(record.message).sg,
        firstSeq: close.first,
        leaves,
        close: (await journal.read(close.position)).message,
        open,
        keys,
        manifest: (await journal.read(manifest.position)).message,
        endorse: (await journal.read(endorseAt)).message,
        beacon,
        gatewayKey: await gatewayKeyOf(beacon),
        entry: close.entry,
      };
    },
    async log(entry, anchoredSize) {
      const head = catalogue.sthFor(entry + 1);
      if (head === undefined) throw absent('no head covers its close yet');
      if (anchoredSize < head.size) throw absent('the anchored head is older than its close');
      return {
        sth: (await journal.read(head.position)).message,
        size: head.size,
        inclusion: { size: head.size, index: entry, path: tree.inclusion(entry, head.size) },
        consistency: tree.consistency(head.size, anchoredSize),
      };
    },
    get anchoredSize() {
      return catalogue.anchoredSize;
    },
    epochs(device) {
      const row = catalogue.device(device);
      if (row === undefined) return [];
      return catalogue.epochs(row.number, Number.MAX_SAFE_INTEGER).map((e) => ({
        eh: Buffer.from(e.eh).toString('hex'),
        boot: e.boot,
        epoch: e.epoch,
      }));
    },
    async close() {
      await log.close();
      catalogue.close();
    },
  };
}

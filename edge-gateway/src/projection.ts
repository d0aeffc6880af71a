import type { CryptoProvider } from '@pulseseal/crypto';
import type { Position } from '@pulseseal/log';
import {
  type Close,
  deviceText,
  ehOf,
  logLeaf,
  type Open,
  openHash,
  parseCtl,
  parseFrame,
  parsePlain,
  parseRepair,
  parseSigned,
} from '@pulseseal/protocol';
import type { Catalogue, SegmentState } from './catalogue.ts';
import { FLAG, type JournalRecord, RECORD, readUint64 } from './journal-record.ts';
import { createMerkleLog, type MerkleLog } from './merkle-log.ts';

/**
 * What the index makes of each record, in the order of the journal. The live gateway and a start after a crash run the
 * same functions, so places in the evidence log never differ.
 */
export interface Projection {
  readonly tree: MerkleLog;
  frame(
    epochId: number,
    deviceNumber: number,
    seq: number,
    stream: number,
    position: Position,
    arrivedMs: number,
  ): void;
  /** Answers the epoch's number in the index. */
  opening(
    deviceNumber: number,
    open: Open,
    openBytes: Uint8Array,
    flags: number,
    position: Position,
    arrivedMs: number,
  ): number;
  /** `hash`: SHA-256 of the message. */
  close(epochId: number, close: Close, message: Uint8Array, hash: Uint8Array, flags: number, position: Position): void;
  /** A held close has its predecessor now. */
  chained(closePosition: Position, message: Uint8Array): void;
  segment(closePosition: Position, isComplete: boolean): void;
  manifest(deviceNumber: number, message: Uint8Array, version: number, position: Position): void;
  sth(message: Uint8Array, position: Position): void;
  /** Whether the epoch had messages here before its opening, which was sent again: true once. */
  takeMended(epochId: number): boolean;
  /** After a rollback: numbers of epochs may differ. */
  reset(): void;
  /**
   * A record read back; `readMessage` gives the messages that others point to, undefined where the disk has spoiled them.
   * What names an epoch whose opening is spoiled is kept for the time when the device has sent it again.
   */
  replay(
    record: JournalRecord,
    position: Position,
    readMessage: (position: Position) => Promise<Uint8Array | undefined>,
  ): Promise<void>;
}

export function createProjection(catalogue: Catalogue, crypto: CryptoProvider): Projection {
  const tree = createMerkleLog(catalogue, crypto);
  const enter = (position: Position, message: Uint8Array) => {
    const leaf = logLeaf(message, crypto);
    tree.append(catalogue.addEntry(position, leaf), leaf);
  };
  const epochIds = new Map<string, number>();
  const mended = new Set<number>();
  const epochIdOf = (deviceNumber: number, eh: Uint8Array): number => {
    const key = `${deviceNumber}/${Buffer.from(eh.buffer, eh.byteOffset, eh.length).toString('latin1')}`;
    const known = epochIds.get(key);
    if (known !== undefined) return known;
    const id = catalogue.epochNumber(deviceNumber, eh);
    if (epochIds.size > 10_000) epochIds.clear();
    epochIds.set(key, id);
    return id;
  };

  /** The endorsement says it too, should the device's own record be spoiled. */
  const learnDevice = (number: number, thumbprint: Uint8Array) =>
    catalogue.addDevice(number, deviceText(thumbprint), thumbprint.slice());

  const projection: Projection = {
    tree,
    frame: (epochId, deviceNumber, seq, stream, position, arrivedMs) =>
      catalogue.addFrame({ epochId, deviceNumber, seq, stream, position, arrivedMs }),
    opening(deviceNumber, open, openBytes, flags, position, arrivedMs) {
      const oh = openHash(openBytes, crypto);
      const isBulk = (flags & FLAG.bulk) !== 0;
      const { id, isMended } = catalogue.addEpoch({
        deviceNumber,
        eh: ehOf(oh),
        oh,
        boot: open.boot,
        epoch: open.epoch,
        position,
        isBulk,
        arrivedMs,
      });
      if (!isBulk) catalogue.setStored(deviceNumber, open.boot, open.epoch, oh);
      if (isMended) mended.add(id);
      if (!isMended || catalogue.entryAt(position) === undefined) enter(position, openBytes);
      return id;
    },
    close(epochId, close, message, hash, flags, position) {
      catalogue.addClose({
        epochId,
        segment: close.segment,
        position,
        first: close.firstSeq,
        count: close.count,
        hash,
        isLast: close.last !== undefined,
        state: stateOf(flags),
      });
      if ((flags & FLAG.chained) !== 0) enter(position, message);
    },
    chained(closePosition, message) {
      catalogue.setSegmentState(closePosition, 'logged');
      enter(closePosition, message);
    },
    segment: (closePosition, isComplete) =>
      catalogue.setSegmentState(closePosition, isComplete ? 'complete' : 'disputed'),
    manifest: (deviceNumber, message, version, position) =>
      catalogue.setManifest(deviceNumber, position, crypto.sha256(message), version),
    takeMended: (epochId) => mended.delete(epochId),
    sth(message, position) {
      const { body } = parseSigned(message, 'sth');
      catalogue.addSth({
        size: body.size,
        batch: body.batch,
        position,
        hash: crypto.sha256(message),
        isAnchored: false,
      });
    },
    reset() {
      epochIds.clear();
      mended.clear();
      tree.forget();
    },
    async replay(record, position, readMessage) {
      const { kind, flags, deviceNumber, arrivedMs, message } = record;
      switch (kind) {
        case RECORD.frame: {
          const frame = parseFrame(message);
          projection.frame(epochIdOf(deviceNumber, frame.eh), deviceNumber, frame.seq, frame.st, position, arrivedMs);
          break;
        }
        case RECORD.start:
          catalogue.setStarts(readUint64(message));
          break;
        case RECORD.device:
          learnDevice(deviceNumber, message);
          break;
        case RECORD.beacon:
          catalogue.addBeacon(parseSigned(message, 'beacon').body.serial, crypto.sha256(message), position);
          break;
        case RECORD.endorse:
          learnDevice(deviceNumber, parseSigned(message, 'endorse').body.subject);
          catalogue.setEndorse(deviceNumber, position);
          break;
        case RECORD.manifest:
          projection.manifest(deviceNumber, message, parseSigned(message, 'manifest').body.version, position);
          break;
        case RECORD.opening: {
          const { open } = parsePlain(message, 'opening');
          projection.opening(deviceNumber, parseSigned(open, 'open').body, open, flags, position, arrivedMs);
          break;
        }
        case RECORD.keys:
          catalogue.addKeys(epochIdOf(deviceNumber, parsePlain(message, 'keys').eh), position);
          break;
        case RECORD.close: {
          const close = parseSigned(message, 'close').body;
          const id = epochIdOf(deviceNumber, ehOf(close.oh));
          projection.close(id, close, message, crypto.sha256(message), flags, position);
          break;
        }
        case RECORD.chained: {
          const at = readUint64(message);
          const close = await readMessage(at);
          if (close !== undefined) projection.chained(at, close);
          break;
        }
        case RECORD.repair: {
          const ctl = parseCtl(message);
          catalogue.addRepair(epochIdOf(deviceNumber, parseRepair(ctl.content).eh ?? ctl.eh), position);
          break;
        }
        case RECORD.segment:
          projection.segment(readUint64(message), (flags & FLAG.complete) !== 0);
          break;
        case RECORD.sth:
          projection.sth(message, position);
          break;
        case RECORD.anchored:
          catalogue.setAnchored(readUint64(message));
          break;
        case RECORD.retired:
          catalogue.setRetired(deviceNumber);
          break;
        case RECORD.revoked:
          catalogue.addRevoked(Buffer.from(message).toString());
          break;
        case RECORD.accepted: {
          const row = catalogue.epoch(deviceNumber, ehOf(message));
          if (row !== undefined) catalogue.setAccepted(row.id);
          break;
        }
      }
    },
  };
  return projection;
}

/** What a close's record says of its segment by itself. */
function stateOf(flags: number): SegmentState {
  if ((flags & FLAG.disputed) !== 0) return 'disputed';
  if ((flags & FLAG.chained) === 0) return 'held';
  return (flags & FLAG.whole) === 0 ? 'logged' : 'complete';
}

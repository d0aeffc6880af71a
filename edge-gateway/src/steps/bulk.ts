import { toHex } from '@pulseseal/crypto';
import {
  ERR,
  ehOf,
  encodeOpening,
  type Frame,
  frameLeaf,
  type Keys,
  type Opening,
  openHash,
  parseMessage,
  parseSigned,
  Refusal,
  refuse,
  type Signed,
} from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { createEpoch } from '../epochs.ts';
import { FLAG, RECORD } from '../journal-record.ts';
import { MAX_BULK_BYTES, MAX_BULK_EPOCHS } from '../limits.ts';
import { sameBytes } from '../received.ts';
import type { DeviceState, EpochState } from '../state.ts';
import { receiveClose } from './close.ts';
import { takeFrame } from './frame.ts';
import { receiveKeys } from './keys.ts';

type Item = Opening | Keys | Signed<'close'> | Frame;

/**
 * Bulk (mt 8, SPEC clause EPOCH-9): openings, keys, closes, frames of offline or older epochs, under the tag of the live one.
 * Resolves when all of it is on disk; then each epoch's progress goes out. A message that is refused does not hold back
 * those behind it: the first refusal is thrown at the end.
 */
export async function receiveBulk(
  border: Border,
  device: DeviceState,
  carrier: EpochState,
  messages: readonly Uint8Array[],
): Promise<void> {
  border.instruments.bulk.add();
  const items = messages.map(parseItem);
  requireOrder(items);
  const touched = new Set<EpochState>();
  const conflicting = new Set<string>();
  /** Its pair is another epoch's for ever: named to the device, which can do nothing but let it go. */
  const refuseEpoch = ({ open }: Opening) => {
    const eh = ehOf(openHash(open, border.crypto));
    conflicting.add(toHex(eh));
    const err = { code: ERR.staleCounter, text: 'counter-conflict', eh };
    border.control.err(device, { err, under: carrier, eh: carrier.eh });
  };
  const isOfRefused = (item: Item) =>
    conflicting.size > 0 && item.kind !== 'opening' && conflicting.has(toHex(ehOfItem(item)));
  let firstRefusal: unknown;
  for (const item of items) {
    try {
      if (!isOfRefused(item)) touched.add(await takeItem(border, device, item));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      border.instruments.refuse(error.refusal);
      if (error.refusal === 'counter-conflict' && item.kind === 'opening') refuseEpoch(item);
      else firstRefusal ??= error;
    }
  }
  await new Promise<void>((resolve, reject) =>
    border.journal.after({ settled: (ok) => (ok ? resolve() : reject(new Error('journal-failed'))) }),
  );
  for (const epoch of touched) {
    // Frames that are still on their way to the disk move it themselves.
    if (epoch.inFlight === 0) epoch.durableSeq = epoch.received.next;
    if (epoch === carrier) continue;
    epoch.wentByBulk = true;
    border.moved(epoch);
  }
  if (firstRefusal !== undefined) throw firstRefusal;
}

function parseItem(bytes: Uint8Array): Item {
  const message = parseMessage(bytes, MAX_BULK_BYTES);
  if (message.kind === 'frame' || message.kind === 'keys') return message;
  if (message.kind === 'opening') return message.pre === undefined ? message : refuse('bulk-content');
  if (message.kind === 'signed' && message.typ === 'close') return message as Signed<'close'>;
  return refuse('bulk-content');
}

const rankOf = (item: Item): number =>
  item.kind === 'opening' ? 0 : item.kind === 'keys' ? 1 : item.kind === 'signed' ? 2 : 3;

function requireOrder(items: readonly Item[]): void {
  for (let i = 1; i < items.length; i++) if (rankOf(items[i]!) < rankOf(items[i - 1]!)) refuse('bulk-content');
}

const ehOfItem = (item: Exclude<Item, Opening>): Uint8Array =>
  item.kind === 'signed' ? item.body.oh.subarray(0, 8) : item.eh;

async function takeItem(border: Border, device: DeviceState, item: Item): Promise<EpochState> {
  switch (item.kind) {
    case 'opening':
      return openInBulk(border, device, item.open);
    case 'keys': {
      const epoch = await border.anyEpoch(device, item.eh);
      await receiveKeys(border, epoch, item);
      return epoch;
    }
    case 'signed': {
      const epoch = await border.anyEpoch(device, item.body.oh.subarray(0, 8));
      await receiveClose(border, epoch, item.raw);
      return epoch;
    }
    case 'frame': {
      const epoch = await border.anyEpoch(device, item.eh);
      takeBulkFrame(border, epoch, item);
      return epoch;
    }
  }
}

/** Neither its beacon nor its order is checked: a smaller pair is right here, two opens of one pair never are. */
async function openInBulk(border: Border, device: DeviceState, openBytes: Uint8Array): Promise<EpochState> {
  const { crypto, catalogue } = border;
  const signed = parseSigned(openBytes, 'open');
  const open = signed.body;
  if (!sameBytes(open.device, device.thumbprint)) refuse('topic-mismatch');
  const oh = openHash(openBytes, crypto);
  if (catalogue.epoch(device.number, oh.subarray(0, 8)) !== undefined)
    return border.anyEpoch(device, oh.subarray(0, 8));
  if (catalogue.hasPair(device.number, open.boot, open.epoch)) {
    border.alarm('counter-conflict', device.name);
    refuse('counter-conflict');
  }
  if (device.isRetired) refuse('revoked-device');
  if (!(await border.verify(signed, await border.keyOf(device)))) refuse('signature-invalid');
  const manifest = await border.manifestOf(device, open.manifestHash);
  if (manifest === undefined) refuse('manifest-unknown');
  if (open.wrapHashes.length !== manifest.recipients.length) refuse('scope-mismatch');
  if (border.ledger.isRetired(manifest.pseudonym)) refuse('revoked-device');
  const arrivedMs = border.wall.nowMs();
  const opening = encodeOpening(openBytes);
  const epoch = await border.journal.put(RECORD.opening, FLAG.bulk, device.number, arrivedMs, opening, (position) => {
    const id = border.projection.opening(device.number, open, openBytes, FLAG.bulk, position, arrivedMs);
    const parts = { id, open, oh, manifest, keys: undefined, isBulk: true, flags: FLAG.bulk };
    return createEpoch(device, parts, border.settings);
  });
  border.instruments.opens.add(1, 'bulk');
  border.instruments.entries.add();
  keepBulk(device, epoch);
  await border.introduce(epoch, open, openBytes);
  return epoch;
}

export function keepBulk(device: DeviceState, epoch: EpochState): void {
  device.bulk.unshift(epoch);
  device.bulk.splice(MAX_BULK_EPOCHS);
}

function takeBulkFrame(border: Border, epoch: EpochState, frame: Frame): void {
  if (frame.raw.length > border.settings.maxFrameBytes) refuse('too-large');
  if (!epoch.routes.has(frame.st)) refuse('out-of-range');
  const leaf = frameLeaf(frame, epoch.oh, border.crypto);
  const admission = epoch.received.judge(frame.seq, leaf);
  if (admission === 'duplicate') {
    border.instruments.duplicates.add();
    return;
  }
  if (admission !== 'new') refuse(admission);
  takeFrame(border, epoch, { frame, leaf }, FLAG.bulk, () => {});
}

import { toHex } from '@pulseseal/crypto';
import { ehOf, openHash, parseFrame, parsePlain, parseSigned, Refusal } from '@pulseseal/protocol';
import type { Border } from './border.ts';
import type { CloseRow } from './catalogue.ts';
import { isDamage, readUndamaged } from './journal.ts';
import { FLAG, type JournalRecord, RECORD, readUint64 } from './journal-record.ts';
import type { EpochState } from './state.ts';
import { leavesFromStore } from './steps/recipient.ts';

/** Brings the index up to the journal's end. Answers how many records were read. */
export async function replayJournal(border: Pick<Border, 'journal' | 'catalogue' | 'projection'>): Promise<number> {
  const { journal, catalogue, projection } = border;
  const readMessage = async (position: number) => (await readUndamaged(journal, position))?.message;
  let count = 0;
  let at = catalogue.cursor;
  while (at < journal.endPosition) {
    const page = await journal.page(at);
    for (const { record, position } of page.records) await projection.replay(record, position, readMessage);
    count += page.records.length;
    at = page.next;
    catalogue.commit(at);
  }
  return count;
}

/** Gives the recipients again what the feed had not on disk when the gateway ended. */
export async function forwardAgain(border: Border, from: number): Promise<number> {
  const { journal } = border;
  let count = 0;
  let heldBack = 0;
  let at = from;
  /** Devices and epochs that cannot be read back: each of their frames would read what is spoiled, and say so, again. */
  const spoiled = new Set<string>();
  const isSpoiled = (record: JournalRecord) =>
    spoiled.size > 0 && (spoiled.has(`${record.deviceNumber}`) || spoiled.has(epochKey(record) ?? ''));
  while (at < journal.endPosition) {
    const page = await journal.page(at);
    for (const { record, position } of page.records) {
      if (position < from) continue;
      count++;
      if (isSpoiled(record)) {
        heldBack++;
        continue;
      }
      try {
        await forwardRecord(border, record, position);
      } catch (error) {
        if (!isDamage(error) && !(error instanceof Refusal)) throw error;
        heldBack++;
        const name = border.catalogue.deviceByNumber(record.deviceNumber)?.name;
        const isLoaded = name === undefined || border.devices.get(name) !== undefined;
        const key = isLoaded ? epochKey(record) : `${record.deviceNumber}`;
        if (key !== undefined) spoiled.add(key);
      }
    }
    at = page.next;
    border.forward.flush();
  }
  if (heldBack > 0)
    border.logger.error({ heldBack }, 'records wait for others that the disk has spoiled: no recipient gets them yet');
  return count;
}

/** Frames are what there is plenty of; any other record is looked at by itself. */
const epochKey = ({ kind, deviceNumber, message }: JournalRecord): string | undefined =>
  kind === RECORD.frame ? `${deviceNumber}/${toHex(parseFrame(message).eh)}` : undefined;

/** Gives the recipients what came of an epoch before its opening was sent again: until then nobody could route it. */
export async function forwardRest(border: Border, epoch: EpochState): Promise<void> {
  const { catalogue, journal, forward } = border;
  for (const position of catalogue.keys(epoch.id)) {
    const record = await readUndamaged(journal, position);
    if (record !== undefined) forward.keys(epoch, parsePlain(record.message, 'keys').wraps, record.arrivedMs);
  }
  for (const [i, { position }] of catalogue.frames(epoch.id, 0, Number.MAX_SAFE_INTEGER).entries()) {
    const record = await readUndamaged(journal, position);
    if (record !== undefined) forward.frame(epoch, parseFrame(record.message), position, record.arrivedMs);
    if (i % FLUSH_FRAMES === 0) forward.flush();
  }
  for (const close of catalogue.closes(epoch.id)) {
    const record = close.state === 'held' ? undefined : await readUndamaged(journal, close.position);
    if (record === undefined) continue;
    forward.close(epoch, record.message, close.position, record.arrivedMs);
    if (close.state === 'complete') await leavesAgain(border, epoch, close, record.arrivedMs);
  }
  forward.flush();
}

/** An epoch may have a hundred thousand frames: so many wait for a feed at a time. */
const FLUSH_FRAMES = 256;

async function forwardRecord(border: Border, record: JournalRecord, position: number): Promise<void> {
  const { kind, flags, message, arrivedMs } = record;
  const name = border.catalogue.deviceByNumber(record.deviceNumber)?.name;
  const device = name === undefined ? undefined : await border.devices.load(name);
  if (device === undefined) return;
  if (kind === RECORD.frame) {
    const frame = parseFrame(message);
    border.forward.frame(await border.anyEpoch(device, frame.eh), frame, position, arrivedMs);
  }
  if (kind === RECORD.opening) {
    const { open } = parsePlain(message, 'opening');
    const epoch = await border.anyEpoch(device, ehOf(openHash(open, border.crypto)));
    await border.introduce(epoch, parseSigned(open, 'open').body, open);
  }
  if (kind === RECORD.keys) {
    const keys = parsePlain(message, 'keys');
    border.forward.keys(await border.anyEpoch(device, keys.eh), keys.wraps, arrivedMs);
  }
  if (kind === RECORD.close && (flags & FLAG.chained) !== 0) {
    const epoch = await border.anyEpoch(device, parseSigned(message, 'close').body.oh.subarray(0, 8));
    border.forward.close(epoch, message, position, arrivedMs);
    if ((flags & FLAG.whole) !== 0) await leavesAgain(border, epoch, border.catalogue.closeAt(position), arrivedMs);
  }
  if (kind !== RECORD.chained && !(kind === RECORD.segment && (flags & FLAG.complete) !== 0)) return;
  const close = border.catalogue.closeAt(readUint64(message));
  const row = close && border.catalogue.epochById(close.epochId);
  if (close === undefined || row === undefined) return;
  const epoch = await border.anyEpoch(device, row.eh);
  if (kind === RECORD.chained)
    border.forward.close(epoch, (await border.journal.read(close.position)).message, close.position, arrivedMs);
  else await leavesAgain(border, epoch, close, arrivedMs);
}

async function leavesAgain(
  border: Border,
  epoch: EpochState,
  close: CloseRow | undefined,
  arrivedMs: number,
): Promise<void> {
  const row = close && border.catalogue.epochById(close.epochId);
  if (close === undefined || row === undefined) return;
  const leaves = await leavesFromStore(border, row, close.first, close.count).catch((error: unknown) => {
    // Of a frame that the disk has spoiled the leaf is gone with it.
    if (!isDamage(error)) throw error;
    return undefined;
  });
  if (leaves !== undefined) border.forward.leaves(epoch, close.segment, close.first, leaves, arrivedMs);
}

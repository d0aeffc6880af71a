import { ehOf, openHash, parseFrame, parsePlain, parseSigned } from '@pulseseal/protocol';
import type { Border } from './border.ts';
import type { CloseRow } from './catalogue.ts';
import { FLAG, type JournalRecord, RECORD, readUint64 } from './journal-record.ts';
import type { EpochState } from './state.ts';
import { leavesFromStore } from './steps/recipient.ts';

/** Brings the index up to the journal's end. Answers how many records were read. */
export async function replayJournal(border: Pick<Border, 'journal' | 'catalogue' | 'projection'>): Promise<number> {
  const { journal, catalogue, projection } = border;
  const readMessage = async (position: number) => (await journal.read(position)).message;
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
  let at = from;
  while (at < journal.endPosition) {
    const page = await journal.page(at);
    for (const { record, position } of page.records) {
      if (position < from) continue;
      await forwardRecord(border, record, position);
      count++;
    }
    at = page.next;
    border.forward.flush();
  }
  return count;
}

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
  const leaves = await leavesFromStore(border, row, close.first, close.count);
  if (leaves !== undefined) border.forward.leaves(epoch, close.segment, close.first, leaves, arrivedMs);
}

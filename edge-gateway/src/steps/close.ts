import { type Close, LIMITS, parseSigned, refuse, type Signed, WANT } from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { segmentOf } from '../epochs.ts';
import { readUndamaged } from '../journal.ts';
import { FLAG, RECORD, uint64 } from '../journal-record.ts';
import { MAX_OPEN_SEGMENTS } from '../limits.ts';
import { sameBytes } from '../received.ts';
import type { EpochState, SegmentRecord } from '../state.ts';
import { completeIfWhole, finishWithClose, leavesOfRoot, moveLowWater } from './segment.ts';

/**
 * A close whose carrier was authentic (SPEC section 7): parse -> epoch -> scopes -> known? -> signature -> chain -> journal
 * -> evidence log -> root. Runs one at a time for a device. Resolves once it is on disk.
 */
export async function receiveClose(border: Border, epoch: EpochState, message: Uint8Array): Promise<void> {
  const signed = parseSigned(message, 'close');
  const close = signed.body;
  if (!sameBytes(close.oh, epoch.oh)) refuse('close-chain');
  matchScopes(epoch, close);
  if (close.firstSeq + close.count - 1 > LIMITS.seq) refuse('out-of-range');
  const hash = border.crypto.sha256(message);
  const known = knownClose(border, epoch, close.segment);
  if (known !== undefined && sameBytes(known.hash, hash)) {
    await awaitSynced(border);
    // By bulk, of an epoch that was let go of: the device still owes it, so what it lacks is asked for again.
    if (epoch.segments.size > 0) border.incomplete(epoch);
    // What its chain needed may have failed when it came first: nothing else would try that again.
    return chainHeld(border, epoch);
  }
  await verifyClose(border, epoch, signed);
  if (known !== undefined) return keepDispute(border, epoch, signed, message, hash);
  if (!isNext(epoch, close)) {
    if (close.segment <= epoch.closedNext || close.segment > epoch.closedNext + MAX_OPEN_SEGMENTS)
      refuse('close-chain');
    if (close.firstSeq < epoch.nextFirst) refuse('close-chain');
    await journalClose(border, epoch, close, message, hash, 0);
    return chainHeld(border, epoch);
  }
  await journalClose(border, epoch, close, message, hash, FLAG.chained);
  await chainHeld(border, epoch);
}

/** Field 10 names every scope of the open. */
function matchScopes(epoch: EpochState, close: Close): void {
  if (close.kcv.size !== epoch.scopes.length || !epoch.scopes.every((scope) => close.kcv.has(scope)))
    refuse('scope-mismatch');
}

function knownClose(border: Border, epoch: EpochState, segment: number): { readonly hash: Uint8Array } | undefined {
  const open = epoch.segments.get(segment);
  if (open !== undefined) return open;
  if (segment >= epoch.closedNext) return undefined;
  return border.catalogue.closes(epoch.id).find((row) => row.segment === segment);
}

async function verifyClose(border: Border, epoch: EpochState, signed: Signed<'close'>): Promise<void> {
  if (!(await border.verify(signed, await border.keyOf(epoch.device)))) refuse('signature-invalid');
}

function isNext(epoch: EpochState, close: Close): boolean {
  if (close.segment !== epoch.closedNext) return false;
  if (!sameBytes(close.previous, epoch.lastClose) || close.firstSeq !== epoch.nextFirst || epoch.hasEnded)
    refuse('close-chain');
  return true;
}

function journalClose(
  border: Border,
  epoch: EpochState,
  close: Close,
  message: Uint8Array,
  hash: Uint8Array,
  flags: number,
): Promise<void> {
  const arrivedMs = border.wall.nowMs();
  const isChained = (flags & FLAG.chained) !== 0;
  // Frames stand before their close in the journal: where it is synced, they are.
  const leaves = isChained ? leavesOfRoot(border, epoch, close) : undefined;
  const allFlags = leaves === undefined ? flags : flags | FLAG.whole;
  return border.journal.put(RECORD.close, allFlags, epoch.device.number, arrivedMs, message, (position) => {
    border.projection.close(epoch.id, close, message, hash, allFlags, position);
    border.instruments.closes.add();
    const segment = segmentOf(close, position, hash, isChained ? 'logged' : 'held');
    // The first nack waits half a second: frames sent before the close may still be on their way.
    segment.nackMs = border.wall.monotonicMs() - border.settings.nackPeriodMs + 500;
    epoch.segments.set(close.segment, segment);
    learnInline(epoch, close);
    if (isChained) enter(border, epoch, segment, message, leaves);
    else border.incomplete(epoch);
  });
}

/** The close has its place: epoch state, evidence log, recipients, root. */
function enter(
  border: Border,
  epoch: EpochState,
  segment: SegmentRecord,
  message: Uint8Array,
  leaves?: readonly Uint8Array[],
): void {
  segment.state = 'logged';
  epoch.closedNext = segment.segment + 1;
  epoch.nextFirst = segment.first + segment.count;
  epoch.lastClose = segment.hash;
  epoch.hasEnded = segment.isLast;
  epoch.durableClosed = epoch.closedNext;
  border.instruments.entries.add();
  border.forward.close(epoch, message, segment.position, border.wall.nowMs());
  border.moved(epoch);
  border.grown();
  if (leaves !== undefined) finishWithClose(border, epoch, segment, leaves);
  else if (!completeIfWhole(border, epoch, segment)) border.incomplete(epoch);
}

/** Links without a way back carry all leaves in the close (field 11). */
function learnInline(epoch: EpochState, close: Close): void {
  const { leaves } = close;
  if (leaves === undefined) return;
  for (let i = 0; i < close.count; i++)
    epoch.received.addLeaf(close.firstSeq + i, leaves.subarray(i * 32, (i + 1) * 32));
}

/**
 * What a crash cut short between a close and the record of what followed from it: nothing more need come from the
 * device, so nothing else would ever end these segments. Runs in the device's turn.
 */
export async function finishCutShort(border: Border, epoch: EpochState): Promise<void> {
  for (const segment of [...epoch.segments.values()]) completeIfWhole(border, epoch, segment);
  await chainHeld(border, epoch);
}

/** Closes that waited for this one. */
async function chainHeld(border: Border, epoch: EpochState): Promise<void> {
  for (;;) {
    const held = epoch.segments.get(epoch.closedNext);
    if (held === undefined || held.state !== 'held') return;
    if (!sameBytes(held.previous, epoch.lastClose) || held.first !== epoch.nextFirst) {
      border.instruments.refuse('close-chain');
      epoch.segments.delete(held.segment);
      return;
    }
    const record = await readUndamaged(border.journal, held.position);
    if (record === undefined) {
      epoch.segments.delete(held.segment);
      border.control.nack(epoch, held.segment, WANT.close);
      return;
    }
    const { message } = record;
    const arrivedMs = border.wall.nowMs();
    await border.journal.put(RECORD.chained, 0, epoch.device.number, arrivedMs, uint64(held.position), (): void => {
      border.projection.chained(held.position, message);
      enter(border, epoch, held, message);
    });
  }
}

/** Two different closes of one segment: both are kept, nobody is believed (SPEC clause SEG-6). */
async function keepDispute(
  border: Border,
  epoch: EpochState,
  signed: Signed<'close'>,
  message: Uint8Array,
  hash: Uint8Array,
): Promise<void> {
  border.instruments.refuse('disputed');
  border.alarm('disputed', epoch.device.name);
  const nowMs = border.wall.nowMs();
  const first = epoch.segments.get(signed.body.segment);
  await border.journal.put(RECORD.close, FLAG.disputed, epoch.device.number, nowMs, message, (position) => {
    border.projection.close(epoch.id, signed.body, message, hash, FLAG.disputed, position);
  });
  const rows = border.catalogue.closes(epoch.id).filter((row) => row.segment === signed.body.segment);
  for (const row of rows) {
    if (row.state === 'disputed') continue;
    await border.journal.put(RECORD.segment, FLAG.disputed, epoch.device.number, nowMs, uint64(row.position), () =>
      border.projection.segment(row.position, false),
    );
  }
  if (first !== undefined) first.state = 'disputed';
  moveLowWater(epoch);
  border.reportDispute(epoch, signed.body.segment);
}

const awaitSynced = (border: Border): Promise<void> =>
  new Promise((resolve, reject) => {
    border.journal.after({ settled: (ok) => (ok ? resolve() : reject(new Error('journal-failed'))) });
  });

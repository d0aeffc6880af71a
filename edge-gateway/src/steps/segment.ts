import { type Close, ERR, merkleRoot, type Range, WANT } from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { findEpoch } from '../epochs.ts';
import { isLogFull } from '../journal.ts';
import { FLAG, RECORD, uint64 } from '../journal-record.ts';
import { LOG_FULL_RETRY_MS, MAX_NACKS, MAX_RANGES } from '../limits.ts';
import type { EpochState, SegmentRecord } from '../state.ts';

/** A frame or a leaf came: does it end a segment that waits? */
export function checkSegment(border: Border, epoch: EpochState, seq: number): void {
  for (const segment of epoch.segments.values()) {
    if (seq < segment.first || seq >= segment.first + segment.count) continue;
    if (segment.state === 'logged') completeIfWhole(border, epoch, segment);
    return;
  }
}

/**
 * Recomputes the root once every leaf of a logged segment is known: complete, or a mismatch that the
 * device's own leaves must settle, or disputed.
 */
export function completeIfWhole(border: Border, epoch: EpochState, segment: SegmentRecord): boolean {
  const leaves = epoch.received.leaves(segment.first, segment.count);
  if (leaves === undefined || segment.state !== 'logged') return false;
  const root = merkleRoot(leaves, border.crypto);
  if (sameRoot(root, segment.root)) {
    finish(border, epoch, segment, 'complete');
    return true;
  }
  border.instruments.refuse('root-mismatch');
  if (segment.mismatches++ === 0) askForLeaves(border, epoch, segment);
  else dispute(border, epoch, segment);
  return false;
}

/** Err 9: the device's own leaves must show which frame differs. */
function askForLeaves(border: Border, epoch: EpochState, segment: SegmentRecord): void {
  const err = { code: ERR.rootMismatch, about: epoch.oh, number: segment.segment, text: 'root-mismatch' };
  border.control.err(epoch.device, { err, under: epoch, eh: epoch.eh });
  segment.nackMs = border.wall.monotonicMs();
  segment.nacks++;
  border.control.nack(epoch, segment.segment, WANT.leaves, [{ first: segment.first, count: segment.count }]);
}

/** A device that is there and answers none of ten requests for its leaves has not settled the mismatch either. */
function settleMismatch(border: Border, epoch: EpochState, segment: SegmentRecord): void {
  if (!border.broker.isConnected(epoch.device.name)) return;
  if (border.wall.monotonicMs() - segment.nackMs < border.settings.nackPeriodMs) return;
  if (segment.nacks < MAX_NACKS) askForLeaves(border, epoch, segment);
  else dispute(border, epoch, segment);
}

/** The leaves of a close that is not written yet, when all are known and lead to its root. */
export function leavesOfRoot(
  border: Border,
  epoch: EpochState,
  close: Pick<Close, 'firstSeq' | 'count' | 'root'>,
): Uint8Array[] | undefined {
  const leaves = epoch.received.leaves(close.firstSeq, close.count);
  return leaves !== undefined && sameRoot(merkleRoot(leaves, border.crypto), close.root) ? leaves : undefined;
}

/** The close's own record ended the segment. */
export function finishWithClose(
  border: Border,
  epoch: EpochState,
  segment: SegmentRecord,
  leaves: readonly Uint8Array[],
): void {
  segment.state = 'complete';
  const gone = goneRanges(epoch, segment.first, segment.count);
  announce(border, epoch, segment, leaves, gone, Math.round(border.data.nowMs()));
  moveLowWater(epoch);
}

export function dispute(border: Border, epoch: EpochState, segment: SegmentRecord): void {
  border.instruments.refuse('disputed');
  border.alarm('disputed', epoch.device.name);
  finish(border, epoch, segment, 'disputed');
}

function finish(border: Border, epoch: EpochState, segment: SegmentRecord, state: 'complete' | 'disputed'): void {
  segment.state = state;
  const { first, count } = segment;
  const nowMs = Math.round(border.data.nowMs());
  const flags = state === 'complete' ? FLAG.complete : FLAG.disputed;
  // The views lie in pages that the mark below gives up.
  const leaves = epoch.received.leaves(first, count)?.map((leaf) => leaf.slice());
  const gone = goneRanges(epoch, first, count);
  const settle = () => {
    border.projection.segment(segment.position, state === 'complete');
    if (state === 'complete' && leaves !== undefined) announce(border, epoch, segment, leaves, gone, nowMs);
    else border.instruments.segments.add(1, state);
  };
  const write = () => {
    border.journal
      .put(RECORD.segment, flags, epoch.device.number, nowMs, uint64(segment.position), settle)
      .catch((error: unknown) => {
        // Memory has let the segment go, so nobody else comes back to it. After a failed disk memory is read back, and
        // the segment is found incomplete and completed again.
        if (isLogFull(error)) border.wall.after(LOG_FULL_RETRY_MS, write);
      });
  };
  write();
  moveLowWater(epoch);
}

function announce(
  border: Border,
  epoch: EpochState,
  { segment, first }: SegmentRecord,
  leaves: readonly Uint8Array[],
  gone: readonly Range[],
  nowMs: number,
): void {
  border.instruments.segments.add(1, 'complete');
  border.forward.leaves(epoch, segment, first, leaves, nowMs);
  border.forward.gaps(epoch, segment, 1, gone, nowMs);
}

/** The mark stands at the oldest segment that is neither complete nor disputed. */
export function moveLowWater(epoch: EpochState): void {
  for (;;) {
    const { low } = epoch.received;
    let next: SegmentRecord | undefined;
    for (const segment of epoch.segments.values()) if (segment.first === low) next = segment;
    if (next === undefined || next.state === 'logged' || next.state === 'held') return;
    epoch.segments.delete(next.segment);
    epoch.received.dropBelow(next.first + next.count);
  }
}

function goneRanges(epoch: EpochState, first: number, count: number): Range[] {
  const out: { first: number; count: number }[] = [];
  for (let seq = first; seq < first + count && out.length < MAX_RANGES; seq++) {
    if (epoch.received.holdsFrame(seq)) continue;
    const last = out.at(-1);
    if (last !== undefined && last.first + last.count === seq) last.count++;
    else out.push({ first: seq, count: 1 });
  }
  return out;
}

/**
 * Whether the epoch is in memory no more: its device has opened two newer ones, or is forgotten itself. Nobody asks for what
 * it lacks then, and a root that its device never settled is disputed.
 */
export function isLetGo(border: Border, epoch: EpochState): boolean {
  const { device } = epoch;
  const isKnown = border.devices.get(device.name) === device;
  const held = findEpoch(device, epoch.eh);
  if (isKnown && held === epoch) return false;
  if (held === undefined && border.broker.isConnected(device.name))
    for (const segment of [...epoch.segments.values()])
      if (segment.state === 'logged' && segment.mismatches > 0) dispute(border, epoch, segment);
  return true;
}

/** Asks for what a segment lacks, when it is time; answers whether anything is still missing. */
export function nackIfDue(border: Border, epoch: EpochState): boolean {
  const nowMs = border.wall.monotonicMs();
  const { nackPeriodMs } = border.settings;
  let isIncomplete = false;
  for (const segment of epoch.segments.values()) {
    if (segment.state === 'held') {
      isIncomplete = true;
      if (!isDue(segment, nowMs, nackPeriodMs)) continue;
      border.control.nack(epoch, epoch.closedNext, WANT.close);
    }
    if (segment.state !== 'logged') continue;
    isIncomplete = true;
    // Nothing is missing where the leaves lead to another root.
    if (segment.mismatches > 0) {
      settleMismatch(border, epoch, segment);
      continue;
    }
    if (!isDue(segment, nowMs, nackPeriodMs)) continue;
    const ranges = epoch.received
      .missing(segment.first, segment.count, MAX_RANGES)
      .map(([first, count]) => ({ first, count }));
    if (ranges.length === 0) continue;
    // The frames first; what the device has no more, it proves by its leaves.
    const want = segment.nacks <= 2 ? WANT.frames : segment.nacks % 2 === 0 ? WANT.frames : WANT.leaves;
    border.control.nack(epoch, segment.segment, want, ranges);
    border.forward.gaps(epoch, segment.segment, 0, ranges, Math.round(border.data.nowMs()));
  }
  return isIncomplete;
}

function isDue(segment: SegmentRecord, nowMs: number, periodMs: number): boolean {
  if (segment.nacks >= MAX_NACKS || nowMs - segment.nackMs < periodMs) return false;
  segment.nackMs = nowMs;
  segment.nacks++;
  return true;
}

/** After ten nacks only a new connection asks again. */
export function allowNackAgain(epoch: EpochState): void {
  for (const segment of epoch.segments.values()) {
    segment.nacks = Math.min(segment.nacks, MAX_NACKS - 1);
    segment.nackMs = Number.NEGATIVE_INFINITY;
  }
}

const sameRoot = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i]);

import type { Context } from './context.ts';
import { announce } from './describe.ts';
import type { Epoch } from './epoch.ts';
import { limits } from './limits.ts';
import { rangesOf } from './ranges.ts';
import { eraseOldKeys } from './segments.ts';

/** What time alone brings: nothing here waits for a message. */
export function watchEpoch(ctx: Context, epoch: Epoch): void {
  const nowMs = ctx.wallMs();
  if (!epoch.isAnnounced && nowMs - epoch.acceptedWallMs > ctx.settings.settleMs) announce(ctx, epoch);
  tellMissing(ctx, epoch, nowMs);
  tellCounted(ctx, epoch, nowMs);
  watchClose(ctx, epoch, nowMs);
  eraseOldKeys(ctx, epoch);
}

/** Holes that `prev` or a heartbeat showed and that no reordering filled. */
function tellMissing(ctx: Context, epoch: Epoch, nowMs: number): void {
  const byStream = new Map<number | null, number[]>();
  for (const [seq, known] of epoch.missing) {
    if (known.isTold || nowMs - known.sinceWallMs < ctx.settings.gapSettleMs) continue;
    known.isTold = true;
    const list = byStream.get(known.stream);
    if (list === undefined) byStream.set(known.stream, [seq]);
    else list.push(seq);
  }
  for (const [stream, numbers] of byStream)
    for (const { first, count } of rangesOf(numbers, limits.ranges)) emitGap(ctx, epoch, stream, first, count);
}

function emitGap(ctx: Context, epoch: Epoch, stream: number | null, first: number, count: number): void {
  const { patient, device, ehHex: eh } = epoch;
  ctx.emit({ kind: 'gap', patient, device, eh, stream, first, count, proved: false, atMs: ctx.dataMs() });
}

/** Frames that a heartbeat counts beyond those here and those whose numbers are known to be missing. */
function tellCounted(ctx: Context, epoch: Epoch, nowMs: number): void {
  while (epoch.beats.length > 0 && nowMs - epoch.beats[0]!.atWallMs >= ctx.settings.gapSettleMs) {
    const beat = epoch.beats.shift()!;
    const frames = epoch.segments.get(beat.sg)?.frames;
    // A sealed segment has told its holes itself.
    if (frames === undefined || epoch.segments.get(beat.sg)!.state !== 'open') continue;
    const firstSeq = firstOf(epoch, beat.sg);
    for (const [stream, { last, count }] of beat.counts) {
      let here = 0;
      for (const [seq, frame] of frames) if (frame.st === stream && seq < beat.seq) here++;
      let named = 0;
      for (const [seq, known] of epoch.missing)
        if (known.stream === stream && seq < beat.seq && seq >= firstSeq) named++;
      const told = epoch.counted.get(stream);
      const before = told?.sg === beat.sg ? told.told : 0;
      const unnamed = count - here - named;
      if (unnamed <= before) continue;
      epoch.counted.set(stream, { sg: beat.sg, told: unnamed });
      emitGap(ctx, epoch, stream, Math.max(1, last), unnamed - before);
    }
  }
}

/** First number of a segment as far as it is known: by the close before it, else by what came. */
function firstOf(epoch: Epoch, sg: number): number {
  if (sg === epoch.nextClose.segment) return epoch.nextClose.firstSeq;
  const before = epoch.segments.get(sg - 1);
  if (before === undefined) return 1;
  return Math.max(0, ...before.frames.keys()) + 1;
}

/** The twin raises `unsealed` by a timer of its own; here the close is asked for. */
function watchClose(ctx: Context, epoch: Epoch, nowMs: number): void {
  if (epoch.history || epoch.isUnsealed || epoch.framesSinceClose === 0) return;
  if (nowMs - epoch.lastCloseWallMs <= epoch.open.segmentMs + ctx.settings.unsealedGraceMs) return;
  epoch.isUnsealed = true;
  ctx.counts.note('unsealed');
  ctx.asks.ask(epoch.ridHex, { eh: epoch.eh, want: 3, sg: epoch.nextClose.segment, ranges: [] });
}

/** Numbers known to be missing in the granted scopes, for the rack. */
export function missingCount(epoch: Epoch): number {
  let count = epoch.missing.size;
  for (const { told } of epoch.counted.values()) count += told;
  return count;
}

import { equalBytes } from '@pulseseal/crypto';
import { demand, FRAME_TYPE, type Frame, frameLeaf, openFrame, Refusal, refuse } from '@pulseseal/protocol';
import type { Context } from './context.ts';
import { type Epoch, newSegment, type Segment } from './epoch.ts';
import { interpret } from './interpret.ts';
import { limits } from './limits.ts';

/** Whether a frame had its effect, waits, or was seen before. */
export type FrameFate = 'opened' | 'held' | 'duplicate' | 'refused';

/** A frame at its recipient (SPEC section 4): header, AEAD, padding, then what it says. Published at once, in any order. */
export function takeFrame(ctx: Context, epoch: Epoch, frame: Frame, arrivedMs: number, position: number): FrameFate {
  try {
    return acceptFrame(ctx, epoch, frame, arrivedMs, position);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    ctx.report(epoch.patient, epoch.device, error.refusal, 'frame');
    return 'refused';
  }
}

function acceptFrame(ctx: Context, epoch: Epoch, frame: Frame, arrivedMs: number, position: number): FrameFate {
  checkHeader(epoch, frame);
  if (epoch.received.has(frame.seq)) return seenBefore(ctx, epoch, frame);
  if (frame.sg > epoch.newestSegment + limits.segments) return hold(ctx, epoch, { frame, arrivedMs, position });
  const leaf = frameLeaf(frame, epoch.oh, ctx.crypto);
  const segment = epoch.segments.get(frame.sg);
  checkAgainstClose(epoch, segment, frame, leaf);
  const stream = epoch.streams.get(frame.st)!;
  // A key that is gone was erased after its segment was proved whole, or is far outside the window.
  const key = epoch.keys.get(stream.scope, frame.sg) ?? refuse('not-in-close');
  const { prev, payload } = openFrame(frame, epoch.oh, key, stream.pad, ctx.crypto);
  if (segment?.state === 'sealed' && segment.table === undefined) {
    ctx.asks.ask(epoch.ridHex, { eh: epoch.eh, want: 1, sg: segment.sg, ranges: [] });
    return hold(ctx, epoch, { frame, arrivedMs, position });
  }
  remember(ctx, epoch, frame, leaf, prev);
  ctx.counts.frame();
  ctx.ports.opened?.(epoch.device, epoch.ehHex, frame.seq);
  interpret(ctx, epoch, frame, payload, arrivedMs);
  return 'opened';
}

function checkHeader(epoch: Epoch, frame: Frame): void {
  demand(frame.raw.length <= Math.min(epoch.maxFrameBytes, limits.frameBytes), 'too-large');
  demand(frame.gt.length === (epoch.gateway === null ? 0 : 8), 'wrong-length');
  const stream = epoch.streams.get(frame.st) ?? refuse('scope-mismatch');
  demand(epoch.scopes.has(stream.scope), 'scope-mismatch');
  demand((frame.ft === FRAME_TYPE.heartbeat) === (frame.st === 0), 'wrong-type');
  if (frame.ft === FRAME_TYPE.card) demand(frame.st === lowestStream(epoch, stream.scope), 'wrong-type');
}

function lowestStream(epoch: Epoch, scope: number): number {
  return epoch.open.streams.find((stream) => stream.scope === scope)!.id;
}

/** A closed segment takes in only what its close covers. */
function checkAgainstClose(epoch: Epoch, segment: Segment | undefined, frame: Frame, leaf: Uint8Array): void {
  if (frame.sg >= epoch.nextClose.segment) demand(frame.seq >= epoch.nextClose.firstSeq, 'not-in-close');
  else demand(frame.seq < epoch.nextClose.firstSeq, 'not-in-close');
  const close = segment?.close;
  if (segment === undefined || close === undefined) return;
  const index = frame.seq - close.firstSeq;
  demand(index >= 0 && index < close.count, 'not-in-close');
  if (segment.table !== undefined) demand(equalBytes(segment.table[index]!, leaf), 'not-in-close');
  else demand(segment.state !== 'disputed' && !segment.keysErased, 'not-in-close');
}

function seenBefore(ctx: Context, epoch: Epoch, frame: Frame): FrameFate {
  const known = epoch.segments.get(frame.sg)?.frames.get(frame.seq);
  const isSame = known === undefined || equalBytes(known.leaf, frameLeaf(frame, epoch.oh, ctx.crypto));
  if (isSame) {
    ctx.counts.duplicate();
    return 'duplicate';
  }
  // Only somebody who holds the key can make a second frame of one number that opens: a copied device.
  const stream = epoch.streams.get(frame.st)!;
  const key = epoch.keys.get(stream.scope, frame.sg);
  if (key !== undefined) openFrame(frame, epoch.oh, key, stream.pad, ctx.crypto);
  return refuse('seq-conflict');
}

function hold(ctx: Context, epoch: Epoch, held: { frame: Frame; arrivedMs: number; position: number }): FrameFate {
  if (epoch.held.size >= limits.heldFrames) {
    ctx.counts.note('held-dropped');
    return 'refused';
  }
  epoch.held.set(held.frame.seq, held);
  return 'held';
}

function remember(ctx: Context, epoch: Epoch, frame: Frame, leaf: Uint8Array, prev: number): void {
  const { seq, sg, st } = frame;
  epoch.received.add(seq);
  epoch.missing.delete(seq);
  epoch.highestOpened = Math.max(epoch.highestOpened, seq);
  epoch.newestSegment = Math.max(epoch.newestSegment, sg);
  epoch.framesSinceClose++;
  epoch.isRackDue = true;
  const segment = segmentOf(epoch, sg);
  segment.opened++;
  if (segment.state === 'sealed') {
    ctx.counts.graded('sealed', 1);
    if (segment.isAnchored) ctx.counts.graded('anchored', 1);
  } else if (segment.frames.size < limits.heldFrames) segment.frames.set(seq, { leaf, st });
  if (prev > 0) noteMissing(ctx, epoch, prev, st);
}

export function segmentOf(epoch: Epoch, sg: number): Segment {
  let segment = epoch.segments.get(sg);
  if (segment === undefined) {
    segment = newSegment(sg);
    epoch.segments.set(sg, segment);
    if (epoch.segments.size > limits.segments) {
      const oldest = Math.min(...epoch.segments.keys());
      epoch.keys.eraseSegment(oldest);
      epoch.segments.delete(oldest);
    }
  }
  return segment;
}

/** A hole is noted here; after a moment it is told, once. */
export function noteMissing(ctx: Context, epoch: Epoch, seq: number, stream: number | null): void {
  if (epoch.received.has(seq) || epoch.missing.has(seq)) return;
  if (epoch.missing.size >= limits.missing) epoch.missing.delete(epoch.missing.keys().next().value!);
  epoch.missing.set(seq, { stream, sinceWallMs: ctx.wallMs(), isTold: false, isProved: false });
}

/** Frames that came too far ahead of their closes, or behind a close whose leaves are asked for. */
export function releaseHeld(ctx: Context, epoch: Epoch): void {
  for (const [seq, { frame, arrivedMs, position }] of [...epoch.held].sort(([a], [b]) => a - b)) {
    if (frame.sg > epoch.newestSegment + limits.segments) continue;
    epoch.held.delete(seq);
    takeFrame(ctx, epoch, frame, arrivedMs, position);
  }
}

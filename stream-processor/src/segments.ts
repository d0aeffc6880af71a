import { equalBytes } from '@pulseseal/crypto';
import {
  type Close,
  demand,
  type Leaves,
  logLeaf,
  merkleRoot,
  parseReceipt,
  parseSigned,
  type ReceiptMessage,
  Refusal,
  type Signed,
  verifyReceipt,
  verifySignedAsync,
} from '@pulseseal/protocol';
import { askForFirst, forgetRaw, reportBoth, verifiedClose } from './closes.ts';
import type { Context } from './context.ts';
import type { Epoch, Segment } from './epoch.ts';
import { releaseHeld, segmentOf } from './frames.ts';
import { provedHoles, tellHoles } from './holes.ts';
import { limits } from './limits.ts';

/** Grades: provisional -> sealed (device's close and all leaves under its root) -> anchored. They only rise. */

const guarded = async (ctx: Context, epoch: Epoch, task: () => Promise<void> | void): Promise<void> => {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    ctx.report(epoch.patient, epoch.device, error.refusal, 'segment');
  }
};

export function takeClose(ctx: Context, epoch: Epoch, signed: Signed<'close'>): Promise<void> {
  return guarded(ctx, epoch, async () => {
    const { body, raw } = signed;
    demand(equalBytes(body.oh, epoch.oh), 'close-chain');
    const known = epoch.segments.get(body.segment)?.close;
    if (known !== undefined && equalBytes(known.entry, logLeaf(raw, ctx.crypto))) {
      const second = epoch.secondCloses.get(body.segment);
      if (second !== undefined) reportBoth(ctx, epoch, body.segment, raw.slice(), second);
      return ctx.counts.duplicate();
    }
    demand(await verifySignedAsync(signed, epoch.deviceKey, ctx.crypto), 'signature-invalid');
    if (known !== undefined) {
      if (known.raw !== undefined) reportBoth(ctx, epoch, body.segment, known.raw, raw.slice());
      else askForFirst(ctx, epoch, body.segment, raw);
      return dispute(ctx, epoch, segmentOf(epoch, body.segment), 'disputed');
    }
    if (body.segment > epoch.nextClose.segment) return waitForEarlier(ctx, epoch, body.segment, raw);
    demand(body.segment === epoch.nextClose.segment, 'close-chain');
    await follow(ctx, epoch, body, raw);
  });
}

/** Chain, numbers, key check values; then everything that waited for this close. */
async function follow(ctx: Context, epoch: Epoch, body: Close, raw: Uint8Array): Promise<void> {
  const { nextClose } = epoch;
  demand(equalBytes(body.previous, nextClose.previous) && body.firstSeq === nextClose.firstSeq, 'close-chain');
  const segment = segmentOf(epoch, body.segment);
  segment.close = verifiedClose(body, raw, ctx.crypto, ctx.wallMs());
  forgetRaw(epoch.segments.get(body.segment - limits.wholeCloses));
  const previous = ctx.crypto.sha256(raw);
  epoch.nextClose = { segment: body.segment + 1, firstSeq: body.firstSeq + body.count, previous };
  epoch.newestSegment = Math.max(epoch.newestSegment, body.segment);
  epoch.lastCloseWallMs = ctx.wallMs();
  epoch.framesSinceClose = 0;
  epoch.isUnsealed = false;
  if (!hasOwnKeys(epoch, body)) dispute(ctx, epoch, segment, 'kcv-mismatch');
  else if (!coversOwn(segment, body)) dispute(ctx, epoch, segment, 'not-in-close');
  else {
    if (body.leaves !== undefined) useTable(ctx, epoch, segment, sliced(body.leaves));
    const waiting = epoch.waitingTables.get(body.segment);
    epoch.waitingTables.delete(body.segment);
    if (waiting !== undefined) useTable(ctx, epoch, segment, waiting.leaves, waiting.first);
    if (segment.state === 'open') sealFromOwn(ctx, epoch, segment);
  }
  const receipt = epoch.waitingReceipts.get(body.segment);
  epoch.waitingReceipts.delete(body.segment);
  if (receipt !== undefined) await guarded(ctx, epoch, () => useReceipt(ctx, epoch, segment, receipt));
  releaseHeld(ctx, epoch);
  await followWaiting(ctx, epoch);
}

async function followWaiting(ctx: Context, epoch: Epoch): Promise<void> {
  const raw = epoch.waitingCloses.get(epoch.nextClose.segment);
  if (raw === undefined) {
    if (epoch.waitingCloses.size > 0) askForNext(ctx, epoch);
    return;
  }
  epoch.waitingCloses.delete(epoch.nextClose.segment);
  await guarded(ctx, epoch, () => follow(ctx, epoch, parseSigned(raw, 'close').body, raw));
}

function waitForEarlier(ctx: Context, epoch: Epoch, segment: number, raw: Uint8Array): void {
  if (epoch.waitingCloses.size < limits.waitingProofs) epoch.waitingCloses.set(segment, raw.slice());
  askForNext(ctx, epoch);
}

function askForNext(ctx: Context, epoch: Epoch): void {
  ctx.asks.ask(epoch.ridHex, { eh: epoch.eh, want: 3, sg: epoch.nextClose.segment, ranges: [] });
}

/** The close names a check value for every scope, and ours are those of our own keys. */
function hasOwnKeys(epoch: Epoch, body: Close): boolean {
  const scopes = [...epoch.open.commitments.keys()];
  if (body.kcv.size !== scopes.length || !scopes.every((scope) => body.kcv.has(scope))) return false;
  for (const scope of epoch.scopes) {
    const key = epoch.keys.get(scope, body.segment);
    if (key === undefined || !equalBytes(key.kcv, body.kcv.get(scope)!)) return false;
  }
  return true;
}

function coversOwn(segment: Segment, body: Close): boolean {
  for (const seq of segment.frames.keys()) if (seq < body.firstSeq || seq >= body.firstSeq + body.count) return false;
  return true;
}

function sliced(leaves: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at < leaves.length; at += 32) out.push(leaves.slice(at, at + 32));
  return out;
}

export function takeLeaves(ctx: Context, epoch: Epoch, message: Leaves): Promise<void> {
  return guarded(ctx, epoch, () => {
    const segment = epoch.segments.get(message.sg);
    if (segment?.close === undefined) {
      if (message.sg < epoch.nextClose.segment) return ctx.counts.duplicate();
      if (epoch.waitingTables.size >= limits.waitingTables) return;
      // A copy: a slice would hold the whole message.
      epoch.waitingTables.set(message.sg, { first: message.first, leaves: message.leaves.map((leaf) => leaf.slice()) });
      return;
    }
    const isWanted = segment.state === 'open' || isAsked(epoch, segment);
    if (!isWanted) return ctx.counts.duplicate();
    useTable(
      ctx,
      epoch,
      segment,
      message.leaves.map((leaf) => leaf.slice()),
      message.first,
    );
  });
}

/** A restart gave up the table, and a frame came that needs it. */
function isAsked(epoch: Epoch, { state, table, sg }: Segment): boolean {
  return state === 'sealed' && table === undefined && [...epoch.held.values()].some(({ frame }) => frame.sg === sg);
}

/** A table counts only when it gives the root that the device signed. */
function useTable(
  ctx: Context,
  epoch: Epoch,
  segment: Segment,
  table: readonly Uint8Array[],
  first = segment.close!.firstSeq,
): void {
  const close = segment.close!;
  const fits = first === close.firstSeq && table.length === close.count;
  if (!fits || !equalBytes(merkleRoot(table, ctx.crypto), close.root)) {
    ctx.report(epoch.patient, epoch.device, 'root-mismatch', 'segment');
    ctx.asks.ask(epoch.ridHex, { eh: epoch.eh, want: 1, sg: segment.sg, ranges: [] });
    return;
  }
  if (segment.state === 'sealed') {
    segment.table = table;
    releaseHeld(ctx, epoch);
    return;
  }
  const isOurs = [...segment.frames].every(([seq, { leaf }]) => equalBytes(leaf, table[seq - close.firstSeq]!));
  if (isOurs) seal(ctx, epoch, segment, table);
  else dispute(ctx, epoch, segment, 'disputed');
}

/** Frames that came behind their close. */
export function sealIfWhole(ctx: Context, epoch: Epoch, segment: Segment): void {
  if (segment.state === 'open' && segment.close !== undefined) sealFromOwn(ctx, epoch, segment);
}

/** With every frame at hand the root needs nobody else's leaves. */
function sealFromOwn(ctx: Context, epoch: Epoch, segment: Segment): void {
  const { firstSeq, count, root } = segment.close!;
  if (segment.frames.size !== count) return;
  const table = Array.from({ length: count }, (_, i) => segment.frames.get(firstSeq + i)!.leaf);
  if (equalBytes(merkleRoot(table, ctx.crypto), root)) seal(ctx, epoch, segment, table);
}

function seal(ctx: Context, epoch: Epoch, segment: Segment, table: readonly Uint8Array[]): void {
  segment.state = 'sealed';
  epoch.sealedBeyond.add(segment.sg);
  while (epoch.sealedBeyond.delete(epoch.sealedBelow)) epoch.sealedBelow++;
  if (!epoch.isDisputed) {
    ctx.counts.graded('sealed', segment.opened);
    emitGrade(ctx, epoch, segment, 'sealed');
  }
  const holes = provedHoles(epoch, segment.close!);
  segment.frames.clear();
  // A late frame must be found in the table to be believed.
  segment.table = table;
  if (holes.length > 0) tellHoles(ctx, epoch, segment, holes);
  else if (epoch.seesAll) eraseKeys(epoch, segment);
}

function eraseKeys(epoch: Epoch, segment: Segment): void {
  segment.keysErased = true;
  segment.table = undefined;
  epoch.keys.eraseSegment(segment.sg);
}

/** Called by the timer: keys of segments that are whole now, or closed long enough ago. */
export function eraseOldKeys(ctx: Context, epoch: Epoch): void {
  let isErased = false;
  for (const segment of epoch.segments.values()) {
    if (segment.keysErased || segment.close === undefined) continue;
    const { firstSeq, count, atWallMs } = segment.close;
    const isWhole = segment.state === 'sealed' && epoch.received.countBetween(firstSeq, firstSeq + count - 1) === count;
    if (!isWhole && ctx.wallMs() - atWallMs <= ctx.settings.keysAfterCloseMs) continue;
    eraseKeys(epoch, segment);
    isErased = true;
  }
  // What waited for leaves that nobody gave is refused now.
  if (isErased) releaseHeld(ctx, epoch);
}

function dispute(ctx: Context, epoch: Epoch, segment: Segment, refusal: 'disputed' | 'kcv-mismatch' | 'not-in-close') {
  segment.state = 'disputed';
  segment.table = undefined;
  ctx.report(epoch.patient, epoch.device, refusal, 'segment');
}

function emitGrade(ctx: Context, epoch: Epoch, segment: Segment, grade: 'sealed' | 'anchored'): void {
  const { firstSeq: first, count } = segment.close!;
  const { patient, device, ehHex: eh } = epoch;
  ctx.emit({ kind: 'graded', patient, device, eh, sg: segment.sg, first, count, grade });
}

export function takeReceipt(ctx: Context, epoch: Epoch, message: ReceiptMessage): Promise<void> {
  return guarded(ctx, epoch, () => {
    // The receipt of the open proves that it is logged; no reading's grade depends on it.
    if (message.sg === null) return;
    const segment = epoch.segments.get(message.sg);
    if (segment?.close !== undefined) return useReceipt(ctx, epoch, segment, message.receipt);
    if (message.sg < epoch.nextClose.segment || epoch.waitingReceipts.size >= limits.waitingProofs) return;
    epoch.waitingReceipts.set(message.sg, message.receipt.slice());
  });
}

function useReceipt(ctx: Context, epoch: Epoch, segment: Segment, bytes: Uint8Array): void {
  if (segment.isAnchored || segment.receipt !== undefined || epoch.gateway === null) return;
  const receipt = parseReceipt(bytes);
  const root = verifyReceipt(receipt, segment.close!.entry, epoch.gateway.key, ctx.headCrypto);
  segment.receipt = { size: receipt.inclusion.size, root };
}

/** A segment sealed under a head that the ledger holds. */
export function anchorSegment(ctx: Context, epoch: Epoch, segment: Segment): void {
  if (segment.isAnchored || segment.state !== 'sealed' || epoch.isDisputed) return;
  segment.isAnchored = true;
  segment.receipt = undefined;
  forgetRaw(segment);
  ctx.counts.graded('anchored', segment.opened);
  emitGrade(ctx, epoch, segment, 'anchored');
}

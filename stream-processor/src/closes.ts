import type { CryptoProvider } from '@pulseseal/crypto';
import { type Close, logLeaf } from '@pulseseal/protocol';
import type { Context } from './context.ts';
import type { Epoch, Segment, VerifiedClose } from './epoch.ts';
import { limits } from './limits.ts';

/** Copies: a slice would hold the whole message. */
export function verifiedClose(body: Close, raw: Uint8Array, crypto: CryptoProvider, atWallMs: number): VerifiedClose {
  const { firstSeq, count, last } = body;
  const [root, entry] = [body.root.slice(), logLeaf(raw, crypto)];
  return { firstSeq, count, root, isLast: last !== undefined, entry, atWallMs, raw: raw.slice() };
}

/** Two kilobytes of signature, of up to 64 segments of every device, in memory and in each checkpoint. */
export function forgetRaw(segment: Segment | undefined): void {
  if (segment?.close !== undefined) segment.close.raw = undefined;
}

/** For the ledger, which checks both signatures itself. */
export function reportBoth(ctx: Context, epoch: Epoch, segment: number, closeA: Uint8Array, closeB: Uint8Array): void {
  const { oh, endorse, openBytes: open } = epoch;
  ctx.ports.disputes?.report({ oh, segment, closeA, closeB, endorse, open });
}

/** The gateway is asked for a close that is not held whole any more. Once for a segment: its answer may bring both. */
export function askForFirst(ctx: Context, epoch: Epoch, segment: number, second: Uint8Array): void {
  const { secondCloses } = epoch;
  if (ctx.ports.disputes === undefined || secondCloses.has(segment)) return;
  if (secondCloses.size >= limits.secondCloses) return;
  secondCloses.set(segment, second.slice());
  askForFirsts(ctx, epoch);
}

/** Also after a restart, which forgets what was asked. */
export function askForFirsts(ctx: Context, epoch: Epoch): void {
  for (const sg of epoch.secondCloses.keys()) ctx.asks.ask(epoch.ridHex, { eh: epoch.eh, want: 3, sg, ranges: [] });
}

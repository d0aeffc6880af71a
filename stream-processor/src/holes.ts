import type { Context } from './context.ts';
import type { Epoch, Segment, VerifiedClose } from './epoch.ts';
import { limits } from './limits.ts';
import { rangesOf } from './ranges.ts';

/** Frames that the device signed and that are not here: all of them, or those known to be of our streams. */
export function provedHoles(epoch: Epoch, { firstSeq, count }: VerifiedClose): number[] {
  const holes: number[] = [];
  const end = firstSeq + count;
  if (epoch.received.countBetween(firstSeq, end - 1) === count) return holes;
  for (let seq = firstSeq; seq < end; seq++)
    if (!epoch.received.has(seq) && (epoch.seesAll || epoch.missing.has(seq))) holes.push(seq);
  return holes;
}

/** And asks for them. */
export function tellHoles(ctx: Context, epoch: Epoch, segment: Segment, holes: readonly number[]): void {
  const ranges = rangesOf(holes, limits.ranges);
  for (const seq of holes) {
    const known = epoch.missing.get(seq);
    if (known === undefined) {
      if (epoch.missing.size >= limits.missing) continue;
      epoch.missing.set(seq, { stream: null, sinceWallMs: ctx.wallMs(), isTold: true, isProved: true });
    } else {
      known.isTold = true;
      known.isProved = true;
    }
  }
  const { patient, device, ehHex: eh } = epoch;
  const atMs = ctx.dataMs();
  for (const { first, count } of ranges) {
    const streams = new Set(Array.from({ length: count }, (_, i) => epoch.missing.get(first + i)?.stream ?? null));
    const stream = streams.size === 1 ? [...streams][0]! : null;
    ctx.emit({ kind: 'gap', patient, device, eh, stream, first, count, proved: true, atMs });
  }
  ctx.asks.ask(epoch.ridHex, { eh: epoch.eh, want: 2, sg: segment.sg, ranges });
}

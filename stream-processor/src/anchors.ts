import { equalBytes } from '@pulseseal/crypto';
import type { Context } from './context.ts';
import type { Epoch, Segment } from './epoch.ts';
import { anchorSegment } from './segments.ts';

/** One receipt's head, waiting for the ledger. */
interface Waiting {
  readonly gateway: Uint8Array;
  readonly size: number;
  readonly found: { readonly size: number; readonly root: Uint8Array };
}

/** Heads asked for at once; more wait for the next period. */
const HEADS_AT_ONCE = 32;

/** Reads the ledger beside the way; `apply` is run with the other steps, never between them. */
export function createAnchorWatch(ctx: Context, epochs: () => Iterable<Epoch>) {
  const { ledger } = ctx.ports;
  let asking = false;
  const waiting = function* (): Generator<{ epoch: Epoch; segment: Segment }> {
    for (const epoch of epochs())
      for (const segment of epoch.segments.values())
        if (segment.state === 'sealed' && segment.receipt !== undefined) yield { epoch, segment };
  };
  return {
    /** Undefined: nothing to ask, no ledger, or a question is under way. */
    async ask(): Promise<readonly Waiting[] | undefined> {
      if (ledger === undefined || asking) return undefined;
      const wanted = new Map<string, { gateway: Uint8Array; size: number }>();
      for (const { epoch, segment } of waiting()) {
        if (epoch.gateway === null) continue;
        const gateway = epoch.gateway.thumbprint;
        const { size } = segment.receipt!;
        wanted.set(`${gateway.join('.')}/${size}`, { gateway, size });
        if (wanted.size >= HEADS_AT_ONCE) break;
      }
      if (wanted.size === 0) return undefined;
      asking = true;
      try {
        const out: Waiting[] = [];
        for (const { gateway, size } of wanted.values()) {
          const found = await ledger.anchoredHead(gateway, size);
          if (found !== undefined) out.push({ gateway, size, found });
        }
        return out;
      } catch {
        ctx.counts.note('ledger-unreachable');
        return undefined;
      } finally {
        asking = false;
      }
    },
    /**
     * Gateways anchor every head they give receipts under, so the smallest one of at least this size is this size. A
     * larger one alone does not prove that the smaller head is part of it: the grade waits for a newer receipt.
     */
    apply(answers: readonly Waiting[]): void {
      for (const { epoch, segment } of waiting()) {
        const { size, root } = segment.receipt!;
        const answer = answers.find(
          (known) => known.size === size && equalBytes(known.gateway, epoch.gateway?.thumbprint ?? new Uint8Array(0)),
        );
        if (answer === undefined) continue;
        const { found } = answer;
        if (found.size === size && equalBytes(found.root, root)) anchorSegment(ctx, epoch, segment);
        else {
          segment.receipt = undefined;
          if (found.size === size) ctx.report(epoch.patient, epoch.device, 'anchor-invalid', 'segment');
          else ctx.asks.ask(epoch.ridHex, { eh: epoch.eh, want: 3, sg: segment.sg, ranges: [] });
        }
      }
    },
  };
}

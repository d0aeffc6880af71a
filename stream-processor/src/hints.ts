import { toHex } from '@pulseseal/crypto';
import type { Edge, Gaps } from '@pulseseal/protocol';
import type { Context } from './context.ts';
import type { Epoch } from './epoch.ts';
import { noteMissing } from './frames.ts';
import { limits } from './limits.ts';

/** Unsigned words of the edge: they name a cause, they never silence anything. */

const LINK = ['no-session', 'session', 'not-forwarded'] as const;
/** A state that stays is told again after this, in case the twin was away. */
const AGAIN_MS = 60_000;

export interface LinkMemory {
  readonly told: Map<string, { state: number; atWallMs: number }>;
}

export const createLinkMemory = (): LinkMemory => ({ told: new Map() });

export function takeEdge(
  ctx: Context,
  memory: LinkMemory,
  message: Edge,
  arrivedMs: number,
  find: (eh: Uint8Array) => Epoch | undefined,
): void {
  const { speed } = ctx.settings;
  const processorLagMs = Math.max(0, Math.round((ctx.dataMs() - arrivedMs) / speed));
  ctx.emit({ kind: 'edge-alive', atMs: ctx.dataMs(), processorLagMs });
  const nowMs = ctx.wallMs();
  for (const { eh, lastMs, state } of message.epochs) {
    const epoch = find(eh);
    if (epoch === undefined || epoch.history) continue;
    const name = toHex(eh);
    const told = memory.told.get(name);
    if (told?.state === state && nowMs - told.atWallMs < AGAIN_MS) continue;
    memory.told.delete(name);
    memory.told.set(name, { state, atWallMs: nowMs });
    if (memory.told.size > limits.devices) memory.told.delete(memory.told.keys().next().value!);
    const { patient, device } = epoch;
    ctx.emit({ kind: 'link', patient, device, state: LINK[state], lastArrivalMs: lastMs, atMs: ctx.dataMs() });
  }
}

/** Numbers that the gateway misses: ours too when every scope is ours. What comes after all is no gap. */
export function takeGaps(ctx: Context, epoch: Epoch, message: Gaps): void {
  if (message.state === 2 || !epoch.seesAll) return;
  let left: number = limits.ranges;
  for (const { first, count } of message.ranges)
    for (let seq = first; seq < first + count && left > 0; seq++, left--) noteMissing(ctx, epoch, seq, null);
}

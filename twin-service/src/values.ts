import type { ScreeningReason } from '@pulseseal/protocol';
import type { TwinEvent } from './events.ts';
import { limits } from './limits.ts';
import type { Held, Slot, Twin } from './state.ts';
import { expiresAtMs, slotKey, takesPart } from './vitals.ts';

type Graded = Extract<TwinEvent, { kind: 'graded' }>;

/** Artifact by its reason: shown and marked, but nothing is judged by it. Mere rarity of a value may raise an alert. */
export function mayJudge(held: Held): boolean {
  return held.doubt === null || mayJudgeBy(held.doubt);
}

export function mayJudgeBy(doubt: ScreeningReason): boolean {
  return doubt === 'implausible' || doubt === 'out-of-range';
}

/** Puts a live value in its slot of `slots`; false when there is no room for it. */
export function putHeld(slots: Record<string, Slot>, held: Held): boolean {
  const key = slotKey(held.code, held.device, held.charted);
  const slot = slots[key];
  if (slot === undefined && Object.keys(slots).length >= limits.slots && !makeRoom(slots, held)) return false;
  const isNewest = slot === undefined || held.effectiveMs >= slot.shown.effectiveMs;
  const judged = mayJudge(held) && (slot?.scored == null || held.effectiveMs >= slot.scored.effectiveMs);
  const waits = held.grade === 'provisional' && held.doubt === null;
  const isSealed = held.grade !== 'provisional' && held.doubt === null;
  slots[key] = {
    shown: isNewest ? held : slot.shown,
    scored: judged ? held : (slot?.scored ?? null),
    sealed: isSealed ? newest(slot?.sealed ?? null, held) : (slot?.sealed ?? null),
    pending: waits ? [...(slot?.pending ?? []).slice(-(limits.pendingPerSlot - 1)), held] : (slot?.pending ?? []),
  };
  return true;
}

/** Frees the oldest slot that counts no more; where all count, a value of a score goes before one of none. */
function makeRoom(slots: Record<string, Slot>, held: Held): boolean {
  let oldest: string | undefined;
  for (const key in slots) {
    const { shown } = slots[key]!;
    const isFree = expiresAtMs(shown) < held.effectiveMs || (takesPart(held.code) && !takesPart(shown.code));
    if (isFree && (oldest === undefined || shown.effectiveMs < slots[oldest]!.shown.effectiveMs)) oldest = key;
  }
  if (oldest === undefined) return false;
  delete slots[oldest];
  return true;
}

function newest(a: Held | null, b: Held): Held {
  return a === null || b.effectiveMs >= a.effectiveMs ? b : a;
}

const rank = { provisional: 0, sealed: 1, anchored: 2 } as const;

/** Values that a close (or the ledger) covers rise in grade; those that waited for it become evidence. */
export function graded(twin: Twin, event: Graded): Twin {
  const { device: id, eh, first, count, grade, wallMs } = event;
  const covers = (held: Held) => held.device === id && held.eh === eh && held.seq >= first && held.seq < first + count;
  const raised = (held: Held): Held => (covers(held) && rank[held.grade] < rank[grade] ? { ...held, grade } : held);
  const slots: Record<string, Slot> = {};
  for (const key in twin.slots) {
    const slot = twin.slots[key]!;
    if (slot.shown.device !== id) {
      slots[key] = slot;
      continue;
    }
    let sealed = slot.sealed === null ? null : raised(slot.sealed);
    for (const held of slot.pending) if (grade !== 'provisional' && covers(held)) sealed = newest(sealed, raised(held));
    slots[key] = {
      shown: raised(slot.shown),
      scored: slot.scored === null ? null : raised(slot.scored),
      sealed,
      pending: grade === 'provisional' ? slot.pending : slot.pending.filter((held) => !covers(held)),
    };
  }
  const known = twin.devices[id];
  if (known === undefined || known.eh !== eh || grade !== 'sealed') return { ...twin, slots };
  const end = first + count;
  const { farewell } = known;
  const isFarewell = farewell != null && farewell.eh === eh && farewell.seq >= first && farewell.seq < end;
  const device = {
    ...known,
    unsealedSinceWallMs: known.newestSeq >= end ? wallMs : null,
    farewell: isFarewell ? { ...farewell, sealed: true } : farewell,
  };
  return { ...twin, slots, devices: { ...twin.devices, [id]: device } };
}

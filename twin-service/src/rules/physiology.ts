import type { TwinEvent } from '../events.ts';
import type { News2Parameter } from '../news2.ts';
import type { Alert, Held, Slot, Twin } from '../state.ts';
import type { Work } from '../stepping.ts';
import { emit, raise } from '../stepping.ts';
import { expiresAtMs, parameterOf, slotKey, takesPart, viewOf } from '../vitals.ts';
import { plainWords, reasonWords } from '../words.ts';
import type { PhysiologyRule } from './table.ts';
import { physiologyRules } from './table.ts';

function openRules(twin: Twin): ReadonlySet<string> {
  return new Set(twin.open.map((alert) => alert.rule));
}

/**
 * Begins and ends conditions and raises what held long enough. A value counts as going on while it is valid, so with
 * hourly values a condition rises its delay after the first one that shows it, at the next command.
 * `beganMs` is the time of what is new: a value that was written down a while ago began then.
 */
export function raising(work: Work, nowMs: number, beganMs: number): void {
  const view = viewOf(work.twin, nowMs, 'scored');
  let open = openRules(work.twin);
  for (const rule of physiologyRules) {
    const since = work.twin.since[rule.name];
    if (open.has(rule.name) || !rule.present(view, open)) {
      if (since !== undefined) emit(work, { kind: 'condition', rule: rule.name, sinceMs: null });
      continue;
    }
    if (since === undefined) emit(work, { kind: 'condition', rule: rule.name, sinceMs: Math.min(beganMs, nowMs) });
    const heldForMs = nowMs - work.twin.since[rule.name]!;
    if (heldForMs < rule.delayMs || isTold(work.twin, rule)) continue;
    raise(work, {
      rule: rule.name,
      priority: rule.priority,
      device: null,
      cause: null,
      reason: reasonWords(rule, view, heldForMs),
      plainReason: plainWords(rule.name),
      raisedAtMs: nowMs,
      contributors: rule.contributors(view),
      readingId: rule.lead(view)?.id ?? null,
    });
    open = openRules(work.twin);
  }
}

const ruleOf: ReadonlyMap<string, PhysiologyRule> = new Map(physiologyRules.map((rule) => [rule.name, rule]));

/** The next time at which a condition that holds now will have held for its delay; infinite if none does. */
export function nextRiseMs(twin: Twin): number {
  let next = Number.POSITIVE_INFINITY;
  for (const name in twin.since) {
    const rule = ruleOf.get(name)!;
    if (!isTold(twin, rule)) next = Math.min(next, twin.since[name]! + rule.delayMs);
  }
  return next;
}

/** True when a person was called for this very episode by the rule's `toldBy`. */
function isTold(twin: Twin, rule: PhysiologyRule): boolean {
  const sinceMs = twin.since[rule.name];
  return sinceMs !== undefined && twin.open.some((a) => a.rule === rule.toldBy && a.raisedAtMs >= sinceMs);
}

/** The next time after `afterMs` at which an open alert's end will have been shown for its hold. */
export function nextEndMs(twin: Twin, afterMs: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const name in twin.overSince) {
    const due = twin.overSince[name]! + ruleOf.get(name)!.overHoldMs;
    if (due > afterMs && due < next) next = due;
  }
  return next;
}

/**
 * Raises what falls due up to `untilMs`, each at its own time: whether time goes by in seconds or, at high speed, in
 * leaps, the outcome is that of looking every moment.
 */
export function catchUp(work: Work, untilMs: number): void {
  for (let turn = 0; turn < physiologyRules.length; turn++) {
    const dueMs = nextRiseMs(work.twin);
    if (dueMs > untilMs) return;
    raising(work, dueMs, dueMs);
  }
}

interface OpenRule {
  readonly alert: Alert;
  readonly rule: PhysiologyRule;
}

function openPhysiology(twin: Twin): OpenRule[] {
  const out: OpenRule[] = [];
  for (const alert of twin.open) {
    const rule = physiologyRules.find((entry) => entry.name === alert.rule);
    if (rule !== undefined) out.push({ alert, rule });
  }
  return out;
}

/** Values that an event turns into evidence, in the order of their measuring. */
function provedBy(twin: Twin, event: TwinEvent): readonly Held[] {
  const proved: Held[] = [];
  if (event.kind === 'measured') {
    for (const held of event.held) if (held.grade !== 'provisional' && held.doubt === null) proved.push(held);
  } else if (event.kind === 'graded' && event.grade !== 'provisional') {
    const end = event.first + event.count;
    for (const key in twin.slots) {
      for (const held of (twin.slots[key] as Slot).pending) {
        if (held.device === event.device && held.eh === event.eh && held.seq >= event.first && held.seq < end) {
          proved.push(held);
        }
      }
    }
  }
  return proved.filter((held) => takesPart(held.code)).sort((a, b) => a.effectiveMs - b.effectiveMs);
}

/**
 * Follows open alerts to their end by sealed readings only. The readings that an event proves are gone through in
 * order, so a relapse inside one segment is not missed; at last the event itself is emitted. Null = time passed.
 */
export function clearing(work: Work, event: TwinEvent | null, tickMs = 0): void {
  const before = work.twin;
  const open = openPhysiology(before);
  if (open.length === 0) {
    if (event !== null) emit(work, event);
    return;
  }
  let evidence = before;
  const over = new Map<string, number | null>();
  const proved = event === null ? [] : provedBy(before, event);
  for (let i = 0; i < proved.length; ) {
    const atMs = proved[i]!.effectiveMs;
    const earlier = viewOf(evidence, atMs, 'sealed');
    const slots = { ...evidence.slots };
    for (; i < proved.length && proved[i]!.effectiveMs === atMs; i++) putSealed(slots, proved[i]!);
    evidence = { ...evidence, slots };
    const view = viewOf(evidence, atMs, 'sealed');
    for (const { alert, rule } of open) {
      const now = rule.over(view, alert.contributors);
      if (now === null) continue;
      const since = over.has(rule.name) ? over.get(rule.name)! : (before.overSince[rule.name] ?? null);
      // Evidence that had run out in between proves nothing about the time between.
      const goesOn = since !== null && rule.over(earlier, alert.contributors) !== null;
      over.set(rule.name, now ? (goesOn ? since : atMs) : null);
    }
  }
  if (event !== null) emit(work, event);
  for (const { alert, rule } of open) {
    const known = over.get(rule.name);
    if (known !== undefined && known !== (work.twin.overSince[rule.name] ?? null)) {
      emit(work, { kind: 'over', rule: rule.name, sinceMs: known });
    }
    endIfOver(work, alert, rule, Math.max(tickMs, work.twin.nowMs));
  }
}

function putSealed(slots: Record<string, Slot>, held: Held): void {
  const key = slotKey(held.code, held.device, held.charted);
  const slot = slots[key];
  if (slot === undefined) slots[key] = { shown: held, scored: held, sealed: held, pending: [] };
  else if (slot.sealed === null || held.effectiveMs >= slot.sealed.effectiveMs) slots[key] = { ...slot, sealed: held };
}

/** Clears an alert whose end was shown for the hold by sealed readings, and that the newest readings do not contradict. */
function endIfOver(work: Work, alert: Alert, rule: PhysiologyRule, nowMs: number): void {
  const since = work.twin.overSince[rule.name];
  if (since === undefined) return;
  const reachMs = evidenceReach(work.twin, alert.contributors, nowMs);
  if (reachMs === null || reachMs - since < rule.overHoldMs) return;
  if (rule.present(viewOf(work.twin, nowMs, 'scored'), new Set())) return;
  emit(work, { kind: 'cleared', alert: alert.id, atMs: nowMs });
}

/** How far sealed evidence reaches: a charted value to now while it is valid, a streamed one to its own time. */
function evidenceReach(twin: Twin, contributors: readonly News2Parameter[], nowMs: number): number | null {
  let reach = nowMs;
  for (const parameter of contributors) {
    const held = newestSealed(twin, parameter);
    if (held === null || (held.charted && nowMs > expiresAtMs(held))) return null;
    if (!held.charted) reach = Math.min(reach, held.effectiveMs);
  }
  return reach;
}

function newestSealed(twin: Twin, parameter: News2Parameter): Held | null {
  let best: Held | null = null;
  for (const key in twin.slots) {
    const held = (twin.slots[key] as Slot).sealed;
    if (held === null || parameterOf(held.code) !== parameter) continue;
    if (best === null || held.effectiveMs > best.effectiveMs) best = held;
  }
  return best;
}

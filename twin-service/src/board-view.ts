import { codeEntry, codes } from '@pulseseal/firmware-profiles';
import type { ShownAlert, ShownDevice, ShownNews2, ShownPatient, ShownValue, Sparkline } from '@pulseseal/protocol';
import { physiologyRules } from './rules/table.ts';
import type { PatientEntry } from './settings.ts';
import type { Alert, Held, Twin } from './state.ts';
import { isAtRest } from './state.ts';
import { trendValues } from './trend.ts';
import type { ClinicalView } from './vitals.ts';
import { expiresAtMs, heldOf, parameterOf, staleAtMs, viewOf } from './vitals.ts';
import { contributorWords, laterWords, parameterNames, reasonWords, restWords } from './words.ts';

/** What the board has room for, in its order: short name and the codes that may fill it, best first. */
const shownVitals = [
  { name: 'HR', codes: [codes.heartRate, codes.pulseRate] },
  { name: 'RR', codes: [codes.respirationRate] },
  { name: 'SpO2', codes: [codes.spo2] },
  { name: 'BP', codes: [codes.abpSystolic, codes.nibpSystolic] },
  { name: 'BP dia', codes: [codes.abpDiastolic, codes.nibpDiastolic] },
  { name: 'Temp', codes: [codes.bodyTemperature] },
  { name: 'Skin', codes: [codes.skinTemperature] },
  { name: 'O2', codes: [codes.oxygenInUse, codes.inspiredOxygen, codes.mechanicalVentilation] },
  { name: 'ACVPU', codes: [codes.consciousness, codes.glasgowComaScore] },
] as const;

const sparklineNames = new Set(['HR', 'RR', 'SpO2', 'BP', 'Temp']);

export function shownAlert(twin: Twin, alert: Alert): ShownAlert {
  const { id, rule, priority, state, reason, plainReason, cause, raisedAtMs, acknowledged, clearedAtMs, readingId } =
    alert;
  return {
    id,
    patient: twin.patient,
    rule,
    priority,
    state,
    reason,
    plainReason,
    cause,
    raisedAtMs,
    acknowledged,
    clearedAtMs,
    readingId,
  };
}

/** One patient as a clinician sees it at rule time `nowMs`. */
export function shownPatient(twin: Twin, entry: PatientEntry, nowMs: number): ShownPatient {
  const view = viewOf(twin, nowMs, 'scored');
  const values = shownValues(twin, view, nowMs);
  return {
    patient: twin.patient,
    name: entry.name,
    bed: entry.bed,
    urgency: urgencyOf(twin, view),
    headline: headline(twin, view, nowMs),
    plainHeadline: plainHeadline(twin),
    values,
    news2: shownNews2(twin, view),
    sparklines: sparklines(twin, values, nowMs),
    devices: Object.values(twin.devices).map(shownDevice),
    restingSinceMs: restingSinceMs(twin),
    alerts: [
      ...twin.open.map((alert) => ({ ...shownAlert(twin, alert), reason: presentReason(alert, view, nowMs) })),
      ...twin.cleared
        .slice(-10)
        .reverse()
        .map((alert) => shownAlert(twin, alert)),
    ],
  };
}

/** When the last of a patient's devices was switched off as announced; null while any is awaited. */
function restingSinceMs(twin: Twin): number | null {
  const devices = Object.values(twin.devices).filter((device) => device.eh !== null);
  if (devices.length === 0 || !devices.every(isAtRest)) return null;
  return Math.max(...devices.map((device) => device.heardMs));
}

function resting(twin: Twin) {
  const kinds = Object.values(twin.devices).flatMap((device) => (isAtRest(device) ? [device.kind] : []));
  return restWords(kinds, restingSinceMs(twin) !== null);
}

function shownDevice(device: Twin['devices'][string]): ShownDevice {
  const { kind, battery, state, heardMs, link } = device;
  return { device: device.device, kind, battery, state, lastHeardMs: heardMs, link };
}

function shownNews2(twin: Twin, view: ClinicalView): ShownNews2 | null {
  if (view.news2 === null || Object.keys(twin.slots).length === 0) return null;
  const { total, lower, upper, partial, missing, risk, single3, scale } = view.news2;
  return { total, lower, upper, partial, missing: missing.map((name) => parameterNames[name]), risk, single3, scale };
}

function shownValues(twin: Twin, view: ClinicalView, nowMs: number): ShownValue[] {
  const out: ShownValue[] = [];
  for (const { name, codes: wanted } of shownVitals) {
    const held = valueFor(twin, view, wanted, nowMs);
    if (held !== null) out.push(shownValue(name, held, view));
  }
  return out;
}

/** The value that the score uses; where it uses none, the newest there is, however old: with its age, never blank. */
function valueFor(twin: Twin, view: ClinicalView, wanted: readonly number[], nowMs: number): Held | null {
  const parameter = parameterOf(wanted[0]!);
  const used = parameter === undefined ? null : heldOf(view, parameter);
  const slots = Object.values(twin.slots).filter((slot) => wanted.includes(slot.shown.code));
  // A doubted value newer than the used one, of the same source, is what the sensor says now: shown, marked.
  if (used !== null) {
    const own = slots.find(
      ({ shown }) => shown.code === used.code && shown.device === used.device && shown.charted === used.charted,
    );
    return own !== undefined && own.shown.doubt !== null ? own.shown : used;
  }
  const alive = slots.filter(({ shown }) => nowMs <= expiresAtMs(shown));
  let best: Held | null = null;
  for (const { shown } of alive.length > 0 ? alive : slots) {
    if (best === null || shown.effectiveMs > best.effectiveMs) best = shown;
  }
  return best;
}

function shownValue(name: string, held: Held, view: ClinicalView): ShownValue {
  const parameter = parameterOf(held.code);
  const isUsed = parameter !== undefined && heldOf(view, parameter)?.id === held.id;
  return {
    code: held.code,
    name,
    value: held.value,
    text: held.text,
    unit: held.unit,
    atMs: held.effectiveMs,
    grade: held.grade,
    readingId: held.id,
    charted: held.charted,
    staleAtMs: staleAtMs(held),
    expiresAtMs: expiresAtMs(held),
    doubt: held.doubt,
    points: isUsed ? (view.news2?.points[parameter] ?? null) : null,
  };
}

/** Medians of the minutes, coarser the longer they reach back, so that a day stays small on the wire. */
function sparklines(twin: Twin, values: readonly ShownValue[], nowMs: number): Sparkline[] {
  const out: Sparkline[] = [];
  const endMinute = Math.floor(nowMs / 60_000);
  for (const { name, code, unit } of values) {
    const trend = twin.trends[code];
    if (trend === undefined || !sparklineNames.has(name)) continue;
    const first = Math.min(
      trend.minutes[0] ?? endMinute,
      trend.open?.minute ?? endMinute,
      trend.late?.minute ?? endMinute,
    );
    const span = Math.min(1440, endMinute - first + 1);
    if (span < 1) continue;
    const step = span <= 120 ? 1 : span <= 720 ? 5 : 10;
    const fine = trendValues(trend, endMinute - Math.ceil(span / step) * step + 1, endMinute);
    const coarse: (number | null)[] = [];
    for (let at = 0; at < fine.length; at += step) {
      const known = fine.slice(at, at + step).filter((value) => value !== null);
      coarse.push(known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length);
    }
    out.push({
      code,
      name,
      unit: unit || (codeEntry(code)?.ucum ?? ''),
      stepMs: step * 60_000,
      endMs: (endMinute + 1) * 60_000,
      values: coarse,
    });
  }
  return out;
}

/** Low and technical ones order patients of the same score only. */
const weight = { high: 4000, medium: 1000, low: 6, technical: 4 } as const;

/** Larger = sooner. Open alerts go before every score; an answered one counts half of its weight; who is at rest goes last. */
function urgencyOf(twin: Twin, view: ClinicalView): number {
  if (restingSinceMs(twin) !== null && !twin.open.some((alert) => alert.state === 'active')) return -1;
  return alertUrgency(twin) + (Object.keys(twin.slots).length === 0 ? 0 : (view.news2?.upper ?? 0) * 10);
}

/** The part that says nothing about scores. */
export function alertUrgency(twin: Twin): number {
  let most = 0;
  for (const alert of twin.open) {
    most = Math.max(most, weight[alert.priority] / (alert.state === 'acknowledged' ? 2 : 1));
  }
  return most;
}

/** As boards choose who speaks for a patient: priority, then what nobody answered, then the newest. */
function mostUrgent(twin: Twin): Alert | undefined {
  const answered = (alert: Alert) => Number(alert.state === 'acknowledged');
  return [...twin.open].sort(
    (a, b) => weight[b.priority] - weight[a.priority] || answered(a) - answered(b) || b.raisedAtMs - a.raisedAtMs,
  )[0];
}

function headline(twin: Twin, view: ClinicalView, nowMs: number): string {
  const top = mostUrgent(twin);
  return top === undefined ? quietHeadline(twin, view) : presentReason(top, view, nowMs);
}

/** Why somebody must look, in words first; the numbers of now where the condition still holds. */
function presentReason(alert: Alert, view: ClinicalView, nowMs: number): string {
  const forMs = nowMs - alert.raisedAtMs;
  // A technical alert ends with its condition: while it is open, what it says goes on.
  if (alert.priority === 'technical') return laterWords(alert.reason, forMs);
  const rule = physiologyRules.find((entry) => entry.name === alert.rule);
  if (rule === undefined || !rule.present(view, new Set())) return alert.reason;
  return reasonWords(rule, view, forMs + rule.delayMs);
}

function quietHeadline(twin: Twin, view: ClinicalView): string {
  const { reason } = resting(twin);
  if (restingSinceMs(twin) !== null) return reason;
  const words = measuredHeadline(twin, view);
  return reason === '' ? words : `${words}; ${reason}`;
}

function measuredHeadline(twin: Twin, view: ClinicalView): string {
  if (Object.keys(twin.slots).length === 0) return 'Nothing measured yet';
  const { news2 } = view;
  if (news2 === null) return 'No score under 16 years';
  if (news2.missing.length === 7) return 'No present measurements';
  if (news2.total > 0) return contributorWords(view);
  return news2.missing.length === 0 ? 'All in range' : 'What is measured is in range';
}

function plainHeadline(twin: Twin): string {
  const top = mostUrgent(twin);
  if (top !== undefined) return top.plainReason;
  const { plain } = resting(twin);
  if (restingSinceMs(twin) !== null) return plain;
  return plain === '' ? 'Nothing unusual has been noticed.' : `Nothing unusual has been noticed. ${plain}`;
}

import { apply } from './apply.ts';
import type { TwinEvent } from './events.ts';
import { limits } from './limits.ts';
import type { Alert, Twin } from './state.ts';

/** A twin with the events that made it, as one command is worked off. */
export interface Work {
  twin: Twin;
  readonly events: TwinEvent[];
}

export function emit(work: Work, event: TwinEvent): void {
  work.events.push(event);
  work.twin = apply(work.twin, event);
}

/** Opens an alert. Its id counts the patient's alerts: the same history names it alike, and it tells no rule to a caregiver. */
export function raise(work: Work, alert: Omit<Alert, 'id' | 'state' | 'acknowledged' | 'clearedAtMs'>): void {
  if (alert.priority === 'technical' && work.twin.open.length >= limits.openAlerts) return;
  const id = `${work.twin.patient}.a${work.twin.alertCount + 1}`;
  emit(work, { kind: 'raised', alert: { ...alert, id, state: 'active', acknowledged: null, clearedAtMs: null } });
}

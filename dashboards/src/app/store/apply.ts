import type { BoardSnapshot, LiveMessage, ShownAlert, ShownPatient } from '@pulseseal/protocol';
import { settings } from '../settings.ts';

/** Reads one message of the feed. Undefined when it is none: counted by the caller, never thrown. */
export function parseLiveMessage(text: string): LiveMessage | undefined {
  if (text.length > settings.maxMessageChars) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
    const message = value as LiveMessage;
    switch (message.type) {
      case 'snapshot':
        return Array.isArray(message.board?.patients) && typeof message.board.nowMs === 'number' ? message : undefined;
      case 'patient':
        return typeof message.patient?.patient === 'string' && Array.isArray(message.patient.values)
          ? message
          : undefined;
      case 'alert':
        return typeof message.alert?.id === 'string' ? message : undefined;
      case 'wave':
        return Array.isArray(message.samples) && message.rateHz > 0 ? message : undefined;
      case 'tick':
        return typeof message.nowMs === 'number' ? message : undefined;
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** The board after a message. Patients that did not change keep their identity, so that only changed ones repaint. */
export function applyMessage(board: BoardSnapshot | null, message: LiveMessage): BoardSnapshot | null {
  if (message.type === 'snapshot') {
    return { ...message.board, patients: message.board.patients.slice(0, settings.maxPatients) };
  }
  if (board === null) return null;
  if (message.type === 'patient') return { ...board, patients: withPatient(board.patients, message.patient) };
  if (message.type === 'alert') {
    const owner = board.patients.find((patient) => patient.patient === message.alert.patient);
    if (owner === undefined) return board;
    return {
      ...board,
      patients: withPatient(board.patients, { ...owner, alerts: withAlert(owner.alerts, message.alert) }),
    };
  }
  return board;
}

function withPatient(patients: readonly ShownPatient[], changed: ShownPatient): readonly ShownPatient[] {
  const index = patients.findIndex((patient) => patient.patient === changed.patient);
  if (index >= 0) return patients.with(index, changed);
  return patients.length < settings.maxPatients ? [...patients, changed] : patients;
}

function withAlert(alerts: readonly ShownAlert[], changed: ShownAlert): readonly ShownAlert[] {
  const rest = alerts.filter((alert) => alert.id !== changed.id);
  return [changed, ...rest].slice(0, settings.maxAlertsPerPatient);
}

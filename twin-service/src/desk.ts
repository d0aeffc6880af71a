import type { BoardSnapshot, Role, ShownAlert, ShownPatient } from '@pulseseal/protocol';
import type { Clock } from '@pulseseal/runtime';
import { alertUrgency, shownAlert, shownPatient } from './board-view.ts';
import { caregiverAlert, caregiverPatient } from './caregiver-view.ts';
import { ruleTimeMs } from './decide.ts';
import type { PatientEntry } from './settings.ts';
import type { Twin } from './state.ts';

/** Who looks. A caregiver sees only own people. */
export interface Viewer {
  /** Empty until the person gave a name: such a viewer looks and answers nothing. */
  readonly person: string;
  readonly role: Role;
  readonly patients: 'all' | readonly string[];
}

/** What each viewer may see; everything a board or phone gets goes through here. */
export interface Desk {
  board(viewer: Viewer): BoardSnapshot;
  patient(patient: string, viewer: Viewer): ShownPatient | undefined;
  alert(alert: ShownAlert, viewer: Viewer): ShownAlert | undefined;
  alerts(viewer: Viewer): ShownAlert[];
  maySee(viewer: Viewer, patient: string): boolean;
}

export function createDesk(
  twins: ReadonlyMap<string, Twin>,
  entryOf: (patient: string) => PatientEntry,
  data: Clock,
  speed: number,
): Desk {
  const maySee = (viewer: Viewer, patient: string) =>
    viewer.patients === 'all' ? viewer.role === 'clinician' : viewer.patients.includes(patient);
  const shown = (patient: string, viewer: Viewer): ShownPatient | undefined => {
    const twin = twins.get(patient);
    if (twin === undefined || !maySee(viewer, patient)) return undefined;
    const nowMs = ruleTimeMs(twin, data.nowMs(), speed);
    const full = shownPatient(twin, entryOf(patient), nowMs);
    return viewer.role === 'clinician' ? full : caregiverPatient(full, alertUrgency(twin));
  };
  const alertFor = (alert: ShownAlert, viewer: Viewer) => {
    if (!maySee(viewer, alert.patient)) return undefined;
    return viewer.role === 'clinician' ? alert : caregiverAlert(alert);
  };

  return {
    board(viewer) {
      const patients = [...twins.keys()].flatMap((patient) => shown(patient, viewer) ?? []);
      patients.sort((a, b) => b.urgency - a.urgency || a.bed.localeCompare(b.bed));
      return { role: viewer.role, person: viewer.person, nowMs: data.nowMs(), speed, patients };
    },
    patient: shown,
    alert: alertFor,
    alerts: (viewer) =>
      [...twins.values()].flatMap((twin) =>
        [...twin.open, ...twin.cleared].flatMap((alert) => alertFor(shownAlert(twin, alert), viewer) ?? []),
      ),
    maySee,
  };
}

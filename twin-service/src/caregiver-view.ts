import type { ShownAlert, ShownPatient } from '@pulseseal/protocol';

/** Names of rules tell scores and organs; a caregiver sees only what kind of call it is. */
function plainRule(alert: ShownAlert): string {
  return alert.priority === 'technical' ? 'technical' : 'concern';
}

/** An alert without numbers, scores, rule names or clinicians' words. */
export function caregiverAlert(alert: ShownAlert): ShownAlert {
  const { acknowledged } = alert;
  return {
    ...alert,
    id: alert.id,
    rule: plainRule(alert),
    reason: alert.plainReason,
    readingId: null,
    acknowledged:
      acknowledged === null
        ? null
        : { ...acknowledged, comment: acknowledged.role === 'caregiver' ? acknowledged.comment : '' },
  };
}

/** A patient as the server lets a caregiver see: plain words, and whether things are worn and heard. */
export function caregiverPatient(patient: ShownPatient, alertUrgency: number): ShownPatient {
  return {
    ...patient,
    urgency: alertUrgency,
    headline: patient.plainHeadline,
    values: [],
    news2: null,
    sparklines: [],
    alerts: patient.alerts.map(caregiverAlert),
  };
}

import type { AlertPriority, ShownAlert, ShownPatient } from '@pulseseal/protocol';

const rank: Record<AlertPriority, number> = { high: 0, medium: 1, low: 2, technical: 3 };

const stateRank: Record<ShownAlert['state'], number> = { active: 0, acknowledged: 1, cleared: 2 };

export const isOpen = (alert: ShownAlert): boolean => alert.state !== 'cleared';

/** Unacknowledged before acknowledged, then by priority, then the newest first. Cleared ones last. */
export function compareAlerts(a: ShownAlert, b: ShownAlert): number {
  return (
    stateRank[a.state] - stateRank[b.state] ||
    rank[a.priority] - rank[b.priority] ||
    b.raisedAtMs - a.raisedAtMs ||
    a.id.localeCompare(b.id)
  );
}

/** The alert that speaks for a patient: the highest open priority, unacknowledged before acknowledged. */
export function leadingAlert(patient: ShownPatient): ShownAlert | undefined {
  return patient.alerts
    .filter(isOpen)
    .toSorted((a, b) => rank[a.priority] - rank[b.priority] || compareAlerts(a, b))
    .at(0);
}

/** Nothing is awaited of the patient's devices, and no alert waits for an answer. */
export const isResting = (patient: ShownPatient): boolean =>
  patient.restingSinceMs !== null && !patient.alerts.some((alert) => alert.state === 'active');

/** Open high and medium alerts make a patient urgent, acknowledged or not; scores, low and technical alerts do not. */
function urgentRank(patient: ShownPatient): number {
  if (isResting(patient)) return 5;
  const lead = leadingAlert(patient);
  if (lead === undefined || rank[lead.priority] > 1) return 4;
  return rank[lead.priority] * 2 + (lead.state === 'active' ? 0 : 1);
}

const bedOrder = new Intl.Collator('en', { numeric: true });

/**
 * Most urgent first: open high, open medium (unacknowledged before acknowledged), then the upper bound of
 * NEWS2, low alerts, technical alerts, bed; who is at rest goes last. Computed here and not taken from the snapshot, because an
 * alert message comes before the patient's next update.
 */
export function comparePatients(a: ShownPatient, b: ShownPatient): number {
  const urgent = urgentRank(a) - urgentRank(b);
  if (urgent !== 0) return urgent;
  const open = (patient: ShownPatient, priority: AlertPriority): number =>
    patient.alerts.some((alert) => isOpen(alert) && alert.priority === priority) ? 0 : 1;
  return (
    (b.news2?.upper ?? -1) - (a.news2?.upper ?? -1) ||
    open(a, 'low') - open(b, 'low') ||
    open(a, 'technical') - open(b, 'technical') ||
    b.urgency - a.urgency ||
    bedOrder.compare(a.bed, b.bed)
  );
}

export interface Arrangement {
  /** Large cards: reason, numbers, trend. */
  readonly first: readonly ShownPatient[];
  /** Smaller cards. */
  readonly next: readonly ShownPatient[];
  /** One line each. Holds urgent patients only when more are urgent than cards fit: they come first. */
  readonly rows: readonly ShownPatient[];
  /** Those of whom nothing is awaited, at the foot. */
  readonly resting: readonly ShownPatient[];
  /** Urgent patients that had to become lines. */
  readonly overflow: number;
}

/** Cards that fit into 830 px beside 24 lines: three large ones, or fewer large and some small ones. */
type CardPlans = readonly (readonly [large: number, small: number])[];
const cardPlans: CardPlans = [
  [0, 0],
  [1, 0],
  [2, 0],
  [3, 0],
  [2, 2],
  [1, 4],
  [0, 6],
];

/** The same where 700 px are left. */
const lowCardPlans: CardPlans = [
  [0, 0],
  [1, 0],
  [2, 0],
  [3, 0],
  [0, 4],
  [0, 5],
];

/** Size follows urgency: who must be seen first is largest. */
export function arrange(patients: readonly ShownPatient[], isLowScreen = false): Arrangement {
  const plans = isLowScreen ? lowCardPlans : cardPlans;
  const all = patients.toSorted(comparePatients);
  const sorted = all.filter((patient) => !isResting(patient));
  const urgent = sorted.filter((patient) => urgentRank(patient) < 4).length;
  const [large, small] = plans[Math.min(urgent, plans.length - 1)] ?? [0, 0];
  return {
    first: sorted.slice(0, large),
    next: sorted.slice(large, large + small),
    rows: sorted.slice(large + small),
    resting: all.filter(isResting),
    overflow: urgent - large - small,
  };
}

/** Alerts of all patients, in the order somebody should answer them. */
export function openAlerts(patients: readonly ShownPatient[]): readonly ShownAlert[] {
  // Sorting is stable: alerts of one state and priority stand in the order of their patients, as the cards do.
  return patients
    .toSorted(comparePatients)
    .flatMap((patient) => patient.alerts.filter(isOpen).toSorted(compareAlerts))
    .toSorted((a, b) => stateRank[a.state] - stateRank[b.state] || rank[a.priority] - rank[b.priority]);
}

export interface Counts {
  readonly high: number;
  readonly medium: number;
  readonly low: number;
  readonly technical: number;
  readonly calm: number;
  readonly resting: number;
}

/** Patients by their leading open alert. */
export function countPatients(patients: readonly ShownPatient[]): Counts {
  const counts = { high: 0, medium: 0, low: 0, technical: 0, calm: 0, resting: 0 };
  for (const patient of patients) {
    counts[isResting(patient) ? 'resting' : (leadingAlert(patient)?.priority ?? 'calm')] += 1;
  }
  return counts;
}

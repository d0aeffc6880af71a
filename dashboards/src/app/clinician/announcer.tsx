import type { ShownAlert, ShownPatient } from '@pulseseal/protocol';
import { useEffect, useRef, useState } from 'react';
import { priorityWords } from '../shared/marks.tsx';

/** Says what changed: high alerts at once, everything else when the reader pauses. */
export function Announcer(props: {
  readonly alerts: readonly ShownAlert[];
  readonly patients: readonly ShownPatient[];
}) {
  const { alerts, patients } = props;
  const known = useRef<ReadonlyMap<string, ShownAlert['state']> | null>(null);
  const [polite, setPolite] = useState('');
  const [urgent, setUrgent] = useState('');
  useEffect(() => {
    if (patients.length === 0) return;
    const before = known.current;
    known.current = new Map(alerts.map((alert) => [alert.id, alert.state]));
    const name = (alert: ShownAlert): string => {
      const patient = patients.find((candidate) => candidate.patient === alert.patient);
      return patient === undefined ? alert.patient : `${patient.bed} ${patient.name}`;
    };
    const raised = alerts.filter((alert) => alert.state === 'active' && before?.get(alert.id) === undefined);
    const taken = alerts.filter(
      (alert) => alert.state === 'acknowledged' && before !== null && before.get(alert.id) === 'active',
    );
    const say = (alert: ShownAlert): string => `${priorityWords[alert.priority]}: ${name(alert)}. ${alert.reason}.`;
    const high = raised.filter((alert) => alert.priority === 'high');
    const rest = raised.filter((alert) => alert.priority !== 'high');
    if (high.length > 0) setUrgent(high.map(say).join(' '));
    const words = [
      ...rest.map(say),
      ...taken.map((alert) => `${name(alert)} acknowledged by ${alert.acknowledged?.by ?? 'somebody'}.`),
    ];
    if (words.length > 0) setPolite(words.join(' '));
  }, [alerts, patients]);
  return (
    <div className="sr-only">
      <div aria-live="assertive" aria-atomic="true">
        {urgent}
      </div>
      <div aria-live="polite" aria-atomic="true">
        {polite}
      </div>
    </div>
  );
}

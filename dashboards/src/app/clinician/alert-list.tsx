import type { ShownAlert, ShownPatient } from '@pulseseal/protocol';
import { keepTogether } from '../format/values.ts';
import { Age } from '../shared/age.tsx';
import { PriorityMark, priorityWords } from '../shared/marks.tsx';
import { AcknowledgeForm } from './acknowledge-form.tsx';

/** What waits for an answer; technical faults stand apart. */
export function AlertList(props: {
  readonly alerts: readonly ShownAlert[];
  readonly patients: readonly ShownPatient[];
  readonly answering: string | null;
  readonly answer: (alert: ShownAlert | null) => void;
  readonly open: (patient: string) => void;
}) {
  const clinical = props.alerts.filter((alert) => alert.priority !== 'technical');
  const technical = props.alerts.filter((alert) => alert.priority === 'technical');
  const waiting = props.alerts.filter((alert) => alert.state === 'active').length;
  const item = (alert: ShownAlert) => (
    <AlertItem
      key={alert.id}
      alert={alert}
      patient={props.patients.find((patient) => patient.patient === alert.patient)}
      answering={props.answering === alert.id}
      answer={props.answer}
      open={props.open}
    />
  );
  return (
    <section className="alerts" aria-labelledby="alerts-title">
      <h2 id="alerts-title" className="zone-title">
        Alerts
        <em>{waiting === 0 ? 'none waiting' : `${waiting} waiting for an answer`}</em>
      </h2>
      <div className="alerts-scroll">
        {clinical.length === 0 && <p className="alerts-none">No open alert about a patient.</p>}
        <ul className="alert-items">{clinical.map(item)}</ul>
        {technical.length > 0 && (
          <>
            <h3 className="alerts-group">Technical</h3>
            <ul className="alert-items">{technical.map(item)}</ul>
          </>
        )}
      </div>
    </section>
  );
}

function AlertItem(props: {
  readonly alert: ShownAlert;
  readonly patient: ShownPatient | undefined;
  readonly answering: boolean;
  readonly answer: (alert: ShownAlert | null) => void;
  readonly open: (patient: string) => void;
}) {
  const { alert, patient, answering, answer, open } = props;
  return (
    <li className="alert" data-alert={alert.id} data-priority={alert.priority} data-state={alert.state}>
      <button type="button" className="alert-open" onClick={() => open(alert.patient)}>
        <PriorityMark priority={alert.priority} acknowledged={alert.state === 'acknowledged'} />
        <span className="alert-text">
          <span className="alert-head">
            <span className="alert-when">
              <span className={alert.priority === 'technical' ? 'sr-only' : undefined}>
                {priorityWords[alert.priority]} ·{' '}
              </span>
              <span className="sr-only">raised </span>
              <Age atMs={alert.raisedAtMs} />
            </span>
            <strong>
              {patient?.bed ?? alert.patient} {patient?.name}
            </strong>
          </span>
          <span className="alert-reason">{keepTogether(alert.reason)}</span>
          {alert.acknowledged !== null && (
            <span className="alert-by">
              {alert.acknowledged.by}
              {alert.acknowledged.role === 'caregiver' && ' (family)'}
              <Age atMs={alert.acknowledged.atMs} before=", " after=" ago" />
              {alert.acknowledged.comment !== '' && `: “${alert.acknowledged.comment}”`}
            </span>
          )}
        </span>
      </button>
      {answering && alert.state === 'active' ? (
        <AcknowledgeForm alert={alert} done={() => answer(null)} />
      ) : (
        alert.state === 'active' && (
          <button type="button" className="button alert-answer" onClick={() => answer(alert)}>
            Acknowledge
            <span className="sr-only">
              {' '}
              {patient?.name}: {alert.reason}
            </span>
          </button>
        )
      )}
    </li>
  );
}

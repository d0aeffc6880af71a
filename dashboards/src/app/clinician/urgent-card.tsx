import type { ShownAlert, ShownPatient } from '@pulseseal/protocol';
import { memo } from 'react';
import { keepTogether, stateSlots, vitalSlots } from '../format/values.ts';
import { isOpen, leadingAlert } from '../order.ts';
import { Age } from '../shared/age.tsx';
import { PriorityMark, priorityWords } from '../shared/marks.tsx';
import { Score } from '../shared/score.tsx';
import { SparkLine } from '../shared/sparkline.tsx';
import { spanText } from '../shared/trend-data.ts';
import { Vital } from '../shared/vital.tsx';
import { sparklineFor, trendTitle } from './trend-choice.ts';

/** A patient somebody must look at: reason in words first, then the numbers. */
export const UrgentCard = memo(function UrgentCard(props: {
  readonly patient: ShownPatient;
  readonly size: 'large' | 'small';
  readonly open: (patient: string) => void;
  readonly answer: (alert: ShownAlert) => void;
}) {
  const { patient, size, open, answer } = props;
  const lead = leadingAlert(patient);
  if (lead === undefined) return null;
  const others = patient.alerts.filter((alert) => isOpen(alert) && alert.id !== lead.id);
  const trend = sparklineFor(patient, lead);
  const titleId = `card-${patient.patient}`;
  return (
    <article
      className="card"
      data-size={size}
      data-priority={lead.priority}
      data-state={lead.state}
      data-alert={lead.id}
      aria-labelledby={titleId}
    >
      <div className="card-plate">
        <PriorityMark priority={lead.priority} acknowledged={lead.state === 'acknowledged'} flashing />
        <span className="card-priority">{priorityWords[lead.priority]}</span>
        <Age atMs={lead.raisedAtMs} />
      </div>
      <div className="card-body">
        <header className="card-head">
          <h3 id={titleId} className="card-who">
            <button type="button" className="card-open" onClick={() => open(patient.patient)}>
              <span className="card-bed">{patient.bed}</span> {patient.name}
            </button>
          </h3>
          {lead.state === 'active' ? (
            <button type="button" className="button primary" onClick={() => answer(lead)}>
              Acknowledge
            </button>
          ) : (
            <p className="card-taken">
              <strong>{lead.acknowledged?.by}</strong>
              {lead.acknowledged !== null && <Age atMs={lead.acknowledged.atMs} before=" · " after=" ago" />}
            </p>
          )}
        </header>
        <p className="card-reason" data-length={lengthOf(lead.reason)}>
          {keepTogether(lead.reason)}
        </p>
        {patient.restingSinceMs !== null && (
          <p className="card-comment">
            Not measured any more: switched off as announced
            <Age atMs={patient.restingSinceMs} before=", " after=" ago" />
          </p>
        )}
        {lead.acknowledged !== null && lead.acknowledged.comment !== '' && (
          <p className="card-comment">“{lead.acknowledged.comment}”</p>
        )}
        {size === 'large' && others.length > 0 && (
          <ul className="card-also">
            {others.slice(0, 2).map((alert) => (
              <li key={alert.id}>
                <PriorityMark priority={alert.priority} acknowledged={alert.state === 'acknowledged'} />
                {keepTogether(alert.reason)}
              </li>
            ))}
          </ul>
        )}
        {size === 'large' && trend !== undefined && (
          <div className="card-chart">
            <SparkLine data={trend} width={300} height={80} />
            <span className="card-trend-name">
              {trendTitle(trend)} {spanText(trend)}
            </span>
          </div>
        )}
        <div className="card-numbers">
          <Score score={patient.news2} form="card" />
          {vitalSlots.map((slot) => (
            <Vital key={slot} values={patient.values} slot={slot} form="card" />
          ))}
        </div>
        {size === 'large' && (
          <footer className="card-foot">
            <div className="card-states">
              {stateSlots.map((slot) => (
                <Vital key={slot} values={patient.values} slot={slot} form="card" />
              ))}
            </div>
            {trend !== undefined && (
              <div className="card-trend">
                <SparkLine data={trend} width={150} height={30} />
                <span className="card-trend-name">
                  {trendTitle(trend)} {spanText(trend)}
                </span>
              </div>
            )}
          </footer>
        )}
      </div>
    </article>
  );
});

/** A reason is never cut: the longer it is, the smaller it is written. */
function lengthOf(reason: string): 'short' | 'long' | 'longest' {
  if (reason.length <= 60) return 'short';
  return reason.length <= 100 ? 'long' : 'longest';
}

import type { ShownPatient } from '@pulseseal/protocol';
import { memo } from 'react';
import { slotTitles, slotUnits, slotWords, vitalSlots } from '../format/values.ts';
import { leadingAlert } from '../order.ts';
import { PriorityMark, priorityWords } from '../shared/marks.tsx';
import { Score } from '../shared/score.tsx';
import { SparkLine } from '../shared/sparkline.tsx';
import { Vital } from '../shared/vital.tsx';
import { sparklineFor } from './trend-choice.ts';

export function RowHeads() {
  return (
    <div className="row-heads" aria-hidden="true">
      <span />
      <span>Patient</span>
      <span className="row-head-score">NEWS2</span>
      {vitalSlots.map((slot) => (
        <abbr key={slot} title={slotWords[slot]}>
          {slotTitles[slot]} <span className="row-head-unit">{slotUnits[slot]}</span>
        </abbr>
      ))}
      <span>Trend</span>
    </div>
  );
}

/** A patient who can wait: one line. */
export const PatientRow = memo(function PatientRow(props: {
  readonly patient: ShownPatient;
  readonly open: (patient: string) => void;
}) {
  const { patient, open } = props;
  const lead = leadingAlert(patient);
  const priority = lead?.priority ?? 'calm';
  // No tick beside a score that is, or may be, worth a look.
  const isUnsure = lead === undefined && (patient.news2 === null || patient.news2.upper >= 5);
  return (
    <li className="row" data-priority={priority} data-state={lead?.state}>
      {isUnsure ? (
        <span aria-hidden="true" />
      ) : (
        <PriorityMark
          priority={priority}
          acknowledged={lead?.state === 'acknowledged'}
          flashing={priority === 'high' || priority === 'medium'}
        />
      )}
      <button type="button" className="row-open" onClick={() => open(patient.patient)}>
        <span className="row-name">
          <span className="row-bed">{patient.bed}</span> {patient.name}
        </span>
        <span className="row-line" title={lead?.reason ?? patient.headline}>
          {lead !== undefined && <span className="sr-only">{priorityWords[lead.priority]}: </span>}
          {lead?.reason ?? patient.headline}
        </span>
      </button>
      <Score score={patient.news2} form="row" />
      {vitalSlots.map((slot) => (
        <Vital key={slot} values={patient.values} slot={slot} form="row" />
      ))}
      <SparkLine data={sparklineFor(patient, lead)} width={44} height={22} />
    </li>
  );
});

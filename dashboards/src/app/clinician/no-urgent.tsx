import type { ShownPatient } from '@pulseseal/protocol';
import { Score } from '../shared/score.tsx';

/** A score from here on is worth a look even without an alert (RCP: urgent ward-based response at 5). */
const lookFrom = 5;
const mostShown = 4;

/** No open high or medium alert: says exactly that, not that all is well, and who could still score high. */
export function NoUrgent(props: {
  readonly patients: readonly ShownPatient[];
  readonly open: (patient: string) => void;
}) {
  const scoring = props.patients.filter((patient) => (patient.news2?.upper ?? 0) >= lookFrom).slice(0, mostShown);
  return (
    <div className="no-urgent">
      <p className="no-urgent-words">No open high or medium alert</p>
      <p className="hint">among {props.patients.length} patients.</p>
      {scoring.length > 0 && (
        <>
          <h3>NEWS2 is or may be {lookFrom} or more</h3>
          <ul>
            {scoring.map((patient) => (
              <li key={patient.patient}>
                <button type="button" onClick={() => props.open(patient.patient)}>
                  <Score score={patient.news2} form="card" />
                  <span>
                    <strong>{patient.bed}</strong> {patient.name}
                    <span className="no-urgent-line">{patient.headline}</span>
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

import type { ShownPatient } from '@pulseseal/protocol';
import { Age } from '../shared/age.tsx';

/** Patients of whom nothing is measured, as was announced: to be found, not to be looked at. */
export function Resting(props: {
  readonly patients: readonly ShownPatient[];
  readonly open: (patient: string) => void;
}) {
  return (
    <section className="resting" aria-labelledby="resting-title">
      <h3 id="resting-title">
        Not measured <em>switched off as announced, since</em>
      </h3>
      <ul>
        {props.patients.map((patient) => (
          <li key={patient.patient}>
            <button type="button" title={patient.headline} onClick={() => props.open(patient.patient)}>
              <span className="resting-name">
                <span className="row-bed">{patient.bed}</span> {patient.name}
              </span>
              {patient.restingSinceMs !== null && <Age atMs={patient.restingSinceMs} />}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

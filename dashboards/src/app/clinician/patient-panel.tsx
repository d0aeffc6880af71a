import type { ReadingId, ShownPatient, ShownValue } from '@pulseseal/protocol';
import { useEffect, useRef, useState } from 'react';
import { fullTimeText, shortClockText } from '../format/age.ts';
import { contributors, news2Text, pointsText, riskText } from '../format/news2.ts';
import {
  batteryText,
  deviceStateText,
  deviceTitle,
  doubtText,
  hasUnit,
  linkText,
  unitText,
  valueText,
  valueTitle,
} from '../format/values.ts';
import { compareAlerts } from '../order.ts';
import { Age } from '../shared/age.tsx';
import { GradeMark, PriorityMark, priorityWords } from '../shared/marks.tsx';
import { freshness, useAge, useBoardTime } from '../store/context.ts';
import { EcgStrip } from './ecg-strip.tsx';
import { ProofPanel } from './proof-panel.tsx';
import { TrendChart } from './trend-chart.tsx';

/** Everything about one patient, over the calm list: the urgent cards and the alerts stay in sight. */
export function PatientPanel(props: { readonly patient: ShownPatient; readonly close: () => void }) {
  const { patient, close } = props;
  const title = useRef<HTMLHeadingElement>(null);
  const [proving, setProving] = useState<ReadingId | null>(null);
  useEffect(() => title.current?.focus(), []);
  return (
    <aside className="panel" aria-labelledby="panel-title">
      <header className="panel-head">
        <h2 id="panel-title" ref={title} tabIndex={-1}>
          <span className="card-bed">{patient.bed}</span> {patient.name}
        </h2>
        <p className="panel-line">{patient.headline}</p>
        <button type="button" className="button" onClick={close}>
          Close <kbd>Esc</kbd>
        </button>
      </header>
      {/* A scrolling region must be reachable by keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <section className="panel-scroll" tabIndex={0} aria-label="Details">
        <EcgStrip patient={patient.patient} />
        <ScoreLine patient={patient} />
        <ValuesTable values={patient.values} proving={proving} prove={setProving} />
        {proving !== null && <ProofPanel key={proving} reading={proving} close={() => setProving(null)} />}
        <section className="panel-part" aria-labelledby="trends-title">
          <h3 id="trends-title">Trends, up to 24 hours</h3>
          {patient.sparklines.length === 0 && <p className="hint">No trend yet.</p>}
          <div className="trends">
            {patient.sparklines.map((line) => (
              <TrendChart key={line.code} data={line} />
            ))}
          </div>
        </section>
        <div className="panel-pair">
          <Timeline patient={patient} />
          <Devices patient={patient} />
        </div>
      </section>
    </aside>
  );
}

function ScoreLine(props: { readonly patient: ShownPatient }) {
  const { news2, values } = props.patient;
  if (news2 === null) return <p className="panel-score">NEWS2: no score, nothing to count.</p>;
  const makers = contributors(values).slice(0, 3);
  return (
    <div className="panel-score">
      <p>
        <strong>NEWS2 {news2Text(news2)}</strong> · {riskText(news2)}
        {news2.single3 && ' · one parameter alone scores 3'}
        {news2.scale === 2 && ' · SpO₂ scale 2'}
      </p>
      <p className="panel-makers">
        {makers.length === 0
          ? 'No measured parameter scores.'
          : makers.map((maker) => `${maker.text}: ${pointsText(maker.points)}`).join(' · ')}
        {news2.missing.length > 0 && ` · missing: ${news2.missing.join(', ')}`}
      </p>
    </div>
  );
}

function ValuesTable(props: {
  readonly values: readonly ShownValue[];
  readonly proving: ReadingId | null;
  readonly prove: (reading: ReadingId) => void;
}) {
  return (
    <table className="values">
      <caption className="sr-only">Latest values</caption>
      <thead>
        <tr>
          <th scope="col">Value</th>
          <th scope="col" className="number">
            Reading
          </th>
          <th scope="col">Age</th>
          <th scope="col">NEWS2</th>
          <th scope="col">Grade</th>
          <th scope="col">
            <span className="sr-only">Proof</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {props.values.map((value) => (
          <ValueRow key={value.code} value={value} proving={props.proving} prove={props.prove} />
        ))}
      </tbody>
    </table>
  );
}

function ValueRow(props: {
  readonly value: ShownValue;
  readonly proving: ReadingId | null;
  readonly prove: (reading: ReadingId) => void;
}) {
  const { value } = props;
  const age = useAge(value.atMs);
  const fresh = useBoardTime((nowMs) => freshness(nowMs, value));
  return (
    <tr data-fresh={fresh} data-points={value.points ?? undefined}>
      <th scope="row">{valueTitle(value)}</th>
      <td className="number">
        <span className="vital-text">{valueText(value)}</span>
        {hasUnit(value) && <span className="vital-unit"> {unitText(value.unit)}</span>}
        {value.doubt !== null && <span className="values-doubt">? {doubtText(value.doubt)}</span>}
        {fresh === 'expired' && <span className="sr-only"> too old to use</span>}
      </td>
      <td title={fullTimeText(value.atMs)}>
        {age}
        {value.charted && <span className="values-charted"> charted</span>}
        {fresh === 'stale' && <span className="values-charted"> late</span>}
      </td>
      <td>{value.points === null ? '' : pointsText(value.points)}</td>
      <td>
        <GradeMark grade={value.grade} word />
      </td>
      <td className="values-action">
        <button type="button" className="link" onClick={() => props.prove(value.readingId)}>
          Verify<span className="sr-only"> this reading: {valueTitle(value)}</span>
        </button>
      </td>
    </tr>
  );
}

function Timeline(props: { readonly patient: ShownPatient }) {
  const alerts = props.patient.alerts.toSorted(compareAlerts);
  return (
    <section className="panel-part" aria-labelledby="timeline-title">
      <h3 id="timeline-title">Alerts</h3>
      {alerts.length === 0 && <p className="hint">No alert so far.</p>}
      <ol className="timeline">
        {alerts.map((alert) => (
          <li key={alert.id} data-state={alert.state}>
            <PriorityMark priority={alert.priority} acknowledged={alert.state !== 'active'} />
            <div>
              <p>
                <span className="sr-only">{priorityWords[alert.priority]}: </span>
                {alert.reason}
              </p>
              <p className="timeline-when">
                {shortClockText(alert.raisedAtMs)} raised
                {alert.acknowledged !== null &&
                  ` · ${shortClockText(alert.acknowledged.atMs)} ${alert.acknowledged.by}${
                    alert.acknowledged.role === 'caregiver' ? ' (family)' : ''
                  }${alert.acknowledged.comment === '' ? '' : `: “${alert.acknowledged.comment}”`}`}
                {alert.clearedAtMs !== null && ` · ${shortClockText(alert.clearedAtMs)} cleared`}
              </p>
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Devices(props: { readonly patient: ShownPatient }) {
  return (
    <section className="panel-part" aria-labelledby="devices-title">
      <h3 id="devices-title">Devices</h3>
      {props.patient.devices.length === 0 && <p className="hint">No device is claimed for this patient.</p>}
      <ul className="devices">
        {props.patient.devices.map((device) => (
          <li key={device.device}>
            <strong>{deviceTitle(device.kind)}</strong>
            <span>
              {deviceStateText(device)} · {linkText(device)} · {batteryText(device.battery)}
            </span>
            <Age atMs={device.lastHeardMs} before="heard " after=" ago" />
            <code className="devices-id">{device.device}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

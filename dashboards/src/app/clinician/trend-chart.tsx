import type { Sparkline } from '@pulseseal/protocol';
import { useEffect, useId, useRef, useState } from 'react';
import uPlot from 'uplot';
import { shortClockText } from '../format/age.ts';
import { unitText } from '../format/values.ts';
import { downsample, hourRows, summary } from '../shared/trend-data.ts';
import { trendTitle } from './trend-choice.ts';

/** At most one point per two pixels. */
const maxPoints = 360;
const heightPx = 92;
/** So few points are shown as dots: a lone one has no line. */
const sparseBelow = 30;
/** A shorter axis would repeat its labels. */
const minSpanS = 600;

/** The one place that knows uPlot: up to 24 h of one value, and the same as a table for who cannot see the line. */
export function TrendChart(props: { readonly data: Sparkline }) {
  const { data } = props;
  const [asTable, setAsTable] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const titleId = useId();
  const facts = summary(data.values);
  const unit = unitText(data.unit);
  useEffect(() => {
    const element = box.current;
    if (element === null || asTable) return;
    const values = downsample(data.values, maxPoints);
    const stepMs = (data.stepMs * data.values.length) / Math.max(values.length, 1);
    const times = values.map((_, index) => (data.endMs - (values.length - index) * stepMs) / 1000);
    const chart = new uPlot(chartOptions(element, values.length), [times, [...values]], element);
    const resize = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: heightPx }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      chart.destroy();
    };
  }, [data, asTable]);
  return (
    <figure className="trend" aria-labelledby={titleId}>
      <figcaption id={titleId}>
        <strong>{trendTitle(data)}</strong> <span className="vital-unit">{unit}</span>
        <span className="trend-facts">
          {facts === undefined ? 'nothing measured' : `${facts.low} to ${facts.high}, last ${facts.last}`}
        </span>
        <button type="button" className="link" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {asTable ? 'Chart' : 'Table'}
          <span className="sr-only"> of {data.name}</span>
        </button>
      </figcaption>
      {asTable ? <TrendTable data={data} /> : <div ref={box} className="trend-box" aria-hidden="true" />}
    </figure>
  );
}

function chartOptions(element: HTMLElement, pointCount: number): uPlot.Options {
  const style = getComputedStyle(element);
  const ink = style.getPropertyValue('--ink');
  const soft = style.getPropertyValue('--soft');
  const line = style.getPropertyValue('--line');
  const axis = { stroke: soft, font: '11px sans-serif', grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height: heightPx,
    padding: [6, 8, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { range: (_chart, low, high) => [Math.min(low, high - minSpanS), high] },
      y: { range: (_chart, low, high) => [Math.floor(low - 1), Math.ceil(high + 1)] },
    },
    axes: [
      { ...axis, size: 18, gap: 2, space: 70, values: (_chart, ticks) => ticks.map((at) => shortClockText(at * 1000)) },
      { ...axis, size: 34, gap: 4, space: 26 },
    ],
    series: [
      {},
      { stroke: ink, width: 1.5, spanGaps: false, points: { show: pointCount < sparseBelow, size: 4, fill: ink } },
    ],
  };
}

function TrendTable(props: { readonly data: Sparkline }) {
  const { data } = props;
  return (
    // A scrolling region must be reachable by keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section className="trend-table" tabIndex={0} aria-label={`${data.name}, hour by hour`}>
      <table>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">Lowest</th>
            <th scope="col">Median</th>
            <th scope="col">Highest</th>
          </tr>
        </thead>
        <tbody>
          {hourRows(data.values, data.endMs, data.stepMs).map((row) => (
            <tr key={row.fromMs}>
              <th scope="row">{shortClockText(row.fromMs)}</th>
              <td>{row.low ?? 'none'}</td>
              <td>{row.median ?? 'none'}</td>
              <td>{row.high ?? 'none'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

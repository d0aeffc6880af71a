import type { Sparkline as Data } from '@pulseseal/protocol';
import { memo } from 'react';
import { unitText } from '../format/values.ts';
import { downsample, leastSpan, spanText, sparkPath, summary } from './trend-data.ts';

/** Up to 24 h as one line. Gaps stay gaps. Its data table stands in the patient's panel; here its summary is read out. */
export const SparkLine = memo(function SparkLine(props: {
  readonly data: Data | undefined;
  readonly width: number;
  readonly height: number;
}) {
  const { data, width, height } = props;
  if (data === undefined) return <span className="spark" aria-hidden="true" />;
  const points = downsample(data.values, width);
  const facts = summary(points);
  return (
    <svg
      className="spark"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={
        facts === undefined
          ? `${data.name}, last ${spanText(data)}: nothing measured`
          : `${data.name}, last ${spanText(data)}: ${facts.low} to ${facts.high}, last ${facts.last} ${unitText(data.unit)}`
      }
    >
      <path d={sparkPath(points, width, height, leastSpan(data.name))} />
    </svg>
  );
});

import type { ShownValue } from '@pulseseal/protocol';
import { pointsText } from '../format/news2.ts';
import {
  diastolicOf,
  doubtText,
  hasUnit,
  type Slot,
  slotTitles,
  slotUnits,
  slotWords,
  unitText,
  valueFor,
  valueText,
} from '../format/values.ts';
import { freshness, useAge, useBoardTime } from '../store/context.ts';
import { GradeMark } from './marks.tsx';

/** One number with unit, age, grade and freshness. `row` for lines, `card` for urgent cards. */
export function Vital(props: {
  readonly values: readonly ShownValue[];
  readonly slot: Slot;
  readonly form: 'row' | 'card';
}) {
  const value = valueFor(props.values, props.slot);
  if (value === undefined) {
    return (
      <div className="vital" data-form={props.form} data-missing>
        {props.form === 'card' && <span className="vital-name">{slotTitles[props.slot]}</span>}
        <span className="vital-number">
          <span aria-hidden="true">–</span>
          <span className="sr-only">{slotWords[props.slot]}: not measured</span>
        </span>
      </div>
    );
  }
  return <PresentVital {...props} value={value} />;
}

function PresentVital(props: {
  readonly values: readonly ShownValue[];
  readonly slot: Slot;
  readonly form: 'row' | 'card';
  readonly value: ShownValue;
}) {
  const { value, slot, form } = props;
  const age = useAge(value.atMs);
  const fresh = useBoardTime((nowMs) => freshness(nowMs, value));
  const text = valueText(value, slot === 'BP' ? diastolicOf(props.values, value) : undefined);
  const points = value.points ?? 0;
  const unit = hasUnit(value) ? unitText(value.unit) : '';
  return (
    <div className="vital" data-form={form} data-fresh={fresh} data-points={points >= 2 ? points : undefined}>
      <span className="sr-only">{slotWords[slot]}</span>
      {form === 'card' && (
        <span className="vital-name" aria-hidden="true">
          {slotTitles[slot]} <span className="vital-unit">{unit}</span>
          {points >= 1 && <span className="vital-points">{points}</span>}
        </span>
      )}
      <span className="vital-number">
        <span className="vital-text">{text}</span>
        <span className="sr-only"> {unit}</span>
        {value.doubt !== null && (
          <span className="vital-doubt" title={doubtText(value.doubt)}>
            ?<span className="sr-only"> doubtful: {doubtText(value.doubt)}</span>
          </span>
        )}
        {form === 'row' && <GradeMark grade={value.grade} />}
      </span>
      <span className="vital-foot">
        {form === 'row' && unit !== slotUnits[slot] && (
          <span className="vital-unit" aria-hidden="true">
            {unit}
          </span>
        )}
        <span className="vital-age">{age}</span>
        {form === 'card' && <GradeMark grade={value.grade} />}
      </span>
      {fresh !== 'fresh' && <span className="sr-only">{fresh === 'stale' ? 'late' : 'too old to use'}</span>}
      {points >= 1 && <span className="sr-only">{pointsText(points)} in NEWS2</span>}
    </div>
  );
}

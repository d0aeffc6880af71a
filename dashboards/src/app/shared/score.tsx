import type { ShownNews2 } from '@pulseseal/protocol';
import { news2Range, news2Text, riskText } from '../format/news2.ts';

/** NEWS2 with its bounds: `6`, below it `5 to 8` when a parameter is missing. */
export function Score(props: { readonly score: ShownNews2 | null; readonly form: 'row' | 'card' }) {
  const { score, form } = props;
  if (score === null) {
    return (
      <div className="score" data-form={form} data-missing>
        {form === 'card' && <span className="score-name">NEWS2</span>}
        <span className="score-total">
          <span aria-hidden="true">–</span>
          <span className="sr-only">NEWS2: no score</span>
        </span>
      </div>
    );
  }
  const range = news2Range(score);
  return (
    <div
      className="score"
      data-form={form}
      data-risk={score.risk}
      title={`NEWS2 ${news2Text(score)}; ${riskText(score)}${score.scale === 2 ? '; SpO₂ scale 2' : ''}`}
    >
      <span className="sr-only">
        NEWS2 {news2Text(score)}, {riskText(score)}
      </span>
      {form === 'card' && (
        <span className="score-name" aria-hidden="true">
          NEWS2
        </span>
      )}
      <span className="score-total" aria-hidden="true">
        {score.total}
      </span>
      {range !== null && (
        <span className="score-range" aria-hidden="true">
          {form === 'card' && <span className="score-partial">partial </span>}
          {range}
        </span>
      )}
    </div>
  );
}

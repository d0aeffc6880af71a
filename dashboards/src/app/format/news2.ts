import type { ShownNews2, ShownValue } from '@pulseseal/protocol';
import { type Slot, slotTitles, valueFor, valueText } from './values.ts';

/** `6`, or for a partial score the whole truth: `6, partial: 5 to 8`. */
export function news2Text(score: ShownNews2): string {
  return score.partial ? `${score.total}, partial: ${score.lower} to ${score.upper}` : String(score.total);
}

/** The same where there is room for one word: `5 to 8`. */
export function news2Range(score: ShownNews2): string | null {
  return score.partial ? `${score.lower} to ${score.upper}` : null;
}

const risks: Record<ShownNews2['risk'], string> = {
  low: 'low risk',
  'low-medium': 'low to medium risk',
  medium: 'medium risk',
  high: 'high risk',
};

export const riskText = (score: ShownNews2): string => risks[score.risk];

const scored: readonly Slot[] = ['RR', 'SpO2', 'O2', 'BP', 'HR', 'ACVPU', 'Temp'];

export interface Contributor {
  readonly slot: Slot;
  readonly text: string;
  readonly points: number;
}

/** What makes the score, most points first; equal points in the order of the chart. */
export function contributors(values: readonly ShownValue[]): readonly Contributor[] {
  return scored
    .flatMap((slot): Contributor[] => {
      const value = valueFor(values, slot);
      if (value === undefined || value.points === null || value.points === 0) return [];
      return [{ slot, text: `${slotTitles[slot]} ${valueText(value)}`, points: value.points }];
    })
    .toSorted((a, b) => b.points - a.points);
}

export const pointsText = (points: number): string => (points === 1 ? '1 point' : `${points} points`);

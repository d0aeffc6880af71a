import type { AlertPriority } from '@pulseseal/protocol';
import type { News2Parameter } from '../news2.ts';
import type { Held } from '../state.ts';
import type { ClinicalView } from '../vitals.ts';

/**
 * Severity-duration rules: a condition must hold for a delay before anybody is called, a shorter one the graver it is.
 *
 * | rule | condition | delay | over when | hold | why |
 * |---|---|---|---|---|---|
 * | hard-spo2-low | SpO2 < 80 | 10 s | >= 83 | 30 s | minutes matter; 10 s outlasts most artifacts |
 * | hard-hr-low | pulse < 30 | 10 s | >= 35 | 30 s | the same |
 * | hard-hr-high | pulse > 180 | 10 s | <= 170 | 30 s | the same |
 * | news2-high | total >= 7 | 30 s | <= 4 | 5 min | emergency assessment by the score's own table; several parameters agree, so it outlasts artifacts sooner than one alone |
 * | news2-medium | total >= 5 | 5 min | <= 3 | 5 min | urgent review within the hour: five minutes cost nothing and spare most bursts |
 * | news2-single-3 | 3 points in one parameter | 60 s | none with 3 | 5 min | the score's urgent ward review |
 *
 * Levels of 2 points and 1 point in one parameter call nobody by themselves: a stable day has many of them
 * (Hospital Practice 2023, DOI 10.1080/21548331.2023.2298185: 137 alerts a patient-day without durations). They count
 * in the total. NEWS2 is charted at rest: a pulse of 131 to 180 alone calls nobody while a step counter shows walking.
 * A graver open alert keeps a lesser one for the same cause from ringing as well. Only an open one does: a graver condition
 * that has not held long enough yet must not stop the clock of a lesser one, or the sicker patient would be called later.
 */
export type PhysiologyRuleName =
  | 'hard-spo2-low'
  | 'hard-hr-low'
  | 'hard-hr-high'
  | 'news2-high'
  | 'news2-medium'
  | 'news2-single-3';

export interface PhysiologyRule {
  readonly name: PhysiologyRuleName;
  readonly priority: Exclude<AlertPriority, 'technical'>;
  readonly delayMs: number;
  /** An open alert of this rule, raised while this condition held already, has told of it: no second call. */
  readonly toldBy: PhysiologyRuleName | null;
  readonly overHoldMs: number;
  /** True only where known values show it. `open` are the rules with an open alert. */
  readonly present: (view: ClinicalView, open: ReadonlySet<string>) => boolean;
  /** Past the hysteresis: true or false by known values, null where they do not tell. */
  readonly over: (view: ClinicalView, contributors: readonly News2Parameter[]) => boolean | null;
  readonly contributors: (view: ClinicalView) => readonly News2Parameter[];
  readonly lead: (view: ClinicalView) => Held | null;
}

function hard(
  name: 'hard-spo2-low' | 'hard-hr-low' | 'hard-hr-high',
  vital: 'spo2' | 'pulse',
  isPresent: (value: number) => boolean,
  isOver: (value: number) => boolean,
): PhysiologyRule {
  return {
    name,
    priority: 'high',
    delayMs: 10_000,
    toldBy: null,
    overHoldMs: 30_000,
    present(view) {
      const held = view.vitals[vital];
      return held !== null && isPresent(held.value);
    },
    over(view) {
      const held = view.vitals[vital];
      return held === null ? null : isOver(held.value);
    },
    contributors: () => [vital],
    lead: (view) => view.vitals[vital],
  };
}

/** Parameters with points, the most first. */
export function scoring(view: ClinicalView): readonly News2Parameter[] {
  const { news2 } = view;
  if (news2 === null) return [];
  const names = Object.keys(news2.points) as News2Parameter[];
  return names
    .filter((name) => (news2.points[name] ?? 0) > 0)
    .sort((a, b) => (news2.points[b] ?? 0) - (news2.points[a] ?? 0));
}

function leadOf(view: ClinicalView): Held | null {
  const first = scoring(view)[0];
  if (first === undefined) return null;
  if (first === 'acvpu') return view.acvpu;
  return first === 'oxygen' ? view.oxygen : view.vitals[first];
}

function scored(
  name: 'news2-high' | 'news2-medium' | 'news2-single-3',
  priority: 'high' | 'medium',
  delayMs: number,
  present: PhysiologyRule['present'],
  isOver: (view: ClinicalView) => boolean,
): PhysiologyRule {
  return {
    name,
    priority,
    delayMs,
    toldBy: name === 'news2-medium' ? 'news2-single-3' : null,
    overHoldMs: 300_000,
    present,
    over(view, contributors) {
      const { news2 } = view;
      if (news2 === null) return null;
      // A total that fell because a parameter is no longer measured is not an improvement.
      if (contributors.some((parameter) => news2.points[parameter] === null)) return null;
      return isOver(view);
    },
    contributors: scoring,
    lead: leadOf,
  };
}

/** A 3 that no hard limit called for already, and that is not the fast pulse of somebody who walks. */
function isNewSingle3(view: ClinicalView, open: ReadonlySet<string>): boolean {
  const points = view.news2?.points;
  if (points === undefined) return false;
  for (const name in points) {
    if (points[name as News2Parameter] !== 3) continue;
    if (name === 'spo2' && open.has('hard-spo2-low')) continue;
    if (name === 'pulse' && (open.has('hard-hr-low') || open.has('hard-hr-high'))) continue;
    if (name === 'pulse' && view.isActive && (view.vitals.pulse?.value ?? 0) > 90) continue;
    return true;
  }
  return false;
}

export const physiologyRules: readonly PhysiologyRule[] = [
  hard(
    'hard-spo2-low',
    'spo2',
    (v) => v < 80,
    (v) => v >= 83,
  ),
  hard(
    'hard-hr-low',
    'pulse',
    (v) => v < 30,
    (v) => v >= 35,
  ),
  hard(
    'hard-hr-high',
    'pulse',
    (v) => v > 180,
    (v) => v <= 170,
  ),
  scored(
    'news2-high',
    'high',
    30_000,
    (view) => view.news2 !== null && view.news2.total >= 7,
    (view) => view.news2!.total <= 4,
  ),
  scored(
    'news2-medium',
    'medium',
    300_000,
    (view, open) => view.news2 !== null && view.news2.total >= 5 && !open.has('news2-high'),
    (view) => view.news2!.total <= 3,
  ),
  scored(
    'news2-single-3',
    'medium',
    60_000,
    (view, open) =>
      view.news2 !== null && !open.has('news2-high') && !open.has('news2-medium') && isNewSingle3(view, open),
    (view) => !view.news2!.single3,
  ),
];

/** Names of a hard limit's own parameter, for words. */
export const hardLimits = {
  'hard-spo2-low': { vital: 'spo2', limit: 80, side: 'under' },
  'hard-hr-low': { vital: 'pulse', limit: 30, side: 'under' },
  'hard-hr-high': { vital: 'pulse', limit: 180, side: 'over' },
} as const;

import type { Metrics } from '@pulseseal/runtime';

/** Distinct frames of every kind, by device, epoch and seq, since the start of this process. */
export interface ProcessorTotals {
  readonly opened: number;
  readonly sealed: number;
  readonly anchored: number;
  readonly duplicate: number;
  readonly refusals: Readonly<Record<string, number>>;
}

export interface Counts {
  refuse(name: string): void;
  frame(): void;
  duplicate(): void;
  graded(grade: 'sealed' | 'anchored', frames: number): void;
  note(what: Note): void;
  readonly totals: ProcessorTotals;
}

/** Things worth counting that are no refusals. */
export type Note =
  | 'asked'
  | 'ask-dropped'
  | 'edge-unreachable'
  | 'below-floor'
  | 'checkpoint-unread'
  | 'epoch-live'
  | 'epoch-history'
  | 'epoch-granted'
  | 'held-dropped'
  | 'internal-error'
  | 'late'
  | 'ledger-unreachable'
  | 'manifest-unconfirmed'
  | 'manifest-stale'
  | 'other-message'
  | 'rack'
  | 'sink-failed'
  | 'topic-unknown'
  | 'unsealed'
  | 'without-card';

export function createCounts(metrics: Metrics): Counts {
  const refusals = metrics.counter('processor_refusals_total', 'Messages refused, by name', 'refusal');
  const frames = metrics.counter('processor_frames_total', 'Distinct frames, by what was reached', 'reached');
  const notes = metrics.counter('processor_notes_total', 'Other facts of the way, by name', 'note');
  const refused: Record<string, number> = {};
  const totals = { opened: 0, sealed: 0, anchored: 0, duplicate: 0, refusals: refused };
  return {
    refuse(name) {
      refused[name] = (refused[name] ?? 0) + 1;
      refusals.add(1, name);
    },
    frame() {
      totals.opened++;
      frames.add(1, 'opened');
    },
    duplicate() {
      totals.duplicate++;
      frames.add(1, 'duplicate');
    },
    graded(grade, count) {
      totals[grade] += count;
      frames.add(count, grade);
    },
    note: (what) => notes.add(1, what),
    get totals() {
      return { ...totals, refusals: { ...refused } };
    },
  };
}

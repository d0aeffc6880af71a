import type { Sample } from './stats.ts';

/** One line of the table: what was asked, what it is aimed at, what came out. */
export interface Line {
  readonly name: string;
  readonly asked: string;
  readonly aim: string;
  readonly measured: string;
  readonly isMet: boolean;
  readonly isAimMet?: boolean;
}

export interface FigureResult {
  readonly lines: readonly Line[];
  readonly samples: Readonly<Record<string, Sample>>;
  readonly warmUps: number;
  readonly rounds: number;
  /** How it was taken, and what it leaves out. */
  readonly notes: readonly string[];
}

export interface BenchContext {
  readonly isQuick: boolean;
  /** 3 warm-ups and 7 rounds; fewer when quick. */
  readonly warmUps: number;
  readonly rounds: number;
  say(text: string): void;
}

export interface Figure {
  readonly name: string;
  readonly title: string;
  /** Why it cannot run here, in words; undefined: it can. */
  cannotRun?(): string | undefined;
  run(context: BenchContext): Promise<FigureResult>;
}

/** Runs the rounds and keeps those after the warm-ups. */
export async function roundsOf<T>(
  context: BenchContext,
  warmUps: number,
  rounds: number,
  round: (index: number) => Promise<T>,
): Promise<T[]> {
  const kept: T[] = [];
  for (let i = 0; i < warmUps + rounds; i++) {
    const value = await round(i);
    context.say(
      `${i < warmUps ? 'warm-up' : 'round'} ${i < warmUps ? i + 1 : i - warmUps + 1}: ${JSON.stringify(value)}`,
    );
    if (i >= warmUps) kept.push(value);
  }
  return kept;
}

import type { Totals } from './totals.ts';

/** JSON lines of `--json`: standard output holds nothing else. */
export interface RuleAlert {
  readonly patient: string;
  readonly rule: string;
  readonly priority: 'high' | 'medium' | 'low' | 'technical';
  readonly state: 'raised' | 'acknowledged' | 'cleared';
  readonly atMs: number;
  readonly reason: string;
}

export interface Lines {
  ready(facts: {
    clinician: string;
    caregiver: string;
    broker: string;
    metrics: readonly string[];
    data: string;
  }): void;
  alert(alert: RuleAlert, record: { readonly record: string; readonly recordTimeMs: number } | undefined): void;
  reading(reading: { id: string; value: number; unit: string; grade: string }): void;
  totals(totals: Totals): void;
}

export function jsonLines(write: (line: string) => void): Lines {
  const line = (value: unknown) => write(`${JSON.stringify(value)}\n`);
  return {
    ready: (facts) => line({ ready: facts }),
    alert: (a, record) =>
      line({
        alert: {
          patient: a.patient,
          rule: a.rule,
          priority: a.priority,
          state: a.state,
          at: new Date(a.atMs).toISOString(),
          ...(record ?? {}),
          reason: a.reason,
        },
      }),
    reading: (reading) => line({ reading }),
    totals: (totals) => line({ totals }),
  };
}

/** What a person at the terminal reads instead. */
export function plainLines(write: (line: string) => void): Lines {
  return {
    ready: () => {},
    alert: (a) =>
      write(
        `${new Date(a.atMs).toISOString()}  ${a.state.padEnd(12)} ${a.priority.padEnd(9)} ${a.patient}  ${a.reason}\n`,
      ),
    reading: () => {},
    totals(t) {
      const alerts = Object.entries(t.alerts).map(([rule, n]) => `${rule} ${n}`);
      const refusals = Object.entries(t.refusals).map(([name, n]) => `${name} ${n}`);
      write(
        `\nFrames: sent ${t.sent}, acknowledged ${t.acknowledged}, stored ${t.stored}, opened ${t.opened}, sealed ${t.sealed}, anchored ${t.anchored}; ` +
          `lost ${t.lost}, duplicate ${t.duplicate}; speed ${t.speed.toFixed(2)}\n` +
          `Alerts: ${alerts.join(', ') || 'none'}\nRefusals: ${refusals.join(', ') || 'none'}\n`,
      );
    },
  };
}

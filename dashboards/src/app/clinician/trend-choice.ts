import type { ShownAlert, ShownPatient, Sparkline } from '@pulseseal/protocol';
import { type Slot, slotTitles } from '../format/values.ts';

const preferred = ['SpO2', 'RR', 'HR', 'PR', 'BP', 'Temp'] as const;

/** A hard limit speaks about one value, also when another scores as much. */
const limitedVital: Readonly<Record<string, string>> = {
  'hard-spo2-low': 'SpO2',
  'hard-hr-low': 'HR',
  'hard-hr-high': 'HR',
};

/** The trend that explains an alert: the value it names, else the one with most NEWS2 points, else the first there is. */
export function sparklineFor(patient: ShownPatient, alert?: ShownAlert): Sparkline | undefined {
  const limited = alert === undefined ? undefined : limitedVital[alert.rule];
  const direct = patient.sparklines.find((line) => line.name === limited);
  if (direct !== undefined) return direct;
  const named = patient.values.find((value) => alert?.readingId != null && value.readingId === alert.readingId);
  const worst = patient.values
    .filter((value) => (value.points ?? 0) > 0)
    .toSorted((a, b) => (b.points ?? 0) - (a.points ?? 0))
    .at(0);
  for (const value of [named, worst]) {
    const found = patient.sparklines.find((line) => value !== undefined && line.code === value.code);
    if (found !== undefined) return found;
  }
  for (const name of preferred) {
    const found = patient.sparklines.find((line) => line.name === name);
    if (found !== undefined) return found;
  }
  return patient.sparklines.at(0);
}

/** The name as the board writes it: SpO₂, not SpO2. */
export const trendTitle = (line: Sparkline): string => slotTitles[line.name as Slot] ?? line.name;

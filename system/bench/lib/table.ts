import type { Line } from './figure.ts';

/** asked / aim / measured / verdict, columns aligned. */
export function tableOf(lines: readonly Line[]): string {
  const rows = [
    ['figure', 'asked', 'aim', 'measured', 'verdict'],
    ...lines.map((line) => [line.name, line.asked, line.aim, line.measured, verdictOf(line)]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function verdictOf(line: Pick<Line, 'isMet' | 'isAimMet'>): string {
  if (!line.isMet) return 'BELOW';
  if (line.isAimMet === undefined) return 'met';
  return line.isAimMet ? 'met, aim reached' : 'met, aim not reached';
}

/** Header names of a CSV line, trimmed, without quotes. */
export function csvCells(line: string): readonly string[] {
  return line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
}

/** Place of each wanted column, or undefined when one is absent. */
export function columns<K extends string>(
  header: readonly string[],
  wanted: readonly K[],
): Readonly<Record<K, number>> | undefined {
  const places = wanted.map((name) => [name, header.indexOf(name)] as const);
  if (places.some(([, place]) => place < 0)) return undefined;
  return Object.fromEntries(places) as Record<K, number>;
}

/** A number in decimal notation, or undefined; empty cells are not 0. */
export function csvNumber(cell: string | undefined): number | undefined {
  const text = cell?.trim();
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

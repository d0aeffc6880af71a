const decimal = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;

/** Longest decimal text that is looked at: no vital sign needs more, and the work stays bounded. */
export const maxDecimalChars = 64;

/**
 * Rounds exact decimal text to `places` decimals, half up (towards plus infinity), without binary floats:
 * ('38.05', 1) gives 381, ('90.5', 0) gives 91, ('-0.5', 0) gives 0. Answers undefined for what is no decimal number.
 */
export function roundHalfUp(text: string, places: number): number | undefined {
  if (text.length > maxDecimalChars) return undefined;
  const match = decimal.exec(text);
  if (match === null) return undefined;
  const negative = match[1] === '-';
  const fraction = match[3] ?? '';
  // Value = digits x 10^-scale; wanted: the nearest whole multiple of 10^-places.
  const digits = match[2]! + fraction;
  const drop = fraction.length - Number(match[4] ?? '0') - places;
  if (drop <= 0) {
    const whole = Number(digits + '0'.repeat(Math.min(-drop, 400)));
    return negative && whole !== 0 ? -whole : whole;
  }
  const padded = digits.padStart(drop + 1, '0');
  const cut = padded.length - drop;
  const kept = Number(padded.slice(0, cut));
  const rest = padded.slice(cut);
  const half = `5${'0'.repeat(rest.length - 1)}`;
  if (!negative) return rest >= half ? kept + 1 : kept;
  // Half up on a negative number moves a tie towards zero.
  const rounded = rest > half ? kept + 1 : kept;
  return rounded === 0 ? 0 : -rounded;
}

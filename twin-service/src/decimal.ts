const decimal = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Longest decimal text that is looked at, so that the work stays bounded: as long as a whole line of observations. */
export const maxDecimalChars = 4096;
/** Numbers with more digits before the point are no measurement, and a binary float could not hold the result. */
const maxWholeDigits = 15;

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
  const digits = (match[2]! + fraction).replace(/^0+/, '');
  if (digits === '') return 0;
  // Value = 0.digits x 10^magnitude.
  const magnitude = digits.length - fraction.length + Number(match[4] ?? '0');
  if (magnitude > maxWholeDigits) return undefined;
  const wholeDigits = magnitude + places;
  // Below a tenth of the last place: nothing to round up from.
  if (wholeDigits < 0) return 0;
  const kept = Number(digits.slice(0, wholeDigits).padEnd(wholeDigits, '0'));
  const rest = digits.slice(wholeDigits);
  const isTie = /^50*$/.test(rest);
  // Half up on a negative number moves a tie towards zero.
  const rounded = rest >= '5' && !(negative && isTie) ? kept + 1 : kept;
  return negative && rounded !== 0 ? -rounded : rounded;
}

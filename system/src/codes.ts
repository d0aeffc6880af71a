import { codeTable } from '@pulseseal/firmware-profiles';

export { codeEntry } from '@pulseseal/firmware-profiles';

/** UCUM text of an MDC unit code, or the bare code where the table has none. */
export function unitText(mdcUnit: number): string {
  return codeTable.find((entry) => entry.mdcUnit === mdcUnit)?.ucum ?? `MDC unit ${mdcUnit}`;
}

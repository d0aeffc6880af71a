import { codeEntry, units } from '@pulseseal/firmware-profiles';
import type { DisclosedReading } from '@pulseseal/protocol';
import { unitText } from '../format/values.ts';

/** Name, value and unit of the reading that a proof discloses, from its MDC codes. Unknown codes stay numbers. */
export function disclosedText(reading: DisclosedReading): { name: string; value: string; unit: string } {
  const entry = codeEntry(reading.code);
  const unit = Object.values(units).find((candidate) => candidate.mdc === reading.unit);
  return {
    name: entry?.name ?? `code ${reading.code}`,
    value: reading.waveform ? `${reading.text} samples` : reading.text,
    unit: unit === undefined ? `unit ${reading.unit}` : unitText(unit.ucum),
  };
}

import type { Unit } from './profile.ts';

/**
 * Units as IEEE 11073-10101 dimension (partition 4 x 65,536 + term) and UCUM. The terms were compared with public
 * implementations of the nomenclature (Antidote, OpenICE, HL7 vital-sign mappings); the standard itself was not at hand.
 */
export const units = {
  one: { mdc: 262656, ucum: '1' },
  percent: { mdc: 262688, ucum: '%' },
  perMinute: { mdc: 264864, ucum: '/min' },
  breathsPerMinute: { mdc: 264928, ucum: '/min' },
  millisecond: { mdc: 264338, ucum: 'ms' },
  mmHg: { mdc: 266016, ucum: 'mm[Hg]' },
  microvolt: { mdc: 266419, ucum: 'uV' },
  celsius: { mdc: 268192, ucum: 'Cel' },
  metrePerSecondSquared: { mdc: 268768, ucum: 'm/s2' },
  steps: { mdc: 268800, ucum: '{steps}' },
  score: { mdc: 262656, ucum: '{score}' },
  normalized: { mdc: 262656, ucum: '{nu}' },
} as const satisfies Record<string, Unit>;

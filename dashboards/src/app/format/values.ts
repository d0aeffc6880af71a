import type { ScreeningReason, ShownDevice, ShownValue } from '@pulseseal/protocol';

/** The places a nurse looks for, in that order. */
export type Slot = 'SpO2' | 'RR' | 'HR' | 'BP' | 'Temp' | 'O2' | 'ACVPU';

export const vitalSlots: readonly Slot[] = ['SpO2', 'RR', 'HR', 'BP', 'Temp'];
export const stateSlots: readonly Slot[] = ['O2', 'ACVPU'];

export const slotTitles: Record<Slot, string> = {
  SpO2: 'SpO₂',
  RR: 'RR',
  HR: 'HR',
  BP: 'BP',
  Temp: 'Temp',
  O2: 'O₂',
  ACVPU: 'ACVPU',
};

/** The unit that stands in the head of a column; a value in another one shows its own. */
export const slotUnits: Record<Slot, string> = {
  SpO2: '%',
  RR: '/min',
  HR: '/min',
  BP: 'mmHg',
  Temp: '°C',
  O2: '',
  ACVPU: '',
};

/** What the abbreviation means, read out by a screen reader. */
export const slotWords: Record<Slot, string> = {
  SpO2: 'Oxygen saturation',
  RR: 'Respiration rate',
  HR: 'Heart rate',
  BP: 'Blood pressure',
  Temp: 'Temperature',
  O2: 'Supplemental oxygen',
  ACVPU: 'Consciousness',
};

const aliases: Record<Slot, readonly string[]> = {
  SpO2: ['SpO2'],
  RR: ['RR'],
  HR: ['HR', 'PR', 'Pulse'],
  BP: ['BP', 'SBP', 'SYS'],
  Temp: ['Temp', 'T'],
  O2: ['O2', 'Oxygen'],
  ACVPU: ['ACVPU', 'AVPU'],
};

/** The name beside a value in a table. */
export function valueTitle(value: ShownValue): string {
  if (diastolicCodes.has(value.code)) return 'BP diastolic';
  if (aliases.BP.includes(value.name)) return 'BP systolic';
  return Object.hasOwn(slotTitles, value.name) ? slotTitles[value.name as Slot] : value.name;
}

/** The value for one place: the newest of those that belong there. Systolic stands for a pressure. */
export function valueFor(values: readonly ShownValue[], slot: Slot): ShownValue | undefined {
  for (const name of aliases[slot]) {
    const found = values.filter((value) => value.name === name && !diastolicCodes.has(value.code));
    if (found.length > 0) return found.reduce((newest, value) => (value.atMs > newest.atMs ? value : newest));
  }
  return undefined;
}

const diastolicCodes: ReadonlySet<number> = new Set([150022, 150038]);

/** The diastolic half of a pressure taken at the same moment. */
export function diastolicOf(values: readonly ShownValue[], systolic: ShownValue): ShownValue | undefined {
  return values.find((value) => diastolicCodes.has(value.code) && Math.abs(value.atMs - systolic.atMs) < 60_000);
}

const units: Record<string, string> = {
  'mm[Hg]': 'mmHg',
  Cel: '°C',
  '{beats}/min': '/min',
  '{breaths}/min': '/min',
  '1': '',
  '{score}': '',
};

/** A UCUM unit as a ward writes it. Unknown ones stay as they are. */
export function unitText(ucum: string): string {
  return units[ucum] ?? ucum;
}

const acvpu = ['A', 'C', 'V', 'P', 'U'] as const;
const acvpuWords: Record<(typeof acvpu)[number], string> = {
  A: 'alert',
  C: 'new confusion',
  V: 'responds to voice',
  P: 'responds to pain',
  U: 'unresponsive',
};

/** MDC codes of states that a number stands for (IEEE 11073-10101 and the project's private partition). */
const stateCodes = {
  fio2: 152196,
  glasgow: 153728,
  consciousness: 67108868,
  oxygenInUse: 67108869,
  ventilated: 67108870,
};

/** The number as shown. Codes are turned into the words they stand for; everything else is the exact decimal text. */
export function valueText(value: ShownValue, diastolic?: ShownValue): string {
  const isOn = value.value !== 0;
  switch (value.code) {
    case stateCodes.oxygenInUse:
      return isOn ? 'on oxygen' : 'room air';
    case stateCodes.ventilated:
      return isOn ? 'ventilated' : 'not ventilated';
    case stateCodes.fio2:
      return `FiO₂ ${value.text}`;
    case stateCodes.glasgow:
      return `GCS ${value.text}`;
    case stateCodes.consciousness: {
      const letter = acvpu[value.value];
      return letter === undefined ? value.text : `${letter}, ${acvpuWords[letter]}`;
    }
  }
  return diastolic === undefined ? value.text : `${value.text}/${diastolic.text}`;
}

const stateValues: ReadonlySet<number> = new Set(Object.values(stateCodes));

/** Codes have no unit to show: "room air" is the whole statement. */
export function hasUnit(value: ShownValue): boolean {
  return !stateValues.has(value.code) && unitText(value.unit) !== '';
}

/** Keeps a number and its unit on one line. */
export function keepTogether(text: string): string {
  return text.replaceAll(/(\d) (?=(?:%|\/min|mmHg|°C|s|min|h|d)(?![\p{L}\d]))/gu, '$1\u00a0');
}

const doubts: Record<ScreeningReason, string> = {
  'out-of-range': 'outside the possible range',
  implausible: 'not plausible',
  'rate-of-change': 'changed too fast',
  'no-contact': 'poor contact',
  'sensor-fault': 'sensor fault',
  'off-body': 'sensor off the body',
  'unit-mismatch': 'unexpected unit',
  'code-unknown': 'unknown code',
  'diastolic-not-below-systolic': 'diastolic not below systolic',
  'low-quality': 'poor signal',
};

export const doubtText = (reason: ScreeningReason): string => doubts[reason] ?? reason;

/** Battery as whole percent, or the fact that it is not known. */
export function batteryText(battery: number | null): string {
  if (battery === null) return 'battery not reported';
  return `battery ${Math.round(battery)} %`;
}

const deviceKinds: Record<string, string> = {
  'chest-strap': 'Chest strap',
  'wrist-band': 'Wrist band',
  'bedside-hub': 'Bedside hub',
  'ecg-patch': 'ECG patch',
  'ecg-sensor': 'ECG sensor',
};

export const deviceTitle = (kind: string): string =>
  deviceKinds[kind] ?? kind.replaceAll('-', ' ').replace(/^./, (first) => first.toUpperCase());

const deviceStates: Record<ShownDevice['state'], string> = {
  worn: 'worn',
  'off-body': 'off the body',
  charging: 'charging',
  shutdown: 'switched off',
  unknown: 'state unknown',
};
const linkStates: Record<ShownDevice['link'], string> = {
  session: 'connected',
  'no-session': 'not connected',
  'not-forwarded': 'connected, data not forwarded',
  unknown: 'link unknown',
};

export const deviceStateText = (device: ShownDevice): string => deviceStates[device.state] ?? device.state;
export const linkText = (device: ShownDevice): string => linkStates[device.link] ?? device.link;

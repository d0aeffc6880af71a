import type { SilenceCause } from '@pulseseal/protocol';
import type { News2Parameter } from './news2.ts';
import type { PhysiologyRule, PhysiologyRuleName } from './rules/table.ts';
import { hardLimits, scoring } from './rules/table.ts';
import type { ClinicalView } from './vitals.ts';
import { heldOf, parameterOf } from './vitals.ts';

const parameterWords: Readonly<Record<News2Parameter, string>> = {
  rr: 'breathing',
  spo2: 'oxygen',
  oxygen: 'on oxygen',
  sbp: 'systolic pressure',
  pulse: 'pulse',
  acvpu: 'not alert',
  temp: 'temperature',
};

/** What a code measures, for a list of what is not usable. */
export function signalWords(code: number): string {
  const parameter = parameterOf(code);
  return parameter === undefined ? `signal ${code}` : parameterWords[parameter];
}

/** Field's short names of the parameters, for lists of what is missing. */
export const parameterNames: Readonly<Record<News2Parameter, string>> = {
  rr: 'RR',
  spo2: 'SpO2',
  oxygen: 'O2',
  sbp: 'BP',
  pulse: 'HR',
  acvpu: 'ACVPU',
  temp: 'Temp',
};

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** "40 s", "5 min", "2 h". */
export function durationWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

const unitMs = { s: 1000, min: 60_000, h: 3_600_000 } as const;

/** The same words later, of what has gone on for `lastsMs` at least: a time that they say ("for 15 s") grows. */
export function laterWords(words: string, lastsMs: number): string {
  return words.replace(/\bfor (\d+) (s|min|h)\b/, (said, count: string, unit: keyof typeof unitMs) =>
    Number(count) * unitMs[unit] >= lastsMs ? said : `for ${durationWords(lastsMs)}`,
  );
}

function contributor(view: ClinicalView, parameter: News2Parameter): string {
  const points = view.news2?.points[parameter] ?? 0;
  const held = heldOf(view, parameter);
  if (parameter === 'oxygen' || parameter === 'acvpu' || held === null)
    return `${parameterWords[parameter]} (${points})`;
  return `${parameterWords[parameter]} ${held.text} (${points})`;
}

/** "Breathing 26 (3), pulse 118 (2)": what makes the score, most first. */
export function contributorWords(view: ClinicalView): string {
  return capital(
    scoring(view)
      .map((parameter) => contributor(view, parameter))
      .join(', '),
  );
}

/** The reason of a physiological alert for a clinician: words first, then numbers. */
export function reasonWords(rule: PhysiologyRule, view: ClinicalView, heldForMs: number): string {
  const limit = rule.name in hardLimits ? hardLimits[rule.name as keyof typeof hardLimits] : undefined;
  if (limit !== undefined) {
    const held = view.vitals[limit.vital];
    const unit = limit.vital === 'spo2' ? ' %' : '/min';
    const value = held === null ? '' : ` ${held.text}${unit}`;
    return `${capital(parameterWords[limit.vital])}${value}, ${limit.side} ${limit.limit} for ${durationWords(heldForMs)} (limit ${limit.limit})`;
  }
  const words = contributorWords(view);
  const total = view.news2?.total ?? 0;
  if (rule.name === 'news2-single-3') {
    const threes = scoring(view).filter((parameter) => view.news2?.points[parameter] === 3);
    return `${capital(threes.map((parameter) => contributor(view, parameter)).join(', '))}; NEWS2 ${total}`;
  }
  return `${words}; NEWS2 ${total}`;
}

const plain: Readonly<Record<PhysiologyRuleName, string>> = {
  'hard-spo2-low': 'Oxygen in the blood is very low. The ward has been told.',
  'hard-hr-low': 'The heart is beating very slowly. The ward has been told.',
  'hard-hr-high': 'The heart is beating very fast. The ward has been told.',
  'news2-high': 'Several signs together show that help may be needed now. The ward has been told.',
  'news2-medium': 'Some signs have changed. The ward has been told and will look soon.',
  'news2-single-3': 'One sign has changed much. The ward has been told and will look soon.',
};

/** The same for a caregiver: no numbers, no score. */
export function plainWords(rule: PhysiologyRuleName): string {
  return plain[rule];
}

/** "chest strap" for the profile `chest-strap`. */
export function deviceWords(kind: string): string {
  return kind === 'unknown' ? 'device' : kind.replaceAll('-', ' ').replace(/^ecg\b/, 'ECG');
}

export type TechnicalCause = SilenceCause | 'refused' | 'no-signal' | 'no-room';

export interface CauseDetail {
  readonly kind: string;
  readonly forMs: number;
  /** Names of streams, or of a refusal. */
  readonly names: readonly string[];
  readonly noSession: boolean;
}

/** Reasons of technical alerts, for the clinician and for the caregiver. */
export function technicalWords(cause: TechnicalCause, detail: CauseDetail): { reason: string; plain: string } {
  const device = deviceWords(detail.kind);
  const time = durationWords(detail.forMs);
  const names = detail.names.join(', ');
  switch (cause) {
    case 'off-body':
      return names === ''
        ? { reason: `${capital(device)} is off the body`, plain: `The ${device} is not being worn.` }
        : { reason: `${capital(device)} has no skin contact: ${names}`, plain: `The ${device} is not sitting well.` };
    case 'sensor-fault':
      return { reason: `${capital(device)} reports a sensor fault: ${names}`, plain: `The ${device} has a fault.` };
    case 'no-signal':
      return {
        reason: `${capital(device)} gives no usable ${names} for ${time}: its signal is poor`,
        plain: `The ${device} does not measure well at the moment.`,
      };
    case 'device-gone':
      return {
        reason: `Nothing heard from the ${device} for ${time}${detail.noSession ? ': it is not connected' : ''}`,
        plain: `The ${device} cannot be heard at the moment.`,
      };
    case 'stream-missing':
      return {
        reason: `${capital(device)} is heard, but not its ${names} for ${time}`,
        plain: `Part of what the ${device} measures is missing.`,
      };
    case 'gateway-unreachable':
      return {
        reason: `The gateway cannot be reached for ${time}: monitoring is interrupted`,
        plain: 'The connection to the home is interrupted. This says nothing about how the person is.',
      };
    case 'processor-behind':
      return {
        reason: `Readings come ${time} late: the service that opens them is behind`,
        plain: 'Measurements come late at the moment.',
      };
    case 'consent-ended':
      return {
        reason: `Data of the ${device} no longer come: the patient's consent ended or was withdrawn`,
        plain: `The ${device} is no longer shared.`,
      };
    case 'unsealed':
      return {
        reason: `${capital(device)}: readings wait for their signature for ${time}; they are provisional`,
        plain: `Measurements of the ${device} are not confirmed yet.`,
      };
    case 'delayed':
      return {
        reason: `${capital(device)}: readings come ${time} later than usual`,
        plain: `Measurements of the ${device} come late.`,
      };
    case 'charging':
      return { reason: `${capital(device)} is charging, as it announced`, plain: `The ${device} is charging.` };
    case 'planned-pause':
      return {
        reason: `${capital(device)} said that it is switched off; its signature for that has not come`,
        plain: `The ${device} seems to be switched off.`,
      };
    case 'no-room':
      return {
        reason:
          'More devices or values than are kept for one patient: the newest are not watched. Switch off what is not used',
        plain: 'There are more devices than can be watched.',
      };
    case 'refused':
      return {
        reason: `Data of the ${device} failed a check (${names}) and are not used`,
        plain: `Some measurements of the ${device} could not be checked and are not used.`,
      };
  }
}

/** Devices that were switched off as they announced: for the clinician and for the caregiver; empty without any. */
export function restWords(kinds: readonly string[], isAll: boolean): { reason: string; plain: string } {
  if (kinds.length === 0) return { reason: '', plain: '' };
  const names = [...new Set(kinds.map(deviceWords))];
  const list = names.join(', ');
  const are = names.length === 1 ? 'is' : 'are';
  return isAll
    ? {
        reason: `Switched off as announced: ${list}. Nothing is measured`,
        plain: `Nothing is being measured: the ${names.join(' and the ')} ${are} switched off.`,
      }
    : { reason: `${list} switched off as announced`, plain: `The ${names.join(' and the ')} ${are} switched off.` };
}

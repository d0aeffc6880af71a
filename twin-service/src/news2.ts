import { roundHalfUp } from './decimal.ts';

/**
 * National Early Warning Score 2 (Royal College of Physicians, 2017, chart 1 and chart 2).
 * Not for patients under 16 or in pregnancy. Scale 2 only where a competent clinician prescribed an 88-92 % target.
 */
export type Acvpu = 'A' | 'C' | 'V' | 'P' | 'U';
export type News2Scale = 1 | 2;
export type News2Parameter = 'rr' | 'spo2' | 'oxygen' | 'sbp' | 'pulse' | 'acvpu' | 'temp';
export type News2Risk = 'low' | 'low-medium' | 'medium' | 'high';
export type News2Points = 0 | 1 | 2 | 3;

export const news2Parameters: readonly News2Parameter[] = ['rr', 'spo2', 'oxygen', 'sbp', 'pulse', 'acvpu', 'temp'];

/** One set of observations. Numbers are exact decimal text; null = not measured. */
export interface News2Observation {
  readonly rr: string | null;
  readonly spo2: string | null;
  readonly scale: News2Scale;
  readonly oxygen: boolean | null;
  readonly sbp: string | null;
  readonly pulse: string | null;
  readonly acvpu: Acvpu | null;
  /** Degrees Celsius. */
  readonly temp: string | null;
}

export interface News2 {
  /** Points of the known parameters. */
  readonly total: number;
  /** Least and greatest total over all values of what is not known. */
  readonly lower: number;
  readonly upper: number;
  readonly partial: boolean;
  readonly missing: readonly News2Parameter[];
  readonly risk: News2Risk;
  /** One known parameter alone has 3 points. */
  readonly single3: boolean;
  readonly scale: News2Scale;
  readonly points: Readonly<Record<News2Parameter, News2Points | null>>;
}

// Pure banding. Arguments are integers as a nurse would chart them; temperature in tenths of a degree.

export function respirationPoints(perMinute: number): News2Points {
  if (perMinute <= 8) return 3;
  if (perMinute <= 11) return 1;
  if (perMinute <= 20) return 0;
  return perMinute <= 24 ? 2 : 3;
}

export function saturationPointsScale1(percent: number): News2Points {
  if (percent <= 91) return 3;
  if (percent <= 93) return 2;
  return percent <= 95 ? 1 : 0;
}

export function saturationPointsScale2(percent: number, onOxygen: boolean): News2Points {
  if (percent <= 83) return 3;
  if (percent <= 85) return 2;
  if (percent <= 87) return 1;
  if (percent <= 92 || !onOxygen) return 0;
  if (percent <= 94) return 1;
  return percent <= 96 ? 2 : 3;
}

export function oxygenPoints(onOxygen: boolean): News2Points {
  return onOxygen ? 2 : 0;
}

export function systolicPoints(mmHg: number): News2Points {
  if (mmHg <= 90) return 3;
  if (mmHg <= 100) return 2;
  if (mmHg <= 110) return 1;
  return mmHg <= 219 ? 0 : 3;
}

export function pulsePoints(perMinute: number): News2Points {
  if (perMinute <= 40) return 3;
  if (perMinute <= 50) return 1;
  if (perMinute <= 90) return 0;
  if (perMinute <= 110) return 1;
  return perMinute <= 130 ? 2 : 3;
}

export function consciousnessPoints(letter: Acvpu): News2Points {
  return letter === 'A' ? 0 : 3;
}

export function temperaturePoints(tenths: number): News2Points {
  if (tenths <= 350) return 3;
  if (tenths <= 360) return 1;
  if (tenths <= 380) return 0;
  return tenths <= 390 ? 1 : 2;
}

/** Clinical risk from the total and the single-parameter trigger. */
export function news2Risk(total: number, single3: boolean): News2Risk {
  if (total >= 7) return 'high';
  if (total >= 5) return 'medium';
  return single3 ? 'low-medium' : 'low';
}

const anyPoints: readonly News2Points[] = [0, 1, 2, 3];

function banded(text: string | null, places: number, band: (n: number) => News2Points): News2Points | null {
  if (text === null) return null;
  const rounded = roundHalfUp(text, places);
  return rounded === undefined ? null : band(rounded);
}

/** Points of SpO2, or null where it is not known; on scale 2 a value of 93 or more says nothing without oxygen status. */
function saturation(percent: number | undefined, scale: News2Scale, oxygen: boolean | null): News2Points | null {
  if (percent === undefined) return null;
  if (scale === 1) return saturationPointsScale1(percent);
  if (oxygen !== null) return saturationPointsScale2(percent, oxygen);
  return percent <= 92 ? saturationPointsScale2(percent, false) : null;
}

/** Least and greatest points of SpO2 and oxygen together: on scale 2 the bands of one depend on the other. */
function respiratoryBounds(percent: number | undefined, scale: News2Scale, oxygen: boolean | null) {
  let lower = Number.POSITIVE_INFINITY;
  let upper = 0;
  for (const on of oxygen === null ? [false, true] : [oxygen]) {
    const known = saturation(percent, scale, on);
    for (const points of known === null ? anyPoints : [known]) {
      const sum = points + oxygenPoints(on);
      lower = Math.min(lower, sum);
      upper = Math.max(upper, sum);
    }
  }
  return { lower, upper };
}

/**
 * Scores one set of observations. Each number is rounded half up the way it would be charted (temperature to 0.1,
 * others to whole numbers) before banding. Text that is no decimal number counts as not measured.
 */
export function scoreNews2(seen: News2Observation): News2 {
  const percent = seen.spo2 === null ? undefined : roundHalfUp(seen.spo2, 0);
  const points = {
    rr: banded(seen.rr, 0, respirationPoints),
    spo2: saturation(percent, seen.scale, seen.oxygen),
    oxygen: seen.oxygen === null ? null : oxygenPoints(seen.oxygen),
    sbp: banded(seen.sbp, 0, systolicPoints),
    pulse: banded(seen.pulse, 0, pulsePoints),
    acvpu: seen.acvpu === null ? null : consciousnessPoints(seen.acvpu),
    temp: banded(seen.temp, 1, temperaturePoints),
  };
  let total = 0;
  let single3 = false;
  const missing: News2Parameter[] = [];
  for (const name of news2Parameters) {
    const scored = points[name];
    if (scored === null) missing.push(name);
    else {
      total += scored;
      if (scored === 3) single3 = true;
    }
  }
  const both = respiratoryBounds(percent, seen.scale, seen.oxygen);
  let { lower, upper } = both;
  for (const name of ['rr', 'sbp', 'pulse', 'acvpu', 'temp'] as const) {
    const scored = points[name];
    lower += scored ?? 0;
    upper += scored ?? 3;
  }
  const risk = news2Risk(total, single3);
  return { total, lower, upper, partial: missing.length > 0, missing, risk, single3, scale: seen.scale, points };
}

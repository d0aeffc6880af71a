import type { Beat } from './heart.ts';

/** Angle, size and width of one wave (McSharry, Clifford, Tarassenko, Smith 2003, table I). */
interface Wave {
  readonly angle: number;
  readonly a: number;
  readonly b: number;
}

const waveP: Wave = { angle: -Math.PI / 3, a: 1.2, b: 0.25 };
const others: readonly Wave[] = [
  { angle: -Math.PI / 12, a: -5, b: 0.1 },
  { angle: 0, a: 30, b: 0.1 },
  { angle: Math.PI / 12, a: -7.5, b: 0.1 },
  { angle: Math.PI / 2, a: 0.75, b: 0.4 },
];

/** Points of one cycle in the table; at RR 1 s one point is 1 ms. */
const points = 1024;
/** Templates are shared by beats within 20 ms of RR: the shape changes less than a step of the converter. */
const rrStepMs = 20;

/**
 * One cycle of the dynamical ECG model (DOI 10.1109/TBME.2003.808805): dz/dt = -sum a_i d_i exp(-d_i^2 / 2 b_i^2) - z,
 * integrated at the angular speed of the beat until periodic. Widths and angles of the waves follow the rate as in the
 * authors' own correction (square root of the mean rate). Index 0 is the R peak, whose height is 1.
 */
export function ecgCycle(rrMs: number, withP: boolean): Float32Array {
  const waves = withP ? [waveP, ...others] : others;
  const narrow = Math.sqrt(1000 / rrMs);
  const wide = Math.sqrt(narrow);
  const scaled = waves.map((wave) => ({
    angle: Math.abs(wave.angle) > 1 ? wave.angle * wide : wave.angle * narrow,
    a: wave.a,
    b: wave.b * narrow,
  }));
  const dtS = rrMs / 1000 / points;
  const z = new Float32Array(points);
  let level = 0;
  // The pull to the base line has a time constant of 1 s, so some cycles of any rate settle it.
  const cycles = 6 + Math.ceil(4000 / rrMs);
  for (let n = 0; n < cycles * points; n++) {
    const i = n % points;
    const angle = wrap((2 * Math.PI * i) / points);
    let slope = -level;
    for (const wave of scaled) {
      const d = wrap(angle - wave.angle);
      slope -= wave.a * d * Math.exp((-d * d) / (2 * wave.b * wave.b));
    }
    level += slope * dtS;
    z[i] = level;
  }
  return normalise(z);
}

const wrap = (angle: number): number => angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));

/** Base line (median of the late diastole) to 0, R peak to 1 and to index 0. */
function normalise(z: Float32Array): Float32Array {
  let peak = 0;
  for (let i = 0; i < points; i++) if (z[i]! > z[peak]!) peak = i;
  const base = z[Math.round(peak + 0.62 * points) % points]!;
  const height = z[peak]! - base;
  return Float32Array.from({ length: points }, (_, i) => (z[(i + peak) % points]! - base) / height);
}

/** Looks up the model by beat; templates are made once per RR class. */
export function createEcgModel(): (beat: Beat, tMs: number) => number {
  const templates = new Map<number, Float32Array>();
  return (beat, tMs) => {
    const rrClass = Math.round(beat.rrMs / rrStepMs);
    const key = beat.fibrillating ? -rrClass : rrClass;
    let cycle = templates.get(key);
    if (cycle === undefined) {
      cycle = ecgCycle(rrClass * rrStepMs, !beat.fibrillating);
      templates.set(key, cycle);
    }
    const place = ((tMs - beat.atMs) / beat.rrMs) * points;
    const i = Math.floor(place);
    const share = place - i;
    return cycle[i % points]! * (1 - share) + cycle[(i + 1) % points]! * share;
  };
}

import type {
  BoardSnapshot,
  Grade,
  Role,
  ShownAlert,
  ShownNews2,
  ShownPatient,
  ShownValue,
  Sparkline,
} from '@pulseseal/protocol';

const minute = 60_000;
const hour = 60 * minute;

interface Sketch {
  readonly bed: string;
  readonly name: string;
  readonly spo2: number;
  readonly rr: number;
  readonly hr: number;
  readonly bp: readonly [number, number];
  readonly temp: number;
  readonly points?: Partial<Record<string, number>>;
  readonly total: number;
  readonly partial?: readonly [number, number];
  readonly headline?: string;
}

const names = [
  'Adler, M.', 'Bianchi, R.', 'Castillo, E.', 'Dvořák, J.', 'Eriksson, L.', 'Fontaine, C.', 'Grabowska, A.', 'Haddad, S.',
  'Ivanova, T.', 'Jensen, P.', 'Kovács, B.', 'Lindqvist, O.', 'Moreau, V.', 'Nakamura, H.', "O'Brien, D.", 'Petrov, G.',
  'Quintero, F.', 'Rossi, N.', 'Schneider, W.', 'Tamm, K.', 'Ulrich, I.', 'Vasquez, Y.', 'Weber, Z.', 'Yılmaz, A.',
] as const; // biome-ignore format: a list

/** A ward of `count` patients at `nowMs`: one desaturates, one becomes septic, one strap is off, the others are calm. */
export function wardFixture(nowMs: number, count = 24): BoardSnapshot {
  const patients = Array.from({ length: count }, (_, index) => patientFixture(index, nowMs));
  return { role: 'clinician', person: 'Ana Silva', nowMs, speed: 1, patients };
}

/** What the same server would send a caregiver, and on purpose more: values and scores that must not be shown. */
export function familyFixture(nowMs: number): BoardSnapshot {
  const own = [patientFixture(2, nowMs), patientFixture(4, nowMs), patientFixture(6, nowMs)];
  return { role: 'caregiver', person: 'Eva', nowMs, speed: 1, patients: own };
}

export const fixtureFor = (role: Role, nowMs: number): BoardSnapshot =>
  role === 'clinician' ? wardFixture(nowMs) : familyFixture(nowMs);

function patientFixture(index: number, nowMs: number): ShownPatient {
  const sketch = sketches[index] ?? calmSketch(index);
  const patient = `p${index + 1}`;
  const values = valuesOf(index, sketch, nowMs);
  return {
    patient,
    name: sketch.name,
    bed: sketch.bed,
    urgency: 0,
    headline: sketch.headline ?? 'Stable',
    plainHeadline: 'Nothing unusual has been noticed.',
    values,
    news2: scoreOf(sketch),
    sparklines: sparklinesOf(index, sketch, nowMs),
    devices: [
      {
        device: `Q2x${index}vYd0bJk3n1mPz7aWcQ`.slice(0, 22),
        kind: 'chest-strap',
        battery: 81 - index,
        state: index === 4 ? 'off-body' : 'worn',
        lastHeardMs: nowMs - 1_000 - index * 90,
        link: 'session',
      },
      {
        device: `Hb7${index}qTe5rLm9s2xKv4uNfB`.slice(0, 22),
        kind: 'bedside-hub',
        battery: null,
        state: 'unknown',
        lastHeardMs: nowMs - 3_000,
        link: 'session',
      },
    ],
    alerts: alertsOf(index, patient, nowMs, values),
    restingSinceMs: null,
  };
}

const sketches: Partial<Record<number, Sketch>> = {
  2: {
    bed: '03', name: 'Castillo, E.', spo2: 82, rr: 26, hr: 118, bp: [124, 71], temp: 37.1, total: 8,
    points: { SpO2: 3, RR: 3, HR: 2 }, headline: 'Oxygen 82 %, falling for 4 min',
  },
  9: {
    bed: '10', name: 'Jensen, P.', spo2: 93, rr: 25, hr: 112, bp: [97, 58], temp: 38.9, total: 9, partial: [9, 12],
    points: { SpO2: 2, RR: 3, HR: 2, Temp: 2 }, headline: 'Sepsis possible: NEWS2 9 and rising for 6 h',
  },
  4: {
    bed: '05', name: 'Eriksson, L.', spo2: 96, rr: 15, hr: 74, bp: [131, 80], temp: 36.6, total: 0, partial: [0, 9],
    headline: 'Strap off the body for 2 min',
  },
  13: {
    bed: '14', name: 'Nakamura, H.', spo2: 94, rr: 22, hr: 96, bp: [108, 62], temp: 38.2, total: 5, partial: [5, 8],
    points: { SpO2: 1, RR: 2, HR: 1, BP: 1, Temp: 1 }, headline: 'Breathing 22, above own normal for 2 h',
  },
}; // biome-ignore format: a table

function calmSketch(index: number): Sketch {
  return {
    bed: String(index + 1).padStart(2, '0'),
    name: names[index % names.length] ?? 'Nobody',
    spo2: 95 + (index % 4),
    rr: 13 + (index % 6),
    hr: 62 + ((index * 7) % 26),
    bp: [118 + ((index * 5) % 25), 68 + ((index * 3) % 16)],
    temp: 36.3 + (index % 8) / 10,
    total: index % 3,
    ...(index % 7 === 6 ? { partial: [index % 3, (index % 3) + 3] as const } : {}),
  };
}

function valuesOf(index: number, sketch: Sketch, nowMs: number): ShownValue[] {
  const grades: readonly Grade[] = ['provisional', 'sealed', 'anchored'];
  const streamed = (code: number, name: string, text: string, unit: string, ageMs: number, spacingMs: number) => ({
    ...base(code, name, text, unit, nowMs - ageMs),
    grade: grades[Math.min(2, Math.floor(ageMs / 20_000))] ?? 'anchored',
    charted: false,
    staleAtMs: nowMs - ageMs + 2 * spacingMs,
    expiresAtMs: nowMs - ageMs + 5 * spacingMs,
  });
  const charted = (code: number, name: string, text: string, unit: string, ageMs: number) => ({
    ...base(code, name, text, unit, nowMs - ageMs),
    grade: 'anchored' as const,
    charted: true,
    staleAtMs: nowMs - ageMs + 4 * hour,
    expiresAtMs: nowMs - ageMs + 6 * hour,
  });
  const base = (code: number, name: string, text: string, unit: string, atMs: number) => ({
    code,
    name,
    value: Number.parseFloat(text),
    text,
    unit,
    atMs,
    readingId: `Q2xVvYd0bJk3n1mPz7aWcQ.${(index * 65_537).toString(16).padStart(16, '0')}.${code % 997}.0`,
    doubt: null,
    points: sketch.points?.[name] ?? (name === 'Glucose' ? null : 0),
  });
  const off = index === 4 ? 130_000 : 0;
  const pressureAgeMs = index === 13 ? 5.1 * hour : index === 9 ? 6.4 * hour : (20 + index * 9) * minute;
  return [
    streamed(150456, 'SpO2', String(sketch.spo2), '%', 2_000 + off, 30_000),
    streamed(151562, 'RR', String(sketch.rr), '/min', 4_000 + (index % 5) * 6_000 + off, 45_000),
    streamed(147842, 'HR', String(sketch.hr), '/min', 1_000 + off, 20_000),
    charted(150021, 'BP', String(sketch.bp[0]), 'mm[Hg]', pressureAgeMs),
    charted(150022, 'BP dia', String(sketch.bp[1]), 'mm[Hg]', pressureAgeMs),
    charted(150364, 'Temp', sketch.temp.toFixed(1), 'Cel', (45 + index * 4) * minute),
    charted(67108869, 'O2', index === 2 ? '1' : '0', '1', 95 * minute),
    charted(67108868, 'ACVPU', '0', '1', 95 * minute),
  ];
}

function scoreOf(sketch: Sketch): ShownNews2 {
  const [lower, upper] = sketch.partial ?? [sketch.total, sketch.total];
  return {
    total: sketch.total,
    lower,
    upper,
    partial: lower !== upper,
    missing: lower === upper ? [] : ['BP'],
    risk: sketch.total >= 7 ? 'high' : sketch.total >= 5 ? 'medium' : 'low',
    single3: sketch.total >= 7,
    scale: 1,
  };
}

function sparklinesOf(index: number, sketch: Sketch, nowMs: number): Sparkline[] {
  const trend = (code: number, name: string, unit: string, end: number, drift: number, noise: number): Sparkline => ({
    code,
    name,
    unit,
    stepMs: minute,
    endMs: nowMs,
    values: Array.from({ length: 1440 }, (_, step) => {
      if ((step + index * 97) % 700 < 45) return null;
      const late = Math.max(0, (step - 1100) / 340);
      const wave = Math.sin(step / 90 + index) * noise + Math.sin(step / 13 + index * 2) * noise * 0.4;
      return Math.round((end - drift * (1 - late ** 2) + wave) * 10) / 10;
    }),
  });
  const ill = sketch.total >= 5;
  return [
    trend(150456, 'SpO2', '%', sketch.spo2, ill ? -5 : 0, 0.6),
    trend(151562, 'RR', '/min', sketch.rr, ill ? 8 : 0, 1.2),
    trend(147842, 'HR', '/min', sketch.hr, ill ? 30 : 0, 4),
    trend(150364, 'Temp', 'Cel', sketch.temp, ill ? 1.2 : 0, 0.15),
  ];
}

function alertsOf(index: number, patient: string, nowMs: number, values: readonly ShownValue[]): ShownAlert[] {
  const alert = (rest: Partial<ShownAlert> & Pick<ShownAlert, 'rule' | 'priority' | 'reason' | 'plainReason'>) => ({
    id: `${patient}-${rest.rule}`,
    patient,
    state: 'active' as const,
    cause: null,
    raisedAtMs: nowMs - 50_000,
    acknowledged: null,
    clearedAtMs: null,
    readingId: null,
    ...rest,
  });
  switch (index) {
    case 2:
      return [
        alert({
          rule: 'spo2-low',
          priority: 'high',
          reason: 'Oxygen saturation 82 % for 60 s, limit 85 %',
          plainReason: 'Your mother may need help: her oxygen has been low for a minute. The ward has been told.',
          readingId: values[0]?.readingId ?? null,
        }),
      ];
    case 9:
      return [
        alert({
          rule: 'news2-high',
          priority: 'high',
          reason: 'NEWS2 9: fast breathing, low pressure, fever',
          plainReason: 'Your father may need help: he breathes faster than usual. The ward has been told.',
          raisedAtMs: nowMs - 190_000,
        }),
      ];
    case 13:
      return [
        alert({
          rule: 'news2-medium',
          priority: 'medium',
          reason: 'Breathing 22 /min, above 21 for 5 min',
          plainReason: 'Breathing is faster than usual.',
          raisedAtMs: nowMs - 420_000,
        }),
      ];
    case 4:
      return [
        alert({
          rule: 'off-body',
          priority: 'technical',
          reason: 'Chest strap off the body for 2 min',
          plainReason: 'The chest strap is not worn. This is about the strap, not about your aunt.',
          cause: 'off-body',
          raisedAtMs: nowMs - 115_000,
        }),
      ];
    case 17:
      return [
        alert({
          rule: 'temperature',
          priority: 'low',
          reason: 'Temperature 38.1 °C for 15 min',
          plainReason: 'A little warm.',
          state: 'acknowledged',
          acknowledged: { by: 'Ben Okafor', role: 'clinician', atMs: nowMs - 600_000, comment: 'Paracetamol given' },
          raisedAtMs: nowMs - 900_000,
        }),
      ];
    default:
      return [];
  }
}

/** One second of a drawn ECG, `rateHz` samples in microvolts. */
export function ecgSecond(atMs: number, rateHz = 250): number[] {
  return Array.from({ length: rateHz }, (_, index) => {
    const phase = ((atMs + (index / rateHz) * 1000) % 820) / 820;
    const bump = (centre: number, width: number, height: number): number =>
      height * Math.exp(-(((phase - centre) / width) ** 2));
    const millivolt =
      bump(0.2, 0.035, 0.12) +
      bump(0.345, 0.011, -0.12) +
      bump(0.37, 0.012, 1.15) +
      bump(0.397, 0.012, -0.28) +
      bump(0.62, 0.06, 0.28);
    return Math.round(millivolt * 1000);
  });
}

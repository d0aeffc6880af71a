import { codes, codeTable } from '@pulseseal/firmware-profiles';
import type { Reading } from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import { type ScreeningContext, screen } from '../src/mod.ts';
import { createSensorMemory } from '../src/sensors.ts';

const reading = (code: number, value: number, rest: Partial<Reading> = {}): Reading => ({
  id: 'x',
  patient: 'p',
  device: 'd',
  code,
  text: String(value),
  value,
  unit: codeTable.find((row) => row.code === code)?.ucum ?? '1',
  atMs: 100_000,
  arrivedMs: 100_000,
  grade: 'provisional',
  charted: false,
  screening: { verdict: 'accepted' },
  history: false,
  clockUntrusted: false,
  ...rest,
});
const word = (r: Reading, context: Partial<ScreeningContext> = {}) => {
  const s = screen(r, { companions: [r], previous: undefined, ...context });
  return s.verdict === 'accepted' ? 'accepted' : `${s.verdict} ${s.reason}`;
};
const sensor = { worn: true, contact: true, fault: false, poorSignal: false };

describe('ranges of every signal', () => {
  it.each(codeTable.filter((row) => row.valid !== undefined && row.form === 'value'))('$name', (row) => {
    const [low, high] = row.valid!;
    const [from, to] = row.plausible!;
    const step = 0.01;
    expect(word(reading(row.code, low - step))).toBe('invalid out-of-range');
    expect(word(reading(row.code, high + step))).toBe('invalid out-of-range');
    expect(word(reading(row.code, from))).toBe('accepted');
    expect(word(reading(row.code, to))).toBe('accepted');
    if (low < from) expect(word(reading(row.code, low))).toBe('doubtful implausible');
    if (high > to) expect(word(reading(row.code, high))).toBe('doubtful implausible');
    expect(word(reading(row.code, from, { unit: 'furlong' }))).toBe('invalid unit-mismatch');
    expect(word(reading(row.code, Number.NaN))).toBe('invalid out-of-range');
  });
});

describe('screening', () => {
  it.each([
    ['heart rate up 41 in 5 s', codes.heartRate, 70, 111, 5000, 'doubtful rate-of-change'],
    ['heart rate down 41 in 5 s', codes.heartRate, 111, 70, 5000, 'doubtful rate-of-change'],
    ['heart rate up 40 in 5 s', codes.heartRate, 70, 110, 5000, 'accepted'],
    ['heart rate up 41 in 5.001 s', codes.heartRate, 70, 111, 5001, 'accepted'],
    ['SpO2 down 9 in 4 s', codes.spo2, 97, 88, 4000, 'doubtful rate-of-change'],
    ['SpO2 down 8 in 4 s', codes.spo2, 97, 89, 4000, 'accepted'],
    ['SpO2 up 9 in 4 s', codes.spo2, 88, 97, 4000, 'accepted'],
    ['skin 0.51 in 10 s', codes.skinTemperature, 33, 33.51, 10_000, 'doubtful rate-of-change'],
    ['skin 0.5 in 10 s', codes.skinTemperature, 33, 33.5, 10_000, 'accepted'],
  ])('%s', (_what, code, before, after, withinMs, expected) => {
    const old = { value: before, atMs: 100_000 - withinMs };
    expect(word(reading(code, after), { previous: reading(code, before, { atMs: old.atMs }) })).toBe(expected);
    expect(word(reading(code, after), { recent: [old] })).toBe(expected);
    expect(word(reading(code, after, { charted: true }), { recent: [old] })).toBe('accepted');
  });

  it('calls both pressures invalid when diastolic is not below systolic', () => {
    for (const [s, d] of [
      [codes.nibpSystolic, codes.nibpDiastolic],
      [codes.abpSystolic, codes.abpDiastolic],
    ] as const) {
      for (const [high, low, expected] of [
        [80, 80, 'invalid diastolic-not-below-systolic'],
        [81, 80, 'accepted'],
      ] as const) {
        const pair = [reading(s, high), reading(d, low)];
        expect(pair.map((r) => word(r, { companions: pair }))).toEqual([expected, expected]);
      }
    }
  });

  it.each([
    [{ worn: false }, 'invalid off-body'],
    [{ contact: false }, 'invalid no-contact'],
    [{ fault: true }, 'invalid sensor-fault'],
    [{ poorSignal: true }, 'doubtful low-quality'],
  ])('hears the sensor: %o', (change, expected) => {
    const context = { sensor: { ...sensor, ...change } };
    expect(word(reading(codes.spo2, 97), context)).toBe(expected);
    expect(word(reading(codes.spo2, 97, { charted: true }), context)).toBe('accepted');
  });

  it('does not know a code', () => expect(word(reading(424242, 1))).toBe('invalid code-unknown'));
});

describe('sensor memory', () => {
  const flat = new Int16Array(25).fill(5);
  const alive = new Int16Array(25).map((_, i) => i);
  it('finds a waveform poor when flat for 2 s, missing, at the rail or of low quality', () => {
    const memory = createSensorMemory();
    expect(memory.wave(codes.ecgLeadI, flat, 25, 90)).toBe(true);
    memory.wave(codes.ecgLeadI, flat, 25, 90);
    expect(memory.wave(codes.ecgLeadI, flat, 25, 90)).toBe(false);
    expect(memory.stateFor(1, codes.heartRate).poorSignal).toBe(true);
    expect(memory.wave(codes.ecgLeadI, alive, 25, 90)).toBe(true);
    expect(memory.stateFor(1, codes.heartRate).poorSignal).toBe(false);
    expect(memory.wave(codes.ecgLeadI, new Int16Array(25).fill(-32_768), 25, 90)).toBe(false);
    expect(
      memory.wave(
        codes.ecgLeadI,
        new Int16Array(25).map((_, i) => (i % 2 ? 32_767 : -32_767)),
        25,
        90,
      ),
    ).toBe(false);
    expect(memory.wave(codes.ecgLeadI, alive, 25, 19)).toBe(false);
  });

  it('takes flags from heartbeats, the newest one', () => {
    const memory = createSensorMemory();
    const beat = (flags: number, state: 0 | 1) => ({
      streams: [{ st: 1, last: 1, count: 1, flags }],
      batteryPercent: null,
      state,
    });
    memory.beat(beat(1, 0), 10);
    expect(memory.stateFor(1, codes.spo2)).toEqual(sensor);
    memory.beat(beat(0, 1), 20);
    memory.beat(beat(1, 0), 15);
    expect(memory.stateFor(1, codes.spo2)).toMatchObject({ worn: false, contact: false });
    memory.beat(beat(3, 0), 30);
    expect(memory.stateFor(1, codes.spo2)).toMatchObject({ worn: true, contact: true, fault: true });
  });
});

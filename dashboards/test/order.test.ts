import type { ShownAlert, ShownPatient } from '@pulseseal/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrange, comparePatients, countPatients, leadingAlert, openAlerts } from '../src/app/order.ts';
import { wardFixture } from './fixture.ts';

const ward = wardFixture(1e12).patients;
const plain = ward[0]!;

function patient(
  id: string,
  priority: ShownAlert['priority'] | null,
  options: { state?: ShownAlert['state']; upper?: number } = {},
): ShownPatient {
  const { state = 'active', upper = 0 } = options;
  const alert: ShownAlert = {
    id: `${id}-alert`,
    patient: id,
    rule: 'rule',
    priority: priority ?? 'low',
    state,
    reason: '',
    plainReason: '',
    cause: null,
    raisedAtMs: 0,
    acknowledged: null,
    clearedAtMs: null,
    readingId: null,
  };
  return {
    ...plain,
    patient: id,
    bed: id,
    news2: plain.news2 === null ? null : { ...plain.news2, upper },
    alerts: priority === null ? [] : [alert],
  };
}

const sorted = (...patients: ShownPatient[]): string[] => patients.toSorted(comparePatients).map((p) => p.patient);

describe('order of the ward', () => {
  it('puts open high before medium, unanswered before answered, then the upper bound of NEWS2', () => {
    expect(
      sorted(
        patient('calm', null, { upper: 1 }),
        patient('medium-taken', 'medium', { state: 'acknowledged' }),
        patient('high-taken', 'high', { state: 'acknowledged' }),
        patient('score', null, { upper: 6 }),
        patient('medium', 'medium'),
        patient('high', 'high'),
      ),
    ).toEqual(['high', 'high-taken', 'medium', 'medium-taken', 'score', 'calm']);
  });

  it('lets those rest at the foot of whom nothing is awaited, unless an alert waits for an answer', () => {
    const resting = (p: ShownPatient): ShownPatient => ({ ...p, restingSinceMs: 1 });
    const all = [
      resting(patient('off', null, { upper: 9 })),
      resting(patient('off-taken', 'high', { state: 'acknowledged' })),
      resting(patient('off-waiting', 'medium')),
      patient('calm', null),
    ];
    const arrangement = arrange(all);
    expect(arrangement.first.map((p) => p.patient)).toEqual(['off-waiting']);
    expect(arrangement.rows.map((p) => p.patient)).toEqual(['calm']);
    expect(arrangement.resting.map((p) => p.patient)).toEqual(['off', 'off-taken']);
    expect(countPatients(all)).toMatchObject({ resting: 2, medium: 1, calm: 1, high: 0 });
  });

  it('puts low before technical before nothing where scores are equal, then the bed by number', () => {
    expect(sorted(patient('10', null), patient('2', null), patient('8', 'technical'), patient('9', 'low'))).toEqual([
      '9',
      '8',
      '2',
      '10',
    ]);
  });

  it('does not let a cleared alert hold a place', () => {
    expect(sorted(patient('2', null, { upper: 1 }), patient('1', 'high', { state: 'cleared' }))).toEqual(['2', '1']);
    expect(leadingAlert(patient('1', 'high', { state: 'cleared' }))).toBeUndefined();
  });

  it('lets a high alert speak for a patient who also has technical ones', () => {
    const both = { ...patient('1', 'high', { state: 'acknowledged' }) };
    const technical = { ...both.alerts[0]!, id: 't', priority: 'technical' as const, state: 'active' as const };
    expect(leadingAlert({ ...both, alerts: [technical, ...both.alerts] })?.priority).toBe('high');
  });
});

describe('sizes', () => {
  it.each([
    [0, 0, 0, 0],
    [1, 1, 0, 0],
    [3, 3, 0, 0],
    [4, 2, 2, 0],
    [5, 1, 4, 0],
    [6, 0, 6, 0],
    [9, 0, 6, 3],
  ])('%i urgent patients give %i large and %i small cards, %i lines', (urgent, large, small, overflow) => {
    const patients = Array.from({ length: 24 }, (_, i) => patient(String(i), i < urgent ? 'high' : null));
    const result = arrange(patients);
    expect([result.first.length, result.next.length, result.overflow]).toEqual([large, small, overflow]);
    expect(result.rows).toHaveLength(24 - large - small);
  });

  it('loses nobody, and never shows somebody less urgent larger', () => {
    const any = fc.record({
      priority: fc.constantFrom('high', 'medium', 'low', 'technical', null),
      state: fc.constantFrom('active', 'acknowledged', 'cleared'),
      upper: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 40 }), (sketches) => {
        const patients = sketches.map(({ priority, ...rest }, i) => patient(String(i), priority, rest));
        const { first, next, rows } = arrange(patients);
        const all = [...first, ...next, ...rows];
        expect(new Set(all).size).toBe(patients.length);
        for (let i = 1; i < all.length; i++) expect(comparePatients(all[i - 1]!, all[i]!)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('lists the alerts in the order of the cards', () => {
    const { first } = arrange(ward);
    const listed = openAlerts(ward).filter((alert) => alert.priority !== 'technical' && alert.state === 'active');
    expect(listed.map((alert) => alert.patient)).toEqual(first.map((card) => card.patient));
  });

  it('counts each patient once, by the leading alert', () => {
    expect(countPatients(ward)).toEqual({ high: 2, medium: 1, low: 1, technical: 1, calm: 19, resting: 0 });
  });
});

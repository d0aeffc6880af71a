import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codes } from '@pulseseal/firmware-profiles';
import { createRecordSeal, openCursor, openLog } from '@pulseseal/log';
import { createMetrics, createSilentLogger } from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import type { AlertChange, TwinJournal, Viewer } from '../src/mod.ts';
import { createLogJournal, createMemoryJournal, createTwinService } from '../src/mod.ts';
import { createBedside, startMs } from './world.ts';

const clinician: Viewer = { person: 'Ana', role: 'clinician', patients: 'all' };
const daughter: Viewer = { person: 'Eva', role: 'caregiver', patients: ['p1'] };
const patients = [
  { patient: 'p1', name: 'Rosa Lind', bed: '1' },
  { patient: 'p2', name: 'Karl Berg', bed: '2' },
];

async function started(
  journal: TwinJournal = createMemoryJournal(),
  clock = createManualClock(startMs),
  checkpointRecords = 100_000,
) {
  const service = await createTwinService(
    { wall: clock, data: clock, journal, logger: createSilentLogger(), metrics: createMetrics('twin') },
    { patients, checkpointRecords },
  );
  const changes: AlertChange[] = [];
  service.onAlert((change) => changes.push(change));
  const world = createBedside();
  const desaturate = async (seconds: number, text = '75') => {
    for (let s = 0; s < seconds; s++) {
      await clock.advanceAsync(1000);
      await service.handle([
        { kind: 'edge-alive', atMs: clock.nowMs(), processorLagMs: 0 },
        world.frame('band', [{ code: codes.spo2, text }], { atMs: clock.nowMs() }),
      ]);
    }
  };
  return { service, clock, changes, world, desaturate };
}

describe('twin service', () => {
  it('tells an alert once, with reason, and keeps it over a restart together with the answer', async () => {
    const records: Uint8Array[] = [];
    const first = await started(createMemoryJournal(records));
    await first.desaturate(15);
    expect(first.changes.map(({ change, alert }) => [change, alert.rule])).toEqual([['raised', 'hard-spo2-low']]);
    const { id } = first.changes[0]!.alert;
    await first.service.acknowledge(id, clinician, 'calling');
    expect(first.changes.at(-1)).toMatchObject({
      change: 'acknowledged',
      alert: { acknowledged: { by: 'Ana', comment: 'calling' } },
    });
    const before = first.service.twin('p1')!;
    await first.service.stop();

    await first.clock.advanceAsync(600_000);
    const second = await started(createMemoryJournal(records), first.clock);
    const after = second.service.twin('p1')!;
    expect(after.open).toEqual(before.open);
    expect(after.slots).toEqual(before.slots);
    expect(after.trends).toEqual(before.trends);
    expect(after.systemOff).toHaveLength(1);
    expect(after.systemOff[0]!.toMs - after.systemOff[0]!.fromMs).toBe(600_000);
    expect(after.cleared.at(-1)).toMatchObject({ rule: 'system-off', priority: 'technical', state: 'cleared' });
    // The same frames again, as a cursor that was not moved hands them over.
    await second.service.handle([first.world.frame('band', [{ code: codes.spo2, text: '75' }], { seq: 3 })]);
    expect(second.changes).toEqual([]);
    await second.service.stop();
  });

  it('raises silence by its own timer with no event ever coming', async () => {
    const { service, clock, changes, world } = await started();
    world.band();
    const epoch = world.events.find((event) => event.kind === 'epoch');
    if (epoch?.kind !== 'epoch') throw new Error('no epoch');
    await service.handle([epoch.care, { kind: 'edge-alive', atMs: clock.nowMs(), processorLagMs: 0 }]);
    await clock.advanceAsync(14_000);
    expect(changes).toEqual([]);
    await clock.advanceAsync(2000);
    expect(changes.map(({ alert }) => alert.rule)).toEqual(['silence-gateway-unreachable']);
    await service.stop();
  });

  it('is not deceived by a wall clock that steps', async () => {
    const { service, clock, changes, world, desaturate } = await started();
    world.band();
    const epoch = world.events.find((event) => event.kind === 'epoch');
    if (epoch?.kind !== 'epoch') throw new Error('no epoch');
    await service.handle([epoch.care]);
    await desaturate(3, '97');
    clock.stepWall(3_600_000);
    await desaturate(3, '97');
    clock.stepWall(-7_200_000);
    await desaturate(3, '97');
    expect(changes.filter(({ alert }) => alert.rule.startsWith('silence'))).toEqual([]);
    await clock.advanceAsync(16_000);
    expect(changes.map(({ alert }) => alert.rule)).toContain('silence-gateway-unreachable');
    await service.stop();
  });

  it('keeps what the journal refused, and writes it first when it takes records again', async () => {
    const records: Uint8Array[] = [];
    const good = createMemoryJournal(records);
    let isFull = false;
    const journal: TwinJournal = {
      ...good,
      async append(more) {
        if (isFull) throw new Error('disk-full');
        await good.append(more);
      },
    };
    const { service, clock, world } = await started(journal);
    isFull = true;
    const frame = world.frame('band', [{ code: codes.spo2, text: '97' }]);
    await expect(service.handle([frame])).rejects.toThrow('disk-full');
    expect(service.isHealthy).toBe(false);
    isFull = false;
    // Handed over again it has no second effect, but now it is on the disk.
    await service.handle([frame]);
    expect(service.isHealthy).toBe(true);
    const state = service.twin('p1');
    await service.stop();
    const again = await started(createMemoryJournal(records), clock);
    expect(again.service.twin('p1')!.slots).toEqual(state!.slots);
    await again.service.stop();
  });

  it('takes a record that was written twice for one', async () => {
    const records: Uint8Array[] = [];
    const first = await started(createMemoryJournal(records));
    await first.desaturate(15);
    const before = first.service.twin('p1')!;
    await first.service.stop();
    const twice = records.flatMap((record, i) => (i % 4 === 3 ? [...records.slice(i - 3, i + 1), record] : [record]));
    const second = await started(createMemoryJournal(twice), first.clock);
    expect(second.service.twin('p1')!.trends).toEqual(before.trends);
    expect(second.service.twin('p1')!.open).toEqual(before.open);
    await second.service.stop();
  });

  it('shows a caregiver own people in plain words only', async () => {
    const { service, desaturate } = await started();
    await desaturate(15);
    const board = service.board(daughter);
    expect(board.patients.map((patient) => patient.patient)).toEqual(['p1']);
    expect(board.patients[0]).toMatchObject({
      headline: 'Oxygen in the blood is very low. The ward has been told.',
      values: [],
      news2: null,
      sparklines: [],
    });
    expect(JSON.stringify(board)).not.toMatch(/"75"|hard-|news2-|limit|%/);
    expect(service.patient('p2', daughter)).toBeUndefined();
    const alert = service.alerts(daughter)[0]!;
    await expect(service.acknowledge(alert.id, { ...daughter, patients: [] }, '')).rejects.toThrow('alert-unknown');
    expect(await service.acknowledge(alert.id, daughter, 'I have it')).toMatchObject({
      state: 'acknowledged',
      acknowledged: { by: 'Eva', role: 'caregiver' },
    });
    await service.stop();
  });

  it('shows the most urgent patient first, with unit, age, grade and points', async () => {
    const { service, desaturate } = await started();
    await desaturate(15);
    const [first] = service.board(clinician).patients;
    expect(first).toMatchObject({ patient: 'p1', name: 'Rosa Lind', news2: { total: 3, partial: true } });
    expect(first!.headline).toMatch(/^Oxygen 75 %, under 80 for \d+ s \(limit 80\)$/);
    expect(first!.values).toMatchObject([{ name: 'SpO2', unit: '%', grade: 'provisional', points: 3, charted: false }]);
    expect(first!.sparklines).toMatchObject([{ name: 'SpO2', stepMs: 60_000 }]);
    await service.stop();
  });

  it('puts alerts before scores, scores before technical faults', async () => {
    const { service, clock, desaturate } = await started();
    await desaturate(15);
    const second = createBedside('p2');
    await service.handle([
      second.frame('hub', [{ code: codes.nibpSystolic, text: '120', charted: true }], { atMs: clock.nowMs() }),
    ]);
    const order = () => service.board(clinician).patients.map(({ patient }) => patient);
    expect(order()).toEqual(['p1', 'p2']);
    const answered = service.alerts(clinician).find(({ rule }) => rule === 'hard-spo2-low')!;
    await service.acknowledge(answered.id, clinician, '');
    expect(order()).toEqual(['p1', 'p2']);
    await service.stop();
  });

  it('stands on a log that is sealed at rest', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'twin-'));
    try {
      const open = async () =>
        createLogJournal(
          await openLog({ dir: join(dir, 'log'), seal: createRecordSeal(new Uint8Array(32).fill(7)) }),
          await openCursor(join(dir, 'checkpoint')),
        );
      const first = await started(await open());
      await first.desaturate(12);
      const before = first.service.twin('p1')!;
      expect(before.open).toHaveLength(1);
      await first.service.stop();
      const files = readdirSync(join(dir, 'log'));
      for (const file of files) expect(readFileSync(join(dir, 'log', file)).includes('measured')).toBe(false);
      const second = await started(await open(), first.clock);
      expect(second.service.twin('p1')!.open).toEqual(before.open);
      expect(second.service.twin('p1')!.devices.band!.seen).toEqual(before.devices.band!.seen);
      await second.service.stop();

      // With a checkpoint every 20 records, a replay begins at the last one and gives the same.
      const third = await started(await open(), first.clock, 20);
      await third.desaturate(30, '97');
      const state = third.service.twin('p1')!;
      await third.service.stop();
      const journal = await open();
      let replayed = 0;
      const counting: TwinJournal = {
        ...journal,
        replay: (handler) =>
          journal.replay((record) => {
            replayed++;
            handler(record);
          }),
      };
      const fourth = await started(counting, first.clock);
      expect(replayed).toBeLessThan(40);
      const {
        systemOff: _off,
        cleared: _cleared,
        alertCount: _count,
        devices: _d,
        since: _s,
        overSince: _o,
        ...now
      } = fourth.service.twin('p1')!;
      expect(state).toMatchObject(now);
      expect(fourth.service.twin('p1')!.devices.band!.seen).toEqual(state.devices.band!.seen);
      await fourth.service.stop();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('a checkpoint', () => {
  it('is written a few twins at a time, and readings that come between them are not lost', async () => {
    const records: Uint8Array[] = [];
    const phases: string[] = [];
    const kept = createMemoryJournal(records);
    const journal: TwinJournal = {
      ...kept,
      checkpoint(phase) {
        phases.push(phase);
        return kept.checkpoint(phase);
      },
    };
    const clock = createManualClock(startMs);
    const ports = { wall: clock, data: clock, logger: createSilentLogger() };
    const many = Array.from({ length: 9 }, (_, i) => ({
      patient: `p${i + 1}`,
      name: `Person ${i + 1}`,
      bed: `${i + 1}`,
    }));
    const first = await createTwinService(
      { ...ports, journal, metrics: createMetrics('twin') },
      { patients: many, checkpointRecords: 10 },
    );
    const world = createBedside();
    for (let ms = 0; ms < 4_000; ms += 10) {
      if (ms % 250 === 0 || phases.at(-1) === 'begin')
        await first.handle([world.frame('band', [{ code: codes.spo2, text: '95' }], { atMs: clock.nowMs() })]);
      await clock.advanceAsync(10);
      if (phases.length === 4) break;
    }
    expect(phases).toEqual(['begin', 'end', 'begin', 'end']);
    // What the memory journal holds now begins at the second one.
    const between = records.map((record) => Object.keys(JSON.parse(new TextDecoder().decode(record))));
    const snaps = between.flatMap((keys, i) => (keys.includes('snap') ? [i] : []));
    expect(snaps.length).toBeGreaterThanOrEqual(9);
    expect(between.slice(snaps[0], snaps.at(-1)).some((keys) => keys.includes('e'))).toBe(true);
    const before = first.twin('p1')!;
    const again = await createTwinService(
      { ...ports, journal: createMemoryJournal([...records]), metrics: createMetrics('twin') },
      { patients: many },
    );
    const after = again.twin('p1')!;
    expect(after.slots).toEqual(before.slots);
    expect(after.trends).toEqual(before.trends);
    expect(after.devices.band!.seen).toEqual(before.devices.band!.seen);
    await first.stop();
    await again.stop();
  });

  it('says when the system last lived, so that a crash right behind it is no silence of the devices', async () => {
    const records: Uint8Array[] = [];
    const kept = createMemoryJournal(records);
    let isWhole = false;
    const journal: TwinJournal = {
      ...kept,
      async checkpoint(phase) {
        await kept.checkpoint(phase);
        isWhole ||= phase === 'end';
      },
    };
    const first = await started(journal, createManualClock(startMs), 30);
    for (let s = 0; s < 60 && !isWhole; s++) await first.desaturate(1);
    expect(isWhole).toBe(true);
    const left = records.map((record) => record.slice());
    const crashMs = first.clock.nowMs();
    await first.service.stop();
    await first.clock.advanceAsync(7_200_000);
    const second = await started(createMemoryJournal(left), first.clock);
    expect(second.service.twin('p1')!.systemOff).toEqual([
      { fromMs: expect.closeTo(crashMs, -4), toMs: second.clock.nowMs() },
    ]);
    await second.clock.advanceAsync(2_000);
    expect(second.changes.map(({ alert }) => alert.rule)).toEqual([]);
    await second.service.stop();
  });
});

import { encodeEdge } from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import { createCircle, ECG_BLOCK, openEpoch, T0 } from './support/device.ts';
import { createBench, crypto, ofKind, readingsOf } from './support/processor.ts';

const circle = createCircle(crypto);
const hr = (value: number) => new Map([[0, value]]);

describe('the way of a reading', () => {
  it('opens an epoch, learns its cards, and says values with unit, time and grade', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle);
    const events = await bench.give([
      ...device.papers(),
      device.card(1),
      device.card(2),
      device.vitals(
        new Map([
          [0, 72],
          [1, 97],
        ]),
        1000,
      ),
      device.pressure(120.5, 80, 1100),
      device.ecg(
        new Int16Array(ECG_BLOCK).map((_, i) => i),
        1200,
      ),
      device.beat(1300),
    ]);
    expect(bench.refusals).toEqual({});
    const epoch = ofKind(events, 'epoch').at(-1);
    expect(epoch).toMatchObject({ patient: 'p1', boot: 1, epoch: 1, heartbeatMs: 5000, history: false });
    expect(epoch!.streams.map((s) => [s.stream, s.codes.length, s.expectedIntervalMs, s.charted])).toEqual([
      [1, 2, 1000, false],
      [2, 2, null, true],
      [3, 1, 1000, false],
    ]);
    expect(readingsOf(events).map((r) => [r.code, r.text, r.unit, r.grade, r.charted, r.screening.verdict])).toEqual([
      [147842, '72', '/min', 'provisional', false, 'accepted'],
      [150456, '97', '%', 'provisional', false, 'accepted'],
      [150021, '120.5', 'mm[Hg]', 'provisional', true, 'accepted'],
      [150022, '80', 'mm[Hg]', 'provisional', true, 'accepted'],
    ]);
    expect(readingsOf(events)[0]!.atMs).toBe(T0 + 1000);
    expect(ofKind(events, 'wave')[0]!.block).toMatchObject({ code: 131329, rateHz: 25, quality: 90, unit: 'uV' });
    expect(ofKind(events, 'heartbeat')[0]).toMatchObject({ battery: 88, state: 'worn' });
    expect(bench.totals.opened).toBe(6);
  });

  it('says that an epoch began before any of its cards came, and again with each', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle);
    const told = async (messages: readonly Uint8Array[]) =>
      ofKind(await bench.give(messages), 'epoch').map(({ streams }) => streams.map((s) => s.codes.length));
    expect(await told(device.papers())).toEqual([[0, 0, 0]]);
    expect(await told([device.beat(100)])).toEqual([]);
    expect(await told([device.card(1)])).toEqual([[2, 2, 0]]);
    expect(await told([device.card(2)])).toEqual([[2, 2, 1]]);
    expect(ofKind(await bench.advance(20_000), 'epoch')).toEqual([]);
  });

  it('publishes whatever the order of arrival, each frame once', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle);
    const frames = [device.card(1), ...[60, 61, 62, 63].map((v, i) => device.vitals(hr(v), 1000 * i))];
    await bench.give(device.papers());
    const shuffled = [frames[3]!, frames[1]!, frames[0]!, frames[4]!, frames[2]!, frames[1]!, frames[3]!];
    const events = await bench.giveEach(shuffled);
    expect(
      readingsOf(events)
        .map((r) => r.value)
        .sort(),
    ).toEqual([60, 61, 62, 63]);
    expect(bench.totals.duplicate).toBe(2);
    const together = await createBench(circle);
    await together.give(device.papers());
    expect(readingsOf(await together.give(shuffled)).map((r) => r.value)).toEqual([60, 61, 62, 63]);
  });

  it('takes frames that came before their opening, and openings that came before their papers', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle);
    const frames = [device.card(1), device.vitals(hr(70), 1000)];
    const [endorse, manifest, beacon, opening, keys] = device.papers();
    await bench.give(frames);
    expect(bench.flow.barrier).toBe(1);
    await bench.give([keys!, opening!, beacon!, manifest!]);
    expect(bench.all).toEqual([]);
    expect(readingsOf(await bench.give([endorse!])).map((r) => r.value)).toEqual([70]);
    expect(bench.flow.barrier).toBeUndefined();
  });

  it('marks what comes a minute late as history, and everything of an old epoch', async () => {
    const bench = await createBench(circle, { settings: { lateMs: 60_000 } });
    const device = await openEpoch(circle);
    await bench.give([...device.papers(), device.card(1)]);
    const late = device.vitals(hr(61), 2000);
    const now = device.vitals(hr(62), 90_000);
    bench.clock.advance(90_000);
    expect(readingsOf(await bench.give([now]))[0]!.history).toBe(false);
    expect(readingsOf(await bench.give([late]))[0]!.history).toBe(true);
    const older = await openEpoch(circle, { boot: 0, epoch: 0 });
    const events = await bench.give([
      ...older.papers(),
      older.card(1),
      older.card(2),
      older.vitals(hr(30), 0),
      older.beat(1),
    ]);
    expect(ofKind(events, 'epoch')[0]!.history).toBe(true);
    expect(readingsOf(events).every((r) => r.history)).toBe(true);
    expect(ofKind(events, 'heartbeat')[0]!.history).toBe(true);
  });

  it('flags a clock that is three days wrong, and keeps the data [TIME-2]', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle, { t0Ms: T0 - 3 * 86_400_000 });
    const events = await bench.give([...device.papers(), device.card(1), device.vitals(hr(70), 0)]);
    expect(readingsOf(events)[0]).toMatchObject({ clockUntrusted: true, history: false, value: 70 });
  });

  it('tells links and that the edge lives', async () => {
    const bench = await createBench(circle);
    const device = await openEpoch(circle);
    await bench.give(device.papers());
    const edge = encodeEdge(T0, [{ eh: device.eh, lastMs: T0, state: 0 }]);
    const events = await bench.give([edge, edge], 'p', T0 - 700);
    expect(ofKind(events, 'edge-alive')).toHaveLength(2);
    expect(ofKind(events, 'edge-alive')[0]!.processorLagMs).toBe(700);
    expect(ofKind(events, 'link').map((e) => e.state)).toEqual(['no-session']);
  });
});

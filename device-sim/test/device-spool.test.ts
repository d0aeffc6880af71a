import { createManualClock } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import { deviceLimits } from '../src/device/limits.ts';
import { createRepairs } from '../src/device/repairs.ts';
import { openSpool, type Spool, type SpoolSettings } from '../src/device/spool.ts';
import { isOwed, type SpoolEpoch } from '../src/device/spool-epoch.ts';
import { createUplink } from '../src/device/uplink.ts';
import { createMemoryFlash, type Flash } from '../src/mod.ts';

const leaf = new Uint8Array(32);
const hash = new Uint8Array(32);

/** A spool with a writer that seals as a device does: 30 s segments, 4.6 kB closes, an epoch an hour. */
function hub(settings: Partial<SpoolSettings> = {}, flash: Flash = createMemoryFlash()) {
  let current: SpoolEpoch | undefined;
  let number = 0;
  let seq = 0;
  const spool: Spool = openSpool(flash, {
    bytes: 4 << 20,
    leafOf: () => leaf,
    hash: () => hash,
    onSettled: () => {},
    onSyncFailed: () => {},
    isCurrent: (epoch) => epoch === current,
    ...settings,
  });
  const frame = (epoch: SpoolEpoch, sg: number, sizeBytes: number, urgent = false) => {
    const next = { seq: ++seq, sg, dt: seq * 1_000, urgent, raw: new Uint8Array(sizeBytes) };
    return { seq: next.seq, dropped: spool.keep(epoch, next, leaf) };
  };
  const begin = () => {
    const eh = (++number).toString(16).padStart(16, '0');
    const oh = new Uint8Array(32).fill(number);
    current = spool.begin({
      ...{ eh, oh, boot: 1, epoch: number, offline: true },
      open: new Uint8Array(6_000),
      keys: new Uint8Array(14_000),
    });
    seq = 0;
    return current;
  };
  const close = (epoch: SpoolEpoch, sg: number, last = false) =>
    spool.close(epoch, sg, new Uint8Array(4_600), hash, last);
  const segment = (epoch: SpoolEpoch, sg: number) => spool.beginSegment(epoch, sg, seq + 1, new Map());
  /** One hour; answers whether each frame was there when `keep` returned. */
  const hour = (frames: number, sizeBytes: number, urgentAt: (sg: number) => boolean = () => false) => {
    const epoch = begin();
    const kept: boolean[] = [];
    for (let sg = 0; sg < 120; sg++) {
      segment(epoch, sg);
      for (let i = 0; i < frames; i++) {
        const made = frame(epoch, sg, sizeBytes, i === 0 && urgentAt(sg));
        kept.push(epoch.frames.has(made.seq) && made.dropped.every((d) => d.epoch !== epoch || d.seq !== made.seq));
      }
      close(epoch, sg, sg === 119);
      spool.flush();
    }
    return { epoch, kept };
  };
  return { spool, flash, begin, segment, frame, close, hour };
}

describe('a spool whose broker is away for two days', () => {
  it('keeps the newest readings with what proves them, and gives up the oldest epochs whole', () => {
    const { spool, flash, hour } = hub();
    for (let h = 1; h <= 48; h++) {
      const { epoch, kept } = hour(4, 300);
      expect(kept.every(Boolean), `hour ${h}`).toBe(true);
      expect(epoch.frames.size, `hour ${h}`).toBe(480);
      expect(spool.bytes).toBeLessThanOrEqual((4 << 20) + 4_600);
      expect(flash.spoolBytes()).toBeLessThanOrEqual(deviceLimits.compactFactor * (4 << 20) + 64 * 1024);
    }
    const epochs = [...spool.epochs()];
    // 0.7 MB an hour.
    expect(epochs.length).toBeGreaterThanOrEqual(5);
    expect(epochs.length).toBeLessThanOrEqual(7);
    expect(epochs.at(-1)!.epoch).toBe(48);
    for (const epoch of epochs.slice(1)) expect([epoch.frames.size, epoch.openCloses.size]).toEqual([480, 120]);
    expect(epochs.every(isOwed)).toBe(true);
  });

  it('drops urgent frames last, and even those before the newest reading', () => {
    const { spool, hour } = hub();
    for (let h = 1; h <= 20; h++) {
      const { kept } = hour(4, 300, (sg) => sg === 0);
      expect(kept.every(Boolean), `hour ${h}`).toBe(true);
    }
    const urgent = [...spool.epochs()].map((epoch) => [...epoch.frames.values()].filter((f) => f.urgent).length);
    expect(urgent.every((count) => count === 1)).toBe(true);
    const whole = [...spool.epochs()].filter((epoch) => epoch.frames.size === 480).length;
    // Epochs that hold their alarm alone came before.
    expect(whole).toBeLessThan(urgent.length);
  });

  it('drops a reading rather than an alarm of the same epoch', () => {
    const { spool, begin, segment, frame } = hub({ bytes: 21_000 });
    const epoch = begin();
    segment(epoch, 0);
    const alarm = frame(epoch, 0, 600, true);
    const reading = frame(epoch, 0, 600);
    expect(reading.dropped.map((d) => d.seq)).toEqual([reading.seq]);
    const second = frame(epoch, 0, 600, true);
    expect(second.dropped.map((d) => d.seq)).toEqual([alarm.seq]);
    expect([...epoch.frames.keys()]).toEqual([second.seq]);
    expect(spool.frameCount).toBe(1);
  });

  it('counts leaves that outlive their frames, also after a restart, and frees them with their epoch', () => {
    const { spool, flash, begin, segment, frame, close } = hub({ bytes: 25_000 });
    const empty = spool.bytes;
    const epoch = begin();
    segment(epoch, 0);
    for (let i = 0; i < 100; i++) frame(epoch, 0, 100);
    const lone = 100 - epoch.frames.size;
    expect(spool.bytes).toBe(20_000 + epoch.frames.size * 100 + lone * deviceLimits.leafBytes);
    expect(spool.bytes).toBeLessThanOrEqual(25_000);
    spool.flush();
    const again = hub({ bytes: 25_000 }, flash).spool;
    expect(again.bytes).toBe(spool.bytes);
    close(epoch, 0, true);
    begin();
    spool.giveUp(epoch, 'dropped');
    expect(spool.bytes).toBe(empty + 20_000);
    expect(epoch.segments.size).toBe(0);
  });
});

describe('what waits to be sent', () => {
  const epoch = { eh: 'aa', segments: new Map() } as unknown as SpoolEpoch;

  it('is no more than twice what is owed, however long nothing goes out', () => {
    const owed = new Set<number>();
    const uplink = createUplink(createManualClock(0), {
      isUp: () => false,
      window: () => 16,
      publish: () => undefined,
      isOwed: ({ number }) => owed.has(number),
      countsPuback: () => true,
      acknowledged: () => {},
    });
    for (let number = 1; number <= 100_000; number++) {
      owed.add(number);
      owed.delete(number - 100);
      uplink.put('current', { epoch, kind: 'frame', number });
      expect(uplink.waiting).toBeLessThanOrEqual(deviceLimits.laneItems);
    }
  });

  it('are the leaves of dropped frames only when the gateway has the close over them', () => {
    const { spool, begin, segment, frame, close } = hub({ bytes: 20_500 });
    const about = begin();
    segment(about, 0);
    const sent: number[] = [];
    const repairs = createRepairs({
      isReady: () => true,
      send: async (_epoch, sg) => {
        sent.push(sg);
      },
      countsPuback: () => true,
      acknowledged: () => {},
    });
    for (let i = 0; i < 20; i++) repairs.note(frame(about, 0, 100).dropped);
    repairs.tick(0);
    close(about, 0);
    repairs.tick(0);
    expect([sent, repairs.isEmpty]).toEqual([[], false]);
    spool.acknowledgeClose(about, 0);
    repairs.tick(0);
    expect(sent).toEqual([0]);
  });

  it('holds no leaves to repair for an epoch that was given up, also while there is no link', () => {
    const repairs = createRepairs({
      isReady: () => false,
      send: () => Promise.resolve(),
      countsPuback: () => true,
      acknowledged: () => {},
    });
    repairs.note([{ epoch, sg: 0, seq: 1 }]);
    repairs.tick(0);
    expect(repairs.isEmpty).toBe(true);
  });
});

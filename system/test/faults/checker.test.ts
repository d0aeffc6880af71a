import { describe, expect, it } from 'vitest';
import { type DeviceEpoch, type JournalContent, judge, type StoredEpoch } from '../support/fault-checker.ts';

/** One epoch of three frames in one complete segment, as an honest run leaves it. */
function honest() {
  const device: DeviceEpoch = {
    device: 'strap',
    eh: 'aa',
    boot: 1,
    epoch: 1,
    sent: 3,
    acknowledged: new Set([1, 2, 3]),
    dropped: new Set(),
    refused: new Set(),
  };
  const frames = [1, 2, 3].map(
    (seq) => [seq, { seq, sg: 0, st: 1, dt: seq * 10, flags: 0, raw: new Uint8Array(1) }] as const,
  );
  const stored: StoredEpoch = {
    frames: new Map(frames),
    doubled: 0,
    closes: [{ position: 7, segment: 0, first: 1, count: 3 }],
  };
  const journal: JournalContent = {
    epochs: new Map([['aa', stored]]),
    openings: new Map([[1, 1]]),
    opened: [],
    keys: [],
    complete: new Set([7]),
    disputed: new Set(),
    damaged: 0,
  };
  return { device, stored, journal, verdict: () => judge([device], journal) };
}

const clean = { lost: [], unaccounted: [], doubled: 0, disorder: [], unsealed: [] };

describe('the independent checker', () => {
  it('is content with an honest run', () => {
    expect(honest().verdict()).toMatchObject({ ...clean, sent: 3, acknowledged: 3, stored: 3 });
  });

  it('names a frame that was acknowledged and is not stored', () => {
    const run = honest();
    run.stored.frames.delete(2);
    expect(run.verdict()).toMatchObject({ lost: ['strap aa 2'], unaccounted: ['strap aa 2'] });
  });

  it('names a whole epoch that is gone', () => {
    const run = honest();
    run.journal.epochs.clear();
    expect(run.verdict().lost).toHaveLength(3);
  });

  it('takes a dropped frame as accounted for, and a silent one not', () => {
    const run = honest();
    run.stored.frames.delete(2);
    run.device.acknowledged.delete(2);
    expect(run.verdict()).toMatchObject({ lost: [], unaccounted: ['strap aa 2'] });
    run.device.dropped.add(2);
    expect(run.verdict()).toMatchObject(clean);
  });

  it('counts what is stored twice', () => {
    const run = honest();
    run.stored.doubled++;
    expect(run.verdict().doubled).toBe(1);
  });

  it('sees times and segments that run backwards', () => {
    const run = honest();
    run.stored.frames.set(3, { seq: 3, sg: 0, st: 1, dt: 5, flags: 0, raw: new Uint8Array(1) });
    expect(run.verdict().disorder).toEqual(['strap aa frame 3 goes back in time']);
  });

  it('sees segments that are open, disputed or torn from their chain, and frames outside', () => {
    const open = honest();
    open.journal.complete.clear();
    open.journal.disputed.add(7);
    expect(open.verdict().unsealed).toEqual(['strap aa segment 0 is not complete', 'strap aa segment 0 is disputed']);
    const torn = honest();
    torn.stored.closes[0] = { position: 7, segment: 0, first: 1, count: 2 };
    torn.stored.closes.push({ position: 8, segment: 2, first: 4, count: 1 });
    torn.journal.complete.add(8);
    expect(torn.verdict().unsealed).toEqual(['strap aa segment 2 does not follow']);
    torn.stored.closes.pop();
    expect(torn.verdict().unsealed).toEqual(['strap aa frame 3 is in no close']);
  });
});

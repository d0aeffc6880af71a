import { codes } from '@pulseseal/firmware-profiles';
import { describe, expect, it } from 'vitest';
import type { Bedside } from './world.ts';
import { createBedside } from './world.ts';

type Flags = { stream: number; contact?: boolean; fault?: boolean; paused?: boolean };

/** What a band says and does for a while. */
interface Spell {
  readonly seconds: number;
  readonly says?: readonly ('oximetry' | 'steps')[];
  readonly state?: 'worn' | 'off-body';
  readonly flags?: readonly Flags[];
  readonly refused?: readonly string[];
  readonly acknowledge?: boolean;
}

const both = ['oximetry', 'steps'] as const;

function band(): Bedside {
  const world = createBedside();
  world.epoch('band', 'wrist-band', [
    { stream: 1, name: 'oximetry', codes: [codes.spo2], ms: 1000 },
    { stream: 2, name: 'steps', codes: [codes.steps], ms: 1000 },
  ]);
  return world;
}

function spend(world: Bedside, { seconds, says = both, state = 'worn', flags, refused = [], acknowledge }: Spell) {
  world.live(seconds, (s) => {
    if (says.includes('oximetry')) world.say('band', [{ code: codes.spo2, text: '97' }], { grade: 'sealed' });
    if (says.includes('steps')) world.say('band', [{ code: codes.steps, text: '0' }], { grade: 'sealed' });
    if (s % 5 === 0) world.beat('band', state, [...(flags ?? [{ stream: 1 }, { stream: 2 }])]);
    const refusal = refused[s % Math.max(1, refused.length)];
    if (refusal !== undefined)
      world.observe({ kind: 'refused', patient: 'p1', device: 'band', refusal, what: 'frame', atMs: world.nowMs });
  });
  if (!acknowledge) return;
  for (const { id } of world.twin.open)
    world.run({ kind: 'acknowledge', alert: id, by: 'Ana', role: 'clinician', comment: '', nowMs: world.nowMs });
}

const noContact = (...streams: number[]) => streams.map((stream) => ({ stream, contact: false }));

describe('an answered technical alert', () => {
  const cases: readonly {
    readonly name: string;
    readonly spells: readonly Spell[];
    /** Rules of all that called, in order. */
    readonly calls: readonly string[];
    readonly open: readonly { readonly state: string; readonly says: RegExp }[];
  }[] = [
    {
      name: 'calls anew when a second stream goes missing, and names both',
      spells: [{ seconds: 30 }, { seconds: 30, says: ['oximetry'], acknowledge: true }, { seconds: 60, says: [] }],
      calls: ['silence-stream-missing', 'silence-stream-missing'],
      open: [{ state: 'active', says: /not its oximetry, steps/ }],
    },
    {
      name: 'goes on answered when one of two missing streams is back, and names the other',
      spells: [{ seconds: 30 }, { seconds: 30, says: [], acknowledge: true }, { seconds: 60, says: ['oximetry'] }],
      calls: ['silence-stream-missing'],
      open: [{ state: 'acknowledged', says: /not its steps/ }],
    },
    {
      name: 'calls anew when a second stream loses contact',
      spells: [
        { seconds: 30 },
        { seconds: 15, flags: noContact(2), acknowledge: true },
        { seconds: 15, flags: noContact(1, 2) },
      ],
      calls: ['silence-off-body', 'silence-off-body'],
      open: [{ state: 'active', says: /no skin contact: oximetry, steps/ }],
    },
    {
      name: 'calls anew when a second sensor is at fault',
      spells: [
        { seconds: 30 },
        { seconds: 15, flags: [{ stream: 2, fault: true }], acknowledge: true },
        {
          seconds: 15,
          flags: [
            { stream: 1, fault: true },
            { stream: 2, fault: true },
          ],
        },
      ],
      calls: ['silence-sensor-fault', 'silence-sensor-fault'],
      open: [{ state: 'active', says: /sensor fault: oximetry, steps/ }],
    },
    {
      name: 'calls anew when a loose band comes fully off',
      spells: [
        { seconds: 30 },
        { seconds: 15, flags: noContact(2), acknowledge: true },
        { seconds: 15, state: 'off-body' },
      ],
      calls: ['silence-off-body', 'silence-off-body'],
      open: [{ state: 'active', says: /is off the body/ }],
    },
    {
      name: 'calls anew at another kind of refusal, once however they alternate',
      spells: [
        { seconds: 30 },
        { seconds: 20, refused: ['root-mismatch'], acknowledge: true },
        { seconds: 60, refused: ['root-mismatch', 'mac-fail'] },
      ],
      calls: ['refused', 'refused'],
      open: [{ state: 'active', says: /\(mac-fail, root-mismatch\)/ }],
    },
    {
      name: 'calls once for streams that fall silent one shortly after the other',
      spells: [{ seconds: 30 }, { seconds: 6, says: ['oximetry'] }, { seconds: 60, says: [] }],
      calls: ['silence-stream-missing'],
      open: [{ state: 'active', says: /not its oximetry, steps for 15 s/ }],
    },
    {
      name: 'calls once while the same goes on',
      spells: [{ seconds: 30 }, { seconds: 600, says: ['oximetry'] }],
      calls: ['silence-stream-missing'],
      open: [{ state: 'active', says: /not its steps for 15 s/ }],
    },
  ];

  it.each(cases)('$name', ({ spells, calls, open }) => {
    const world = band();
    for (const spell of spells) spend(world, spell);
    expect(world.technical()).toEqual(calls);
    expect(world.twin.open).toMatchObject(
      open.map(({ state, says }) => ({ state, reason: expect.stringMatching(says) })),
    );
  });

  it('of an older journal learns what it names, and calls for nothing more by that', () => {
    const world = band();
    spend(world, { seconds: 30 });
    spend(world, { seconds: 30, says: ['oximetry'], acknowledge: true });
    const [{ parts: _none, ...older }] = world.twin.open as [(typeof world.twin.open)[number]];
    const restored = createBedside();
    restored.resume({ ...world.twin, open: [older] }, world.nowMs, world.seq);
    spend(restored, { seconds: 30, says: ['oximetry'] });
    expect(restored.technical()).toEqual([]);
    expect(restored.twin.open).toMatchObject([{ id: older.id, state: 'acknowledged', parts: ['2'] }]);
    spend(restored, { seconds: 30, says: [] });
    expect(restored.technical()).toEqual(['silence-stream-missing']);
  });
});

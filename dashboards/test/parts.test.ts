import { describe, expect, it } from 'vitest';
import { createEcgBuffer } from '../src/app/clinician/ecg-buffer.ts';
import { mmPerMillivolt, mmPerSecond, pxPerMm, windowSeconds } from '../src/app/clinician/ecg-paper.ts';
import { parseTrust } from '../src/app/proof/trust.ts';
import { login, parseLoginFragment } from '../src/app/session.ts';
import { settings } from '../src/app/settings.ts';
import { downsample, hourRows, median, sparkPath } from '../src/app/shared/trend-data.ts';
import { createSound } from '../src/app/sound.ts';
import { createFakePorts } from './fake-ports.ts';

describe('sound', () => {
  function sounding() {
    const fake = createFakePorts();
    const tones: number[] = [];
    const audio = { tone: (_startS: number, lengthS: number) => void tones.push(lengthS), running: () => true };
    const sound = createSound(fake.ports, () => audio, settings);
    return { fake, sound, tones };
  }

  it('is off until a person allows it', () => {
    const { fake, sound, tones } = sounding();
    sound.setHighAlerts(['a']);
    fake.pass(30_000);
    expect(tones).toHaveLength(0);
    expect(sound.getSnapshot().kind).toBe('off');
  });

  it('gives two bursts of five tones for a high alert, again and again until it is answered', () => {
    const { fake, sound, tones } = sounding();
    sound.allow();
    tones.length = 0;
    sound.setHighAlerts(['a']);
    expect(tones).toHaveLength(10);
    fake.pass(settings.soundRepeatMs + 500);
    expect(tones).toHaveLength(20);
    sound.setHighAlerts([]);
    fake.pass(60_000);
    expect(tones).toHaveLength(20);
  });

  it('comes back by itself after two minutes of pause', () => {
    const { fake, sound, tones } = sounding();
    sound.allow();
    sound.setHighAlerts(['a']);
    sound.pause();
    tones.length = 0;
    fake.pass(119_000);
    expect(tones).toHaveLength(0);
    expect(sound.getSnapshot()).toEqual({ kind: 'paused', leftS: 1 });
    fake.pass(2_000);
    expect(sound.getSnapshot().kind).toBe('on');
    expect(tones.length).toBeGreaterThan(0);
  });

  it('never hides a new high alert behind a pause', () => {
    const { fake, sound, tones } = sounding();
    sound.allow();
    sound.setHighAlerts(['a']);
    sound.pause();
    tones.length = 0;
    fake.pass(10_000);
    sound.setHighAlerts(['a', 'b']);
    expect(tones).toHaveLength(10);
    expect(sound.getSnapshot().kind).toBe('on');
  });
});

describe('ECG', () => {
  it('is calibrated: 25 mm/s and 10 mm/mV in CSS millimetres', () => {
    expect([mmPerSecond, mmPerMillivolt]).toEqual([25, 10]);
    expect(pxPerMm * 25.4).toBeCloseTo(96, 10);
    expect(windowSeconds((10 + 25 * 4) * pxPerMm)).toBeCloseTo(4, 10);
  });

  it('keeps gaps as gaps and forgets what no strip can show', () => {
    const buffer = createEcgBuffer();
    const block = (atMs: number, sample: number) =>
      ({
        type: 'wave',
        patient: 'p',
        code: 1,
        rateHz: 100,
        atMs,
        millivoltPerBit: 0.5,
        samples: Array(100).fill(sample),
      }) as const;
    buffer.add(block(0, 1));
    buffer.add(block(2_000, 2));
    expect([buffer.at(500), buffer.at(1_500), buffer.at(2_500), buffer.at(3_000)]).toEqual([0.5, null, 1, null]);
    buffer.add(block(100_000, 3));
    expect(buffer.at(500)).toBeNull();
    expect(buffer.endMs()).toBe(101_000);
  });
});

describe('trends', () => {
  it('takes medians and leaves empty parts empty', () => {
    expect(median([3, null, 1, 2])).toBe(2);
    expect(downsample([1, 3, null, null, 5, 7], 3)).toEqual([2, null, 6]);
  });

  it('draws no line through a gap', () => {
    expect(sparkPath([1, 2, null, 3, 4], 10, 10).match(/M/g)).toHaveLength(2);
    expect(sparkPath([null, null], 10, 10)).toBe('');
    // One unit more is no cliff where the height stands for ten.
    expect(sparkPath([97, 98], 10, 23)).toBe('M0.0 21.5h0.1L10.0 1.5');
    expect(sparkPath([97, 98], 10, 23, 10)).toBe('M0.0 12.5h0.1L10.0 10.5');
    // Written down every second part: one line, and a gap where it was left out for longer.
    expect(sparkPath([1, null, 2, null, 3, null, null, null, null, 4, null, 5], 10, 10).match(/M/g)).toHaveLength(2);
  });

  it('gives the same as a table, hour by hour, newest first', () => {
    const values = [...Array(60).fill(1), ...Array(30).fill(null), ...Array(30).fill(9)];
    const rows = hourRows(values, 7_200_000, 60_000);
    expect(rows).toEqual([
      { fromMs: 3_600_000, low: 9, median: 9, high: 9 },
      { fromMs: 0, low: 1, median: 1, high: 1 },
    ]);
  });
});

describe('login', () => {
  it('reads code, role and person from the fragment, and nothing else', () => {
    expect(parseLoginFragment('#login=AB12&role=caregiver&person=Eva%20Li')).toEqual({
      code: 'AB12',
      role: 'caregiver',
      person: 'Eva Li',
    });
    expect(parseLoginFragment('#login=AB12')).toEqual({ code: 'AB12', role: 'clinician', person: null });
    expect(parseLoginFragment('#role=clinician')).toBeUndefined();
  });

  it('tells a refused code from an absent server', async () => {
    const fake = createFakePorts();
    fake.control.reply = { status: 401, bytes: new Uint8Array() };
    expect(await login(fake.ports, 'x', 'Ana')).toMatchObject({ ok: false, message: /works once/ });
    const away = { ...fake.ports, request: () => Promise.reject(new Error('offline')) };
    expect(await login(away, 'x', 'Ana')).toMatchObject({ ok: false, message: /does not answer/ });
  });
});

describe('trust anchors', () => {
  it('takes hex and base64url thumbprints and refuses everything else whole', () => {
    const hex = 'ab'.repeat(32);
    const base64url = Buffer.alloc(32, 7).toString('base64url');
    const anchors = parseTrust(JSON.stringify({ owners: [hex], signers: [base64url] }));
    expect(anchors?.owners[0]).toEqual(new Uint8Array(32).fill(0xab));
    expect(anchors?.signers[0]).toEqual(new Uint8Array(32).fill(7));
    for (const text of ['', '[]', '{"owners":"x"}', JSON.stringify({ owners: [hex, 'ab'] })])
      expect(parseTrust(text)?.owners ?? []).toEqual([]);
    expect(parseTrust(JSON.stringify({ owners: [hex, 'ab'] }))).toBeUndefined();
  });
});

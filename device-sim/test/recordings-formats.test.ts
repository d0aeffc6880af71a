import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bedsideHub, codes, missingSample, toValue, wristBand } from '@pulseseal/firmware-profiles';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Body, Sample } from '../src/bodies/mod.ts';
import { discoverRecordings, loadBodies } from '../src/recordings/mod.ts';
import { createResampler } from '../src/recordings/resample.ts';
import { parseWfdbHeader } from '../src/recordings/wfdb-header.ts';
import { checksum, decodeSignals, missing } from '../src/recordings/wfdb-signals.ts';

const pack212 = (samples: readonly number[]): Uint8Array => {
  const out = new Uint8Array(Math.ceil(samples.length / 2) * 3);
  samples.forEach((sample, i) => {
    const at = (i >> 1) * 3;
    const raw = sample & 0xfff;
    if (i % 2 === 0) {
      out[at] = raw & 0xff;
      out[at + 1]! |= raw >> 8;
    } else {
      out[at + 2] = raw & 0xff;
      out[at + 1]! |= (raw >> 4) & 0xf0;
    }
  });
  return out;
};
const pack16 = (samples: readonly number[]): Uint8Array => new Uint8Array(Int16Array.from(samples).buffer);
const bits12 = fc.integer({ min: -2047, max: 2047 });

describe('WFDB', () => {
  it('reads every field of a header', () => {
    const header = parseWfdbHeader(
      '# first\nr1 2 125/8(3) 10 10:00:00 1/2/2003\nr1.dat 212x4:3+24 2963.77(-5)/mV 12 7 -1 99 0 MCL1 left\nr1.dat 212 0 12 3\n# end',
      'r1',
    );
    expect(header.framesPerSecond).toBe(125);
    expect(header.frameCount).toBe(10);
    expect(header.comments).toEqual(['first', 'end']);
    expect(header.signals[0]).toEqual({
      file: 'r1.dat',
      format: 212,
      samplesPerFrame: 4,
      skewFrames: 3,
      byteOffset: 24,
      gain: 2963.77,
      baseline: -5,
      units: 'mV',
      adcZero: 7,
      initialValue: -1,
      checksum: 99,
      description: 'MCL1 left',
    });
    expect(header.signals[1]).toMatchObject({ gain: 200, baseline: 3, units: 'mV', samplesPerFrame: 1 });
  });

  it.each([
    ['text', 'hello'],
    ['several segments', 'r/3 2 360 100'],
    ['a rate of nothing', 'r 1 0 100\nr.dat 16'],
    ['too few lines', 'r 2 360 100\nr.dat 16'],
    ['a strange format', 'r 1 360 100\nr.dat x16'],
  ])('refuses %s by name', (_name, text) => {
    expect(() => parseWfdbHeader(text, 'r')).toThrow(/^recording r/);
  });

  it('unpacks any 12-bit samples of several signals, -2048 as missing', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(bits12, bits12, bits12), { minLength: 1, maxLength: 40 }), (frames) => {
        const header = parseWfdbHeader(
          `r 2 100 ${frames.length}\nr.dat 212x2 200 12 0 0 0 0 A\nr.dat 212 200 12 0 0 0 0 B`,
          'r',
        );
        const [a, b] = decodeSignals(header, new Map([['r.dat', pack212([...frames.flat(), 0])]]));
        expect([...a!.samples]).toEqual(frames.flatMap((frame) => frame.slice(0, 2)));
        expect([...b!.samples]).toEqual(frames.map(([, , z]) => z));
        expect(a!.rateHz).toBe(200);
      }),
    );
    const header = parseWfdbHeader('r 1 100 2\nr.dat 212 200', 'r');
    expect([...decodeSignals(header, new Map([['r.dat', pack212([-2048, -1])]]))[0]!.samples]).toEqual([missing, -1]);
  });

  it('unpacks 16-bit samples behind an offset and takes skew out', () => {
    const header = parseWfdbHeader('r 2 100 3\nr.dat 16+4 1\nr.dat 16:1+4 1', 'r');
    const bytes = new Uint8Array([9, 9, 9, 9, ...pack16([1, -2, 3, -32_768, 32_767, 6])]);
    const [a, b] = decodeSignals(header, new Map([['r.dat', bytes]]));
    expect([...a!.samples]).toEqual([1, 3, 32_767]);
    expect([...b!.samples]).toEqual([missing, 6, missing]);
    expect(checksum(a!)).toBe(-32_765);
  });

  it('refuses a cut file, an absent file and an unknown format', () => {
    const header = (format: number) => parseWfdbHeader(`r 1 100 3\nr.dat ${format} 1`, 'r');
    const files = new Map([['r.dat', new Uint8Array(4)]]);
    expect(() => decodeSignals(header(16), files)).toThrow(/2 of 3 frames/);
    expect(() => decodeSignals(header(16), new Map())).toThrow(/absent/);
    expect(() => decodeSignals(header(80), files)).toThrow(/format 80/);
  });
});

describe('resampler', () => {
  const sine = (hz: number, rateHz: number, seconds: number) => {
    const length = rateHz * seconds;
    return {
      length,
      at: (i: number) => (i >= 0 && i < length ? Math.sin((2 * Math.PI * hz * i) / rateHz) : Number.NaN),
    };
  };
  const rms = (values: readonly number[]) => Math.sqrt(values.reduce((a, b) => a + b * b, 0) / values.length);

  it.each([
    [360, 250],
    [500, 250],
    [250, 125],
    [125, 250],
    [128, 250],
  ])('keeps a sine of 10 Hz from %d Hz to %d Hz within 0.1 %%', (from, to) => {
    const out = createResampler(sine(10, from, 4), from, to);
    expect(Math.abs(out.length - to * 4)).toBeLessThanOrEqual(2);
    const errors = Array.from({ length: 2 * to }, (_, i) => i + to).map(
      (n) => out.at(n) - Math.sin((2 * Math.PI * 10 * n) / to),
    );
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan(0.001);
  });

  it('lets nothing above the new Nyquist rate fold back', () => {
    const out = createResampler(sine(170, 500, 4), 500, 250);
    expect(rms(Array.from({ length: 500 }, (_, i) => out.at(250 + i)))).toBeLessThan(0.001);
  });

  it('keeps a constant exact and a hole a hole', () => {
    const input = { length: 1000, at: (i: number) => (i >= 400 && i < 500 ? Number.NaN : 3) };
    const out = createResampler(input, 360, 250);
    const values = Array.from({ length: out.length }, (_, i) => out.at(i));
    expect(values.filter(Number.isNaN).length).toBeGreaterThanOrEqual(68);
    expect(values.filter(Number.isNaN).length).toBeLessThanOrEqual(71);
    for (const value of values) if (!Number.isNaN(value)) expect(value).toBeCloseTo(3, 9);
  });
});

describe('folders', () => {
  let dir = '';
  const skipped: string[] = [];
  const bodies = new Map<string, Body>();
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'recordings-'));
    const write = (name: string, data: string | Uint8Array) => writeFileSync(join(dir, name), data);
    const ecg = Array.from({ length: 600 }, (_, i) => (i >= 250 && i < 500 ? -32_768 : i % 100));
    write('w1.hea', 'w1 1 250 600\nw1.dat 16 400(0)/mV 16 0 0 0 0 MLII\n');
    write('w1.dat', pack16(ecg));
    const mat = new Uint8Array(24 + 8);
    new Uint32Array(mat.buffer, 0, 5).set([30, 2, 2, 0, 4]);
    mat.set(pack16([1, 2, 3, 4]), 24);
    write('m1.hea', 'm1 2 125 2\nm1.mat 16+24 1/mV 16 0 0 0 0 V\nm1.mat 16+24 1/NU 16 0 0 0 0 PLETH\n');
    write('m1.mat', mat);
    write('broken.hea', 'broken 1 250 600\nw1.dat 80 400/mV 16 0 0 0 0 II\n');
    write('beats.hea', 'beats 0 128 0\n');
    write('notes.csv', 'a,b\n1,2\n');
    write('torn.csv.gz', new Uint8Array([0x1f, 0x8b, 8, 0, 1, 2]));
    write(
      'stays.csv.gz',
      gzipSync(
        'record,minute,param,value\n7,0,HR,300\n7,0,Temp,-17.8\n7,5,NIMAP,92.33\n7,5,NIMAP,90\n7,5,FiO2,0.21\n7,5,MechVent,1\n' +
          '7,400,FiO2,0.21\n8,1,HR,70\n7,401,GCS,15\n7,402,GCS,9\n7,403,Lactate,2\n',
      ),
    );
    write('people.csv', 'record,age,gender\n7,61,0\n8,90,1\n');
    write(
      'wave.csv',
      `Time [s], RESP, PLETH, II\n${Array.from({ length: 250 }, (_, i) => `${i / 125},0.1,${i === 3 ? '' : 0.5},0.25`).join('\r\n')}`,
    );
    const rows = [0, 40, 80, 2000, 2040].map(
      (t) => `t1,wrist,acc,${t},1,0,-1\nt1,wrist,gyr,${t},9,9,9\nt1,waist,acc,${t},3,3,3`,
    );
    write(
      'moves.csv',
      `trial,position,sensor,t_ms,x,y,z\n${rows.join('\n')}\nt2,wrist,acc,10,2,0,0\nt2,wrist,acc,50,2,0,0\n`,
    );
    write('trials.csv', 'trial,subject,label,activity\nt1,4,fall,forward\nt2,4,adl,walking\n');
    const all = await discoverRecordings(dir, { onSkipped: (path, reason) => skipped.push(`${path}: ${reason}`) });
    const runnable = all.filter((recording) => recording.record !== 'broken');
    for (const body of await loadBodies(runnable)) bodies.set(body.record!, body);
    await expect(all.find((recording) => recording.record === 'broken')!.load()).rejects.toThrow(/format 80/);
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const samples = (record: string, device: number): readonly Sample[] =>
    bodies.get(record)!.devices[device]!.advance(10_000_000_000);
  const listed = (list: readonly Sample[]) =>
    list.flatMap((sample) =>
      sample.kind === 'values' ? [[sample.stream, sample.atMs, [...sample.values].sort((a, b) => a[0] - b[0])]] : [],
    );

  it('find each form by what stands in its files and name what they skip', () => {
    expect([...bodies.keys()].sort()).toEqual(['7', '8', 'fall-subject-4', 'm1', 'w1', 'wave']);
    expect(skipped.join('\n')).toMatch(/beats.hea: .*no ECG or pleth/);
    expect(skipped.join('\n')).toMatch(/torn.csv.gz/);
  });

  it('send ECG on a strap whose card names the lead, missing samples as missing', () => {
    const { devices } = bodies.get('w1')!;
    expect(devices.map((device) => [device.profile.name, device.streams])).toEqual([['chest-strap', [3]]]);
    expect(devices[0]!.profile.streams[2]!.items[0]!.code).toBe(codes.ecgLeadII);
    const blocks = samples('w1', 0).map((sample) => (sample.kind === 'block' ? sample : undefined)!);
    // The second of three blocks was not measured at all, so no frame says anything about it.
    expect(blocks.map((block) => [block.atMs, block.quality])).toEqual([
      [1000, 100],
      [2400, 40],
    ]);
    const item = devices[0]!.profile.streams[2]!.items[0]!;
    expect(toValue(item.scale, blocks[0]!.samples[40]!)).toBe(100);
    expect(blocks[1]!.samples[99]).toBe(99);
    expect(blocks[1]!.samples[100]).toBe(missingSample);
  });

  it('read MAT v4 and put ECG and pleth on their devices', () => {
    const body = bodies.get('m1')!;
    expect(body.devices.map((device) => [device.profile.name, device.streams])).toEqual([
      ['chest-strap', [3]],
      ['wrist-band', [3]],
    ]);
    expect(body.devices[0]!.profile.streams[2]!.items[0]!.code).toBe(codes.ecgLead);
    const [block] = samples('m1', 1);
    if (block?.kind !== 'block') throw new Error('no block');
    expect([...block.samples.subarray(0, 3)]).toEqual([20_000, 32_767, missingSample]);
  });

  it('send ICU values as charted, absurd ones too, and nothing that the stay does not hold', () => {
    const body = bodies.get('7')!;
    expect([body.patient, body.ageYears]).toEqual(['ICU 7', 61]);
    expect(body.notes?.join()).toContain('Lactate');
    expect(listed(samples('7', 0))).toEqual([[6, 0, [[0, 3000]]]]);
    expect(listed(samples('7', 1))).toEqual([
      [2, 0, [[0, -1780]]],
      [1, 300_000, [[2, 9233]]],
      [1, 300_000, [[2, 9000]]],
      [
        3,
        300_000,
        [
          [1, 210],
          [2, 1],
        ],
      ],
      [3, 24_000_000, [[1, 210]]],
      [4, 24_060_000, [[1, 15]]],
      [4, 24_120_000, [[1, 9]]],
    ]);
    expect(wristBand.streams[5].charted && bedsideHub.streams.every((stream) => stream.charted)).toBe(true);
  });

  it('read waveform CSV, an empty cell as missing', () => {
    expect(bodies.get('wave')!.notes?.join()).toContain('RESP');
    const [block] = samples('wave', 1);
    if (block?.kind !== 'block') throw new Error('no block');
    expect([...block.samples.subarray(0, 5)]).toEqual([5000, 5000, 5000, missingSample, 5000]);
    expect(block.quality).toBe(99);
  });

  it('put the wrist of a fall trial on 25 Hz, holes as holes, trials apart', () => {
    const body = bodies.get('fall-subject-4')!;
    expect(body.marks).toEqual([
      { fromMs: 0, toMs: 2040, label: 'fall: forward' },
      { fromMs: 7040, toMs: 7080, label: 'adl: walking' },
    ]);
    const blocks = samples('fall-subject-4', 0).map((sample) => (sample.kind === 'block' ? sample : undefined)!);
    expect(blocks.map((block) => block.atMs)).toEqual([1000, 3000, 7080]);
    const [x, hole, z] = [blocks[0]!.samples[0]!, blocks[0]!.samples[3]!, blocks[0]!.samples[50]!];
    expect([x, hole, z]).toEqual([1961, missingSample, -1961]);
  });

  it('end where the recording ends', () => {
    const device = bodies.get('w1')!.devices[0]!;
    expect(device.endMs).toBe(2400);
    device.advance(10_000_000_000);
    expect(device.state().worn).toBe('shutdown');
  });
});

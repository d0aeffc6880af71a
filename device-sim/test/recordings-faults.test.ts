import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { missingSample, toInteger } from '@pulseseal/firmware-profiles';
import { encodeValues } from '@pulseseal/protocol';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Body } from '../src/bodies/mod.ts';
import { createNodeFiles, discoverRecordings, loadBodies, type RecordingFiles } from '../src/recordings/mod.ts';
import { createResampler } from '../src/recordings/resample.ts';

const HOURS_MS = 1e10;
const pack16 = (samples: readonly number[]) => new Uint8Array(Int16Array.from(samples).buffer);
const long = 'record,minute,param,value\n';
const rowsOf = (count: number, row: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => row(i)).join('\n');
const wave = (row: (i: number) => string, count = 500) => `Time [s],II\n${rowsOf(count, row)}\n`;
const even = wave((i) => `${i / 125},0.25`);

let dir = '';
let skipped: string[] = [];
const root = mkdtempSync(join(tmpdir(), 'recording-faults-'));
let next = 0;
beforeEach(() => {
  dir = join(root, String(next++));
  mkdirSync(dir);
  skipped = [];
  write('good.hea', 'good 1 250 500\ngood.dat 16 400(0)/mV 16 0 0 0 0 II\n');
  write('good.dat', pack16(Array.from({ length: 500 }, (_, i) => i % 100)));
});
afterAll(() => rmSync(root, { recursive: true }));

function write(name: string, data: string | Uint8Array) {
  writeFileSync(join(dir, name), data);
}

/** What can be replayed of the folder, by record; every sample of it can be encoded. */
async function replayed(files?: RecordingFiles): Promise<Map<string, Body>> {
  const onSkipped = (path: string, reason: string) => skipped.push(`${basename(path)}: ${reason}`);
  const found = await discoverRecordings(dir, { onSkipped, ...(files === undefined ? {} : { files }) });
  const bodies = new Map((await loadBodies(found, onSkipped)).map((body) => [body.record!, body]));
  for (const body of bodies.values()) {
    expect(body.devices.length, body.name).toBeGreaterThan(0);
    for (const device of body.devices)
      for (const sample of device.advance(HOURS_MS)) {
        expect(Number.isFinite(sample.atMs)).toBe(true);
        if (sample.kind === 'values') encodeValues(sample.values);
      }
  }
  return bodies;
}

describe('one recording that cannot be read is named, and the others are replayed', () => {
  const ecg = (text: string) => `bad ${text} 16 0 0 0 0 II\n`;
  it.each<[string, Readonly<Record<string, string | Uint8Array>>, RegExp]>([
    ['a signal file that is cut', { 'bad.hea': ecg('1 250 900\ngood.dat 16 400/mV') }, /500 of 900 frames/],
    [
      'a signal file that is absent',
      { 'bad.hea': ecg('1 250 9\nbad.dat 16 400/mV') },
      /bad\.hea: .*bad\.dat is absent/,
    ],
    ['a signal file that is a folder', { 'bad.hea': ecg('1 250 9\n.. 16 400/mV') }, /bad\.hea: .*is no file/],
    [
      'a signal file without a byte',
      { 'bad.hea': ecg('1 250 0\nbad.dat 16 400/mV'), 'bad.dat': '' },
      /II: .*no sample/,
    ],
    ['no signal', { 'bad.hea': 'bad 0 250 0\n' }, /bad\.hea: .*no ECG or pleth/],
    ['a header that is none', { 'bad.hea': 'hello world\n' }, /bad\.hea: does not begin like/],
    ['an empty header', { 'bad.hea': '' }, /bad\.hea: does not begin like/],
    ['an unknown format', { 'bad.hea': ecg('1 250 9\ngood.dat 80 400/mV') }, /format 80/],
    ['an ECG that is no voltage', { 'bad.hea': ecg('1 250 9\ngood.dat 16 400/mmHg') }, /nothing in it can be sent/],
    ['a gain so large that all is 0', { 'bad.hea': ecg('1 250 9\ngood.dat 16 1e300/mV') }, /the gain of II/],
    ['a gain so small that all is endless', { 'bad.hea': ecg('1 250 9\ngood.dat 16 1e-300/mV') }, /the gain of II/],
    ['a gain that is no number', { 'bad.hea': ecg('1 250 9\ngood.dat 16 many/mV') }, /the gain of II/],
    ['a baseline out of the world', { 'bad.hea': ecg('1 250 9\ngood.dat 16 1(-9999999999999999)/mV') }, /no sample/],
    ['a rate of 1,000 billion', { 'bad.hea': ecg('1 250 0\ngood.dat 16x4000000000 400/mV') }, /more often than/],
    ['a rate of minutes', { 'bad.hea': ecg('1 0.01 9\ngood.dat 16 400/mV') }, /0\.01 Hz; 1 to 100000/],
    ['an empty CSV', { 'bad.csv': '' }, /bad\.csv: is empty/],
    ['a CSV of an empty line', { 'bad.csv': '\r\n1,2\n' }, /bad\.csv: is empty/],
    ['a CSV of no row', { 'bad.csv': 'Time [s],II\n' }, /fewer than two rows/],
    ['a CSV of 1 row', { 'bad.csv': 'Time [s],II\n0,1\n' }, /fewer than two rows/],
    ['one time alone', { 'bad.csv': wave(() => '1,0.25') }, /stand still/],
    ['times that go back', { 'bad.csv': wave((i) => `${(i === 300 ? 298 : i) / 125},0.25`) }, /go back to 2\.384 s/],
    ['a hole in its times', { 'bad.csv': wave((i) => `${(i > 250 ? i + 5 : i) / 125},1`) }, /not evenly spaced/],
    ['times of endless length', { 'bad.csv': 'Time [s],II\n0,1\n1e300,2\n' }, /0 Hz; 1 to/],
    ['times without length', { 'bad.csv': 'Time [s],II\n0,1\n1e-300,2\n' }, /Hz; 1 to/],
    ['a CSV of NaN', { 'bad.csv': wave((i) => `${i / 125},NaN`) }, /no sample that can be sent/],
    ['a CSV of Infinity', { 'bad.csv': wave((i) => `${i / 125},Infinity`) }, /no sample that can be sent/],
    ['a gzip that is cut', { 'bad.csv.gz': gzipSync(even).subarray(0, 900) }, /bad\.csv\.gz: is cut/],
    ['a gzip that is damaged', { 'bad.csv.gz': gzipSync(even).fill(7, 20, 60) }, /bad\.csv\.gz: is (damaged|cut)/],
    ['a line without end', { 'bad.csv': `Time [s],II,${'x'.repeat(200_000)}` }, /bad\.csv: has a line too long/],
    ['a stay of nothing but notes', { 'bad.csv': `${long}7,0,Lactate,2\n` }, /recording 7: nothing .*Lactate/],
    [
      'a stay whose numbers are too large',
      { 'bad.csv': `${long}7,0,HR,1e300\n` },
      /recording 7: .*too large to send: HR/,
    ],
    [
      'moves without their trials',
      { 'bad.csv': 'trial,position,sensor,t_ms,x,y,z\n' },
      /bad\.csv: .*no CSV with trial/,
    ],
  ])('%s', async (_, files, reason) => {
    for (const [name, data] of Object.entries(files)) write(name, data);
    expect([...(await replayed()).keys()]).toEqual(['good']);
    expect(skipped).toHaveLength(1);
    expect(skipped[0]).toMatch(reason);
  });

  it('a stay of too many rows or none, beside one that is read', async () => {
    write('stays.csv', `${long}7,0,HR,70\n${rowsOf(200_001, () => '8,1,HR,70')}\n`);
    write('people.csv', 'record,age\n7,61\n8,50\n9,40\n');
    expect([...(await replayed()).keys()]).toEqual(['good', '7']);
    expect(skipped.join('\n')).toMatch(/recording 8: has too many rows/);
    expect(skipped.join('\n')).toMatch(/recording 9: nothing in it can be sent/);
  });

  it('a fall subject of a century, or of none, beside one that is read', async () => {
    write('trials.csv', 'trial,subject,label,activity\na,1,fall,x\nb,2,fall,x\nc,3,fall,x\n');
    write(
      'moves.csv',
      `trial,position,sensor,t_ms,x,y,z\n${['a,wrist,acc,0,1,0,0', 'a,wrist,acc,40,1,0,1e300', 'a,wrist,acc,80,1,0,0', 'b,wrist,acc,0,1,0,0', 'b,wrist,acc,1e300,1,0,0'].join('\n')}`,
    );
    const bodies = await replayed();
    expect([...bodies.keys()]).toEqual(['good', 'fall-subject-1']);
    expect(bodies.get('fall-subject-1')!.notes!.join()).toMatch(/left out 1 rows: time or acceleration/);
    expect(skipped.join('\n')).toMatch(/fall-subject-2: its trials last longer/);
    expect(skipped.join('\n')).toMatch(/fall-subject-3: has no reading/);
  });

  it('a gzip that unpacks to more than fits', async () => {
    const columns = 20_000;
    const rows = '0\n'.repeat(25_000_000 / columns + 1);
    write('wide.csv.gz', gzipSync(`Time [s],${'II,'.repeat(columns)}\n${rows}`, { level: 1 }));
    const trials = 'a,1,fall,x\n'.repeat(100_001);
    write('trials.csv.gz', gzipSync(`trial,subject,label,activity\n${trials}`));
    write('moves.csv', 'trial,position,sensor,t_ms,x,y,z\na,wrist,acc,0,1,0,0\na,wrist,acc,40,1,0,0\n');
    expect([...(await replayed()).keys()]).toEqual(['good']);
    expect(skipped.join('\n')).toMatch(/wide: has more than 25000000 samples/);
    expect(skipped.join('\n')).toMatch(/trials\.csv\.gz: has too many trials/);
  });

  it('links: to a file, to a folder, in a loop, and as a signal file', async () => {
    symlinkSync(join(dir, 'good.hea'), join(dir, 'again.hea'));
    symlinkSync(dir, join(dir, 'round'));
    symlinkSync(join(dir, 'loop.csv'), join(dir, 'loop.csv'));
    symlinkSync(join(dir, 'bad.dat'), join(dir, 'bad.dat'));
    write('bad.hea', ecg('1 250 9\nbad.dat 16 400/mV'));
    expect([...(await replayed()).keys()]).toEqual(['good']);
    const said = skipped.join('\n');
    for (const name of ['again.hea', 'round', 'loop.csv']) expect(said).toContain(`${name}: is a link`);
    expect(said).toMatch(/bad\.hea: .*bad\.dat is a loop of links/);
  });

  it('folders named as files are looked into', async () => {
    for (const name of ['x.csv', 'y.hea', 'z.csv.gz']) mkdirSync(join(dir, name));
    writeFileSync(join(dir, 'x.csv', 'inner.csv'), even);
    expect([...(await replayed()).keys()]).toEqual(['good', 'inner']);
    expect(skipped).toEqual([]);
  });

  it('files and folders that may not be read', async () => {
    write('shut.csv', even);
    write('shut.hea', ecg('1 250 9\ngood.dat 16 400/mV'));
    mkdirSync(join(dir, 'shut'));
    // Root may read everything: what the disk would answer anybody else stands in for it.
    const denied = Object.assign(new Error("EACCES: permission denied, open '/x'"), { code: 'EACCES' });
    const real = createNodeFiles();
    const guard = <T>(path: string, answer: () => T): T => {
      if (basename(path).startsWith('shut')) throw denied;
      return answer();
    };
    const bodies = await replayed({
      list: async (path) => guard(path, () => real.list(path)),
      read: async (path, most) => guard(path, () => real.read(path, most)),
      lines: (path) => guard(path, () => real.lines(path)),
    });
    expect([...bodies.keys()]).toEqual(['good']);
    for (const name of ['shut', 'shut.csv', 'shut.hea'])
      expect(skipped).toContain(`${name}: may not be read: its permissions forbid it`);
  });

  it('a folder that is not there at all', async () => {
    dir = join(dir, 'absent');
    expect((await replayed()).size).toBe(0);
    expect(skipped).toEqual(['absent: is absent']);
  });
});

describe('what is odd in a recording and can be read', () => {
  it('byte order marks and line ends of other systems', async () => {
    write('bom.hea', '\ufeffbom 1 250 500\r\ngood.dat 16 400(0)/mV 16 0 0 0 0 II\r\n');
    write('wave.csv', `\ufeff${even.replaceAll('\n', '\r\n')}`);
    write('stays.csv.gz', gzipSync(`\ufeff${long}7,0,HR,70\n`.replaceAll('\n', '\r\n')));
    write('people.csv', '\ufeffrecord,age\r\n7,61\r\n');
    const bodies = await replayed();
    expect([...bodies.keys()].sort()).toEqual(['7', 'bom', 'good', 'wave']);
    expect(bodies.get('7')!.ageYears).toBe(61);
    expect(skipped).toEqual([]);
  });

  it('a file of ages that is cut costs the ages alone, and an age that is none is unknown', async () => {
    write('stays.csv', `${long}7,0,HR,70\n`);
    write('people.csv.gz', gzipSync('record,age\n7,61\n').subarray(0, 30));
    expect((await replayed()).get('7')).not.toHaveProperty('ageYears');
    expect(skipped.join('\n')).toMatch(/people\.csv\.gz: is cut.*without ages/);
    rmSync(join(dir, 'people.csv.gz'));
    write('people.csv', 'record,age\n7,1e300\n');
    expect((await replayed()).get('7')).not.toHaveProperty('ageYears');
  });

  it('charted numbers that no frame holds are left out by name, the rest of the stay goes out', async () => {
    const rows = ['7,0,HR,1e300', '7,1,HR,71', '7,2,HR,Infinity', '7,3,Temp,-1e300', '7,4,Temp,abc', '7,1e300,HR,1'];
    write('stays.csv', `${long}${[...rows, '7,-1,HR,1', '7,0.333333,HR,72'].join('\n')}\n`);
    const body = (await replayed()).get('7')!;
    expect(body.devices.map((device) => device.profile.name)).toEqual(['wrist-band']);
    expect(body.devices[0]!.endMs).toBe(180_000);
    expect(body.notes).toContain('left out, numbers too large to send: HR, Temp');
    expect(body.notes).toContain('left out 4 rows: minute or value cannot be read');
  });

  it('samples far beyond a frame are left out and counted, and those around them stay as they are', async () => {
    write(
      'wave.csv',
      wave((i) => `${i / 125},${i === 100 ? '1e300' : i === 101 ? '-1e39' : '0.25'}`),
    );
    const body = (await replayed()).get('wave')!;
    expect(body.notes).toContain('left out 2 samples of II: far beyond what a frame holds');
    const again = (await loadBodies(await discoverRecordings(dir))).find(({ record }) => record === 'wave')!;
    const blocks = again.devices[0]!.advance(HOURS_MS).map((sample) => (sample.kind === 'block' ? sample : undefined)!);
    const steps = toInteger(again.devices[0]!.profile.streams[2]!.items[0]!.scale, 250);
    const seen = new Set(blocks.flatMap(({ samples }) => [...samples]));
    expect([...seen].sort((a, b) => a - b)).toEqual([missingSample, steps]);
    expect(blocks[0]!.samples[190]).toBe(steps);
  });

  it('cells that hold no number, and rows without a time, are counted', async () => {
    write(
      'wave.csv',
      wave((i) => `${i === 250 ? 'late' : i / 125},${i === 7 ? 'n/a' : i === 8 ? '' : 0.25}`),
    );
    const { notes } = (await replayed()).get('wave')!;
    expect(notes).toContain('left out 1 rows without a time');
    expect(notes).toContain('left out 1 cells that hold no number');
  });

  it.each([62.4725, 333.33, 1000 / 3, 249.89])('rows at %d Hz for 20 minutes', async (hz) => {
    write(
      'wave.csv',
      wave((i) => `${(i / hz).toFixed(6)},${Math.sin((2 * Math.PI * 3 * i) / hz).toFixed(6)}`, Math.round(hz * 1200)),
    );
    const body = (await replayed()).get('wave');
    expect(skipped).toEqual([]);
    expect(Math.abs(body!.devices[0]!.endMs! - 1_200_000)).toBeLessThan(20);
  });
});

describe('any rate', () => {
  it.each([
    [249.89, 250],
    [62.4725, 250],
    [256.41, 250],
    [333.33, 250],
    [1000 / 3, 250],
    [Math.PI * 100, 125],
    [97.65625, 125],
    [12_207.03, 250],
  ])('a sine of 10 Hz at %d Hz becomes the same sine at %d Hz, for ten minutes', (from, to) => {
    const length = Math.floor(from * 600);
    const out = createResampler({ length, at: (i) => Math.sin((2 * Math.PI * 10 * i) / from) }, from, to);
    expect(Math.abs(out.length - to * 600)).toBeLessThanOrEqual(2 * (1 + to / from));
    let most = 0;
    // The last minute, where a rate that is only nearly right would have run away.
    for (let n = to * 540; n < to * 599; n += 7)
      most = Math.max(most, Math.abs(out.at(n) - Math.sin((2 * Math.PI * 10 * n) / to)));
    expect(most).toBeLessThan(0.001);
  });

  it.each([0, 0.5, -250, Number.NaN, 1e9])('%d Hz is refused before a sample is asked for', (hz) => {
    expect(() => createResampler({ length: 10, at: () => 1 }, hz, 250)).toThrow(/cannot resample/);
  });
});

import { join } from 'node:path';
import { codes, toValue } from '@pulseseal/firmware-profiles';
import { sharedDir } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import { chooseRecordings, createNodeFiles, discoverRecordings, icuRows, loadBodies } from '../src/recordings/mod.ts';
import { physical, readSignals } from '../src/recordings/wfdb.ts';
import { parseWfdbHeader } from '../src/recordings/wfdb-header.ts';
import { checksum } from '../src/recordings/wfdb-signals.ts';

const dir = sharedDir('data');
const files = createNodeFiles();

describe.skipIf(dir === undefined)('public recordings', () => {
  const read = async (path: string) => {
    const at = join(dir!, path);
    const header = parseWfdbHeader(new TextDecoder().decode(await files.read(at, 65_536)), path);
    return { header, signals: await readSignals(at, header, files) };
  };

  it.each([
    ['ecg/100.hea', [650_000, 650_000]],
    ['ecg/105.hea', [650_000, 650_000]],
    ['waveforms/a103l.hea', [82_500, 82_500, 82_500]],
    ['waveforms/03700181.hea', [300_000, 75_000, 75_000]],
  ])('%s: lengths, first values and checksums are those of its header', async (path, lengths) => {
    const { header, signals } = await read(path);
    expect(signals.map(({ samples }) => samples.length)).toEqual(lengths);
    for (const [i, signal] of signals.entries()) {
      const { initialValue, checksum: sum, skewFrames } = header.signals[i]!;
      if (skewFrames > 0) continue;
      expect(signal.samples[0]).toBe(initialValue);
      expect(checksum(signal)).toBe(sum);
    }
  });

  it('record 100 begins at (995 - 1024) / 200 mV', async () => {
    const { signals } = await read('ecg/100.hea');
    expect(physical(signals[0]!).at(0)).toBeCloseTo(-0.145, 9);
  });

  it('finds, chooses and replays what the folder holds', async () => {
    const all = await discoverRecordings(dir!);
    const count = (kind: string) => all.filter((recording) => recording.kind === kind).length;
    expect([count('wfdb'), count('icu'), count('waveform-csv'), count('falls')]).toEqual([4, 4000, 1, 12]);
    const chosen = chooseRecordings(all, { patients: 20, seed: 1 });
    expect(chosen.length).toBe(5 + 20 + 12);
    expect(chooseRecordings(all, { patients: 20, seed: 1 })).toEqual(chosen);
    expect(chooseRecordings(all, { patients: 20, seed: 2 })).not.toEqual(chosen);

    const bodies = await loadBodies(chosen);
    const streams = new Map(
      bodies.map((body) => [body.record, body.devices.map((device) => [device.profile.name, device.streams])]),
    );
    expect(streams.get('100')).toEqual([['chest-strap', [3]]]);
    expect(streams.get('03700181')).toEqual([['chest-strap', [3]]]);
    expect(streams.get('a103l')).toEqual([
      ['chest-strap', [3]],
      ['wrist-band', [3]],
    ]);
    const strap = bodies.find((body) => body.record === '100')!.devices[0]!;
    const blocks = strap.advance(strap.endMs!);
    expect(blocks.length).toBe(Math.ceil(650_000 / 360));
    expect(strap.profile.streams[2]!.items[0]!.code).toBe(codes.ecgLeadII);
  }, 60_000);

  it('sends every row of a stay that a profile carries, with the value of the file', async () => {
    const all = await discoverRecordings(dir!);
    const stay = all.find((recording) => recording.record === '132539')!;
    const body = await stay.load();
    const expected: string[] = [];
    const carried = new Map<string, number>([
      ['HR', codes.pulseRate],
      ['RespRate', codes.respirationRate],
      ['SaO2', codes.spo2],
      ['NISysABP', codes.nibpSystolic],
      ['NIDiasABP', codes.nibpDiastolic],
      ['NIMAP', codes.nibpMean],
      ['SysABP', codes.abpSystolic],
      ['DiasABP', codes.abpDiastolic],
      ['MAP', codes.abpMean],
      ['Temp', codes.bodyTemperature],
      ['GCS', codes.glasgowComaScore],
    ]);
    for await (const { record, row } of icuRows(stay.path, files)) {
      const code = carried.get(row.param);
      if (record === '132539' && code !== undefined) expected.push(`${row.minute} ${code} ${row.value}`);
    }
    const sent = body.devices.flatMap((device) =>
      device.advance(device.endMs!).flatMap((sample) => {
        if (sample.kind !== 'values') return [];
        const stream = device.profile.streams.find((each) => each.id === sample.stream)!;
        return [...sample.values].map(([index, integer]) => {
          const item = stream.items[index]!;
          return `${sample.atMs / 60_000} ${item.code} ${toValue(item.scale, integer)}`;
        });
      }),
    );
    const raw = new Set([...carried.values()].map(String));
    expect(sent.filter((line) => raw.has(line.split(' ')[1]!)).sort()).toEqual(expected.sort());
    expect(expected.length).toBeGreaterThan(100);
  }, 60_000);
});

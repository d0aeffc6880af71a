import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { sharedDir } from '@pulseseal/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openKeys } from '../../src/processes/zone.ts';
import { freePortBase, pulseseal, scratchFolder } from '../support/run.ts';

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
beforeAll(async () => {
  scratch = await scratchFolder('cli');
});
afterAll(() => scratch?.remove());

describe('the command line', () => {
  it('names every command in its help', async () => {
    const { code, text } = await pulseseal(['help']);
    expect(code).toBe(0);
    for (const name of ['start', 'doctor', 'login', 'proof', 'verify', 'evaluate', 'keys', 'help'])
      expect(text).toContain(name);
  });

  it('refuses an unknown command and shows the help', async () => {
    const { code, text, stderr } = await pulseseal(['strat']);
    expect(code).not.toBe(0);
    expect(text).toBe('');
    expect(stderr).toContain("unknown command 'strat'");
    expect(stderr).toContain('start');
  });

  it.each([
    ['--patients', '0'],
    ['--patients', 'many'],
    ['--patients', '1.5'],
    ['--seed', '-1'],
    ['--speed', '0'],
    ['--speed', 'NaN'],
    ['--port-base', '80'],
    ['--port-base', '70000'],
    ['--for', '0'],
    ['--for', ''],
    ['--for', '2147484'],
    ['--store', 'postgres'],
    ['--store', 'influx=ftp://x'],
  ])('refuses %s %j in one line that names the option and what it got', async (option, value) => {
    const { code, text, stderr } = await pulseseal(['start', option, value, '--data', join(scratch.dir, 'never')]);
    expect(code).not.toBe(0);
    expect(text).toBe('');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain(option);
    expect(stderr).toContain(`"${value}"`);
    expect(existsSync(join(scratch.dir, 'never'))).toBe(false);
  });

  it('refuses a folder without recordings in a line that names it', async () => {
    const empty = join(scratch.dir, 'empty');
    await mkdir(empty);
    const broken = join(scratch.dir, 'broken');
    await mkdir(broken);
    await writeFile(join(broken, 'wave.csv'), 'Time [s],II\n0,1\n');
    const base = String(await freePortBase());
    for (const dir of [empty, broken, join(scratch.dir, 'absent')]) {
      const { code, text, stderr } = await pulseseal([
        'start',
        '--replay',
        dir,
        '--for',
        '5',
        '--json',
        '--data',
        join(scratch.dir, 'r'),
        '--port-base',
        base,
      ]);
      expect(code).not.toBe(0);
      expect(text).toBe('');
      expect(stderr).toContain(dir);
      expect(stderr.includes('wave.csv: recording wave: has fewer than two rows with times')).toBe(dir === broken);
      expect(stderr).not.toMatch(/\n\s+at /);
      // Refused before a process starts or a folder is made.
      expect(existsSync(join(scratch.dir, 'r'))).toBe(false);
    }
  });

  describe('with a port that is taken', () => {
    let server: Server;
    let base: number;
    beforeAll(async () => {
      base = await freePortBase();
      server = createServer();
      await new Promise<void>((resolve) => server.listen(base + 1, '127.0.0.1', resolve));
    });
    afterAll(() => new Promise((resolve) => server.close(resolve)));

    it('says so in one line that names the port and the option', async () => {
      const args = ['start', '--json', '--data', join(scratch.dir, 'taken'), '--port-base', String(base)];
      const { code, text, stderr } = await pulseseal(args);
      expect(code).not.toBe(0);
      expect(text).toBe('');
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stderr).toContain(String(base + 1));
      expect(stderr).toContain('--port-base');
    });

    it('is what doctor finds too, with the fix', async () => {
      const { code, text } = await pulseseal(['doctor', '--data', scratch.dir, '--port-base', String(base)]);
      expect(code).toBe(1);
      const lines = text.split('\n');
      const at = lines.findIndex((line) => line.startsWith('✗') && line.includes(`Port ${base + 1}`));
      expect(at).toBeGreaterThanOrEqual(0);
      expect(lines[at + 1]).toContain('--port-base');
    });
  });

  it('has doctor look at everything that a start needs', async () => {
    const args = ['doctor', '--data', join(scratch.dir, 'none'), '--port-base', String(await freePortBase())];
    const { text } = await pulseseal(args);
    for (const name of ['Node', 'Port', 'Disk speed', 'Disk space', 'Clock', 'Memory', 'influxd', 'Data folder'])
      expect(text).toMatch(new RegExp(`^[✓✗] ${name}`, 'm'));
    expect(text).toMatch(/^✓ Node/m);
  });

  it('has doctor go on when a part of the folder cannot be read, with a cross there and a fix that a shell takes', async () => {
    const dir = join(scratch.dir, "o'dd folder");
    await mkdir(join(dir, 'edge'), { recursive: true });
    await chmod(dir, 0o755);
    await writeFile(join(dir, 'edge', 'journal'), 'no folder');
    const base = String(await freePortBase());
    const { code, text } = await pulseseal(['doctor', '--data', dir, '--port-base', base]);
    expect(code).toBe(1);
    expect(text).toMatch(/^✗ Log edge\/journal +\S+.* cannot be read/m);
    const fix = /→ (chmod .*)$/m.exec(text)![1]!;
    await promisify(execFile)('sh', ['-c', fix]);
    expect((await stat(dir)).mode & 0o077).toBe(0);
    const ofFile = await pulseseal(['doctor', '--data', join(dir, 'edge', 'journal'), '--port-base', base]);
    expect(ofFile.code).toBe(1);
    expect(ofFile.text).toMatch(/^✓ Node/m);
    expect(ofFile.text).toMatch(/^✗ Data folder .* is a file/m);
  });

  it('takes the folder where npm was called, not where npm runs it', async () => {
    const env = { INIT_CWD: scratch.dir };
    const { code, stderr } = await pulseseal(['keys', 'list', '--data', 'not-there'], { env, cwd: '/' });
    expect(code).not.toBe(0);
    expect(stderr).toContain(join(scratch.dir, 'not-there'));
  });

  it.each([
    ['proof', ['proof', 'not-an-id'], 'no system'],
    [
      'proof of a device whose name begins with a dash',
      ['proof', '-lvWhwiLIWLsfUIMlZm78Q.2d647d7329a38770.4.0'],
      'no system',
    ],
    ['keys', ['keys', 'trust'], 'does not exist'],
  ] as const)('says what to do when %s finds no data folder', async (_name, args, words) => {
    const { code, text, stderr } = await pulseseal([...args, '--data', join(scratch.dir, 'none')]);
    expect(code).not.toBe(0);
    expect(text).toBe('');
    expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('names the pass phrase that is missing or wrong, and makes no other beside keys that there are', async () => {
    const dir = join(scratch.dir, 'sealed');
    vi.stubEnv('PULSESEAL_PASSPHRASE', 'correct horse');
    await openKeys(join(dir, 'operator'), createSystemRandom(), createSystemClock());
    vi.unstubAllEnvs();
    const list = ['keys', 'list', '--data', dir];
    expect(await pulseseal(list, { env: { PULSESEAL_PASSPHRASE: 'correct horse' } })).toMatchObject({ code: 0 });
    const start = ['start', '--json', '--data', dir, '--port-base', String(await freePortBase())];
    for (const [args, given] of [
      [list, ''],
      [start, ''],
      [list, 'another horse'],
    ] as const) {
      const { code, text, stderr } = await pulseseal(args, { env: { PULSESEAL_PASSPHRASE: given } });
      expect(code, stderr).toBe(2);
      expect(text).toBe('');
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stderr).toContain('PULSESEAL_PASSPHRASE');
      expect(stderr).toContain(join(dir, 'operator'));
    }
    expect(await readdir(join(dir, 'operator'))).toEqual(['keys']);
  });

  it('has keys rotate say that a folder holds no system yet', async () => {
    const { code, stderr } = await pulseseal(['keys', 'rotate', '--data', scratch.dir]);
    expect(code).toBe(2);
    expect(stderr).toContain('Start it once');
  });

  it('refuses a file that is no proof, and one that is not there', async () => {
    const file = join(scratch.dir, 'noise.proof');
    await writeFile(file, createHash('sha512').update('noise').digest());
    const noise = await pulseseal(['verify', file]);
    expect(noise.code).toBe(1);
    expect(noise.text).toContain('✗');
    const absent = await pulseseal(['verify', join(scratch.dir, 'absent.proof')]);
    expect(absent.code).toBe(1);
    expect(absent.stderr).toContain('absent.proof');
    expect(absent.stderr).not.toMatch(/\n\s+at /);
  });
});

describe('evaluate news2', () => {
  it('answers each line, names each bad one, and goes on', async () => {
    const input = [
      '{"rr":18,"spo2":97,"scale":1,"oxygen":false,"sbp":120,"pulse":72,"acvpu":"A","temp":36.8}',
      '{"rr":25,"spo2":91,"oxygen":true,"sbp":90,"pulse":131,"acvpu":"C","temp":39.1}',
      'not json',
      '{"rr":null,"spo2":93,"scale":2}',
      '{"temp":38.05}',
      '[]',
      '{"rr":"fast"}',
      '',
    ].join('\n');
    const { code, text } = await pulseseal(['evaluate', 'news2'], { input });
    expect(code).toBe(0);
    const answers = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(answers).toHaveLength(7);
    expect(answers[0]).toEqual({ total: 0, lower: 0, upper: 0, partial: false, risk: 'low', single3: false });
    expect(answers[1]).toEqual({ total: 19, lower: 19, upper: 19, partial: false, risk: 'high', single3: true });
    // On scale 2 a saturation of 93 says nothing without knowing of oxygen.
    expect(answers[3]).toMatchObject({ total: 0, lower: 0, partial: true, risk: 'low', single3: false });
    expect(answers[4]).toMatchObject({ total: 1, lower: 1, partial: true });
    for (const bad of [2, 5, 6]) {
      expect(Object.keys(answers[bad]!)).toEqual(['error']);
      expect(answers[bad]!.error).toMatch(/^[a-z0-9-]+$/);
    }
  });
});

it('evaluate news2 takes a line feed alone as the end of a line, long decimals, and no part of a line too long', async () => {
  const input = `\ufeff{"rr":15,\r"spo2":97}\r\n{"rr":24.4${'9'.repeat(200)}}\n${'1'.repeat(100_000)}\n{"rr":24.5}`;
  const { code, text } = await pulseseal(['evaluate', 'news2'], { input });
  expect(code).toBe(0);
  const answers = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(answers).toMatchObject([{ total: 0 }, { total: 2 }, { error: 'too-long' }, { total: 3 }]);
});

describe('evaluate vitals', () => {
  const files = async (vitals: string, patients: string) => {
    const dir = await mkdtemp(join(scratch.dir, 'vitals-'));
    await writeFile(join(dir, 'vitals.csv'), vitals);
    await writeFile(join(dir, 'patients.csv'), patients);
    const of = (name: string) => join(dir, name);
    return { dir, of };
  };

  it('writes one risk row for each whole hour with any data so far, and alerts when raised', async () => {
    const { of } = await files(
      'record,minute,param,value\n1,61,HR,72\n1,130,SysABP,85\n1,2880,Temp,36.6\n2,5,RespRate,30\n',
      'record,age\n1,70\n2,50\n',
    );
    const { code, stderr } = await pulseseal([
      ...['evaluate', 'vitals', '--input', of('vitals.csv'), '--patients', of('patients.csv')],
      ...['--risk', of('risk.csv'), '--alerts', of('alerts.csv')],
    ]);
    expect(code, stderr).toBe(0);
    const risk = (await readFile(of('risk.csv'), 'utf8')).trim().split('\n');
    expect(risk[0]).toBe('record,hour,risk,news2,news2_lower,news2_upper');
    const rows = risk.slice(1).map((line) => line.split(','));
    expect(rows.filter(([record]) => record === '1').map(([, hour]) => Number(hour))).toEqual(
      Array.from({ length: 47 }, (_, i) => i + 1),
    );
    expect(rows.filter(([record]) => record === '2')).toHaveLength(48);
    expect(rows.every(([, , empty]) => empty === '')).toBe(true);
    expect(rows.find(([record, hour]) => record === '1' && hour === '2')!.slice(3)).toEqual(['3', '3', '17']);
    const alerts = (await readFile(of('alerts.csv'), 'utf8')).trim().split('\n');
    expect(alerts[0]).toBe('record,minute,rule,priority');
    expect(alerts).toContain('2,6,news2-single-3,medium');
    expect(alerts).toContain('1,131,news2-single-3,medium');
  });

  it('says which file is not there', async () => {
    const { of } = await files('record,minute,param,value\n', 'record,age\n');
    const { code, stderr } = await pulseseal([
      ...['evaluate', 'vitals', '--input', of('absent.csv'), '--patients', of('patients.csv')],
      ...['--risk', of('risk.csv'), '--alerts', of('alerts.csv')],
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('absent.csv');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('never writes over what it reads', async () => {
    const text = 'record,minute,param,value\n1,61,HR,72\n';
    const { of } = await files(text, 'record,age\n1,70\n');
    const call = ['evaluate', 'vitals', '--input', of('vitals.csv'), '--patients', of('patients.csv')];
    for (const [risk, alerts] of [
      ['vitals.csv', 'alerts.csv'],
      ['risk.csv', 'patients.csv'],
      ['both.csv', 'both.csv'],
    ] as const) {
      const { code, stderr } = await pulseseal([...call, '--risk', of(risk), '--alerts', of(alerts)]);
      expect(code).toBe(2);
      expect(stderr).toContain('same file');
    }
    expect(await readFile(of('vitals.csv'), 'utf8')).toBe(text);
  });

  const recordings = sharedDir('data/icu-vitals');
  it.skipIf(recordings === undefined)(
    'streams 4,000 stays well within ten minutes',
    async () => {
      const { of } = await files('', '');
      const startMs = performance.now();
      const { code, stderr } = await pulseseal([
        ...['evaluate', 'vitals', '--input', join(recordings!, 'cinc2012-set-a-vitals.csv.gz')],
        ...['--patients', join(recordings!, 'cinc2012-set-a-patients.csv')],
        ...['--risk', of('risk.csv'), '--alerts', of('alerts.csv')],
      ]);
      const tookS = (performance.now() - startMs) / 1000;
      console.info(`evaluate vitals: 4,000 stays in ${tookS.toFixed(1)} s`);
      expect(code, stderr).toBe(0);
      expect(stderr).toContain('100 %');
      expect(tookS).toBeLessThan(600);
      // A few of the stays have an age but no vital sign, and so no row.
      const first = (text: string) =>
        new Set(
          text
            .trim()
            .split('\n')
            .slice(1)
            .map((line) => line.split(',')[0]),
        );
      const recorded = first(gunzipSync(await readFile(join(recordings!, 'cinc2012-set-a-vitals.csv.gz'))).toString());
      expect(recorded.size).toBeGreaterThan(3990);
      expect(first(await readFile(of('risk.csv'), 'utf8'))).toEqual(recorded);
    },
    600_000,
  );
});

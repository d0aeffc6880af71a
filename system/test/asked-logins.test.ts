import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSilentLogger, createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { createSessions, type Sessions } from '@pulseseal/twin-service';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loginCommand } from '../src/commands/login.ts';
import { LOGIN_LIMITS, LOGINS_FOLDER, takeAskedLogins } from '../src/processes/asked-logins.ts';

const wall = createSystemClock();
let data: string;
let folder: string;
let sessions: Sessions;
let family: readonly string[];
let noted: unknown[];
let isDiskFull: boolean;
let stop: () => void;

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'login-'));
  const care = join(data, 'care');
  await mkdir(care);
  folder = join(care, LOGINS_FOLDER);
  await writeFile(join(data, 'running'), String(process.pid));
  await writeFile(join(care, 'address.json'), JSON.stringify({ board: 'http://127.0.0.1:4680' }));
  sessions = createSessions(wall, createSystemRandom());
  family = ['p1', 'p2'];
  noted = [];
  isDiskFull = false;
  stop = await takeAskedLogins({
    base: { dir: care, wall, logger: createSilentLogger() },
    sessions,
    twins: {
      async noteLogin(note) {
        if (isDiskFull) throw new Error('full');
        noted.push(note);
      },
    },
    family: () => family,
  });
});

afterEach(async () => {
  stop();
  await rm(data, { recursive: true });
});

async function asked(role?: string): Promise<{ readonly lines: string[]; readonly code: string }> {
  const lines: string[] = [];
  expect(await loginCommand({ data, ...(role === undefined ? {} : { role }) }, (line) => lines.push(line))).toBe(0);
  const code = new URLSearchParams(new URL(lines[0]!).hash.slice(1)).get('login')!;
  return { lines, code };
}

describe('pulseseal login', () => {
  it.each([
    [undefined, 'clinician', 'all'],
    ['caregiver', 'caregiver', ['p1', 'p2']],
  ] as const)('as %s gives an address that works once, and notes it', async (said, role, patients) => {
    const { lines, code } = await asked(said);
    expect(lines[0]).toBe(`http://127.0.0.1:4680/#login=${code}&role=${role}`);
    expect(lines[1]).toContain(code);
    const login = sessions.login(code, 'Ana', 'here');
    expect(login).toMatchObject({ role });
    expect(sessions.viewer((login as { token: string }).token)).toMatchObject({ patients });
    expect(sessions.login(code, 'Ana', 'here')).toBe('login-refused');
    expect(noted).toEqual([{ by: 'the operator, by command', role, patients }]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('says what is wrong: a role that is none, a folder that nothing runs with', async () => {
    await expect(loginCommand({ data, role: 'nurse' }, () => {})).rejects.toThrow(
      '--role takes clinician or caregiver',
    );
    await rm(join(data, 'running'));
    await expect(loginCommand({ data }, () => {})).rejects.toThrow(`No system runs with ${data}`);
  });

  it('gives no address while the journal cannot note it, and leaves nothing behind', async () => {
    isDiskFull = true;
    await expect(loginCommand({ data }, () => {})).rejects.toThrow('does not answer');
    expect(await readdir(folder)).toEqual([]);
  }, 20_000);

  it('takes nothing that is no request of now: junk, large, old, a link, another name', async () => {
    const name = (digit: string) => `${digit.repeat(64)}.json`;
    const request = (over: object) =>
      JSON.stringify({ codeHash: 'a'.repeat(64), role: 'clinician', madeMs: wall.nowMs(), ...over });
    await writeFile(join(folder, 'outside'), request({}));
    await Promise.all([
      writeFile(join(folder, name('0')), '{'),
      writeFile(join(folder, name('1')), request({ more: 'x'.repeat(LOGIN_LIMITS.fileBytes) })),
      writeFile(join(folder, name('2')), request({ madeMs: wall.nowMs() - LOGIN_LIMITS.ageMs - 5_000 })),
      writeFile(join(folder, name('3')), request({ role: 'operator' })),
      writeFile(join(folder, name('4')), request({ codeHash: 'A' })),
      writeFile(join(folder, name('5')), request({ madeMs: null })),
      writeFile(join(folder, name('6')), 'null'),
      symlink(join(folder, 'outside'), join(folder, name('7'))),
    ]);
    await vi.waitFor(async () => expect(await readdir(folder)).toEqual(['outside']), { timeout: 5_000 });
    expect(noted).toEqual([]);
  });
});

import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, createSystemClock, createSystemRandom, sleep } from '@pulseseal/runtime';
import { newCode } from '@pulseseal/twin-service';
import { LOGIN_LIMITS, LOGINS_FOLDER, type LoginRequest } from '../processes/asked-logins.ts';
import { OptionError, startOptions } from '../start/options.ts';
import { loginAddress } from '../table.ts';

/** The system looks every second; a busy one has a few more. */
const ANSWER_MS = 10_000;

/** `pulseseal login`: a new login of the running system, for who may write into its data folder. */
export async function loginCommand(
  options: { readonly data?: string; readonly role?: string },
  say: (line: string) => void,
): Promise<number> {
  const { role = 'clinician' } = options;
  if (role !== 'clinician' && role !== 'caregiver')
    throw new OptionError(`--role takes clinician or caregiver, got "${role}"`);
  const raw = options.data === undefined ? {} : { data: options.data };
  const { dataDir } = startOptions(raw, process.env.INIT_CWD ?? process.cwd());
  const care = join(dataDir, 'care');
  if (!existsSync(join(dataDir, 'running')) || !existsSync(join(care, 'address.json')))
    throw new OptionError(`No system runs with ${dataDir}. npm start prints new logins; --data names another folder.`);
  const { board } = JSON.parse(await readFile(join(care, 'address.json'), 'utf8')) as { readonly board: string };
  const wall = createSystemClock();
  const { code, codeHash } = newCode(createSystemRandom());
  if (!(await isTaken(join(care, LOGINS_FOLDER), { codeHash, role, madeMs: wall.nowMs() }, wall)))
    throw new Error(`The system of ${dataDir} does not answer. Look whether it runs and whether its disk is full.`);
  say(loginAddress(board, code, role));
  say(`One-time login ${code} (already in the address). It works once, within 10 minutes.`);
  return 0;
}

/** Leaves the request and waits until the system has removed it, which says that the code is known from now on. */
async function isTaken(folder: string, request: LoginRequest, wall: Clock): Promise<boolean> {
  const path = join(folder, `${request.codeHash}.json`);
  await writeFile(`${path}.new`, JSON.stringify(request), { mode: 0o600, flag: 'wx' });
  await rename(`${path}.new`, path);
  for (let waitedMs = 0; waitedMs < ANSWER_MS; waitedMs += LOGIN_LIMITS.periodMs / 10) {
    await sleep(wall, LOGIN_LIMITS.periodMs / 10);
    if (!existsSync(path)) return true;
  }
  await rm(path, { force: true });
  return false;
}

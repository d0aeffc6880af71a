import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Role } from '@pulseseal/protocol';
import type { Sessions, TwinService } from '@pulseseal/twin-service';
import { privateFolder, type ZoneBase } from './zone.ts';

/** Where `pulseseal login` asks: in the care zone's folder, where only the operator may write (mode 0700). */
export const LOGINS_FOLDER = 'logins';

/** What the operator leaves there. The code itself is on no disk. */
export interface LoginRequest {
  /** SHA-256 of the code, hex. */
  readonly codeHash: string;
  readonly role: Role;
  readonly madeMs: number;
}

export const LOGIN_LIMITS = {
  /** A person waits for it. */
  periodMs: 1_000,
  /** A request is about 130 bytes. */
  fileBytes: 512,
  /** Files that are looked at in a period: a person asks for one. */
  files: 16,
  /** One that nobody waits for any more is not taken. */
  ageMs: 60_000,
} as const;

export interface AskedLoginsPorts {
  readonly base: Pick<ZoneBase, 'dir' | 'wall' | 'logger'>;
  readonly sessions: Pick<Sessions, 'admitCode'>;
  readonly twins: Pick<TwinService, 'noteLogin'>;
  /** Whom a caregiver's login shows; empty while nobody is known yet. */
  readonly family: () => readonly string[];
}

/** Takes requests until stopped: each is noted in the journal, admitted, and then removed, which is the answer. */
export async function takeAskedLogins({ base, sessions, twins, family }: AskedLoginsPorts): Promise<() => void> {
  const folder = await privateFolder(join(base.dir, LOGINS_FOLDER));
  const take = async (path: string) => {
    const request = await readRequest(path);
    const ageMs = request === undefined ? Number.NaN : base.wall.nowMs() - request.madeMs;
    if (request === undefined || !(Math.abs(ageMs) <= LOGIN_LIMITS.ageMs)) {
      base.logger.warn({}, 'a request for a login was of a wrong form or too old, and is not taken');
      return rm(path, { force: true });
    }
    const { codeHash, role } = request;
    if (role === 'caregiver' && family().length === 0) return;
    const grant = { role, patients: role === 'clinician' ? ('all' as const) : family() };
    await twins.noteLogin({ by: 'the operator, by command', ...grant });
    sessions.admitCode(codeHash, grant);
    await rm(path, { force: true });
    base.logger.info({ role }, 'the operator made a login');
  };
  const takeAll = async () => {
    const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
    for (const name of names.slice(0, LOGIN_LIMITS.files)) await take(join(folder, name));
  };
  let isTaking = false;
  return base.wall.every(LOGIN_LIMITS.periodMs, () => {
    if (isTaking) return;
    isTaking = true;
    takeAll()
      .catch((error: NodeJS.ErrnoException) =>
        base.logger.error({ code: error.code ?? 'unknown' }, 'a request for a login could not be taken'),
      )
      .finally(() => {
        isTaking = false;
      });
  });
}

async function readRequest(path: string): Promise<LoginRequest | undefined> {
  const file = await lstat(path);
  if (!file.isFile() || file.size > LOGIN_LIMITS.fileBytes) return undefined;
  if (process.getuid !== undefined && file.uid !== process.getuid()) return undefined;
  try {
    const { codeHash, role, madeMs } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    if (typeof codeHash !== 'string' || !/^[0-9a-f]{64}$/.test(codeHash) || typeof madeMs !== 'number')
      return undefined;
    return role === 'clinician' || role === 'caregiver' ? { codeHash, role, madeMs } : undefined;
  } catch {
    return undefined;
  }
}

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ClockScale } from '@pulseseal/runtime';
import { OptionError, type StartOptions } from './options.ts';

/** What a data folder was made for; a start with other people in it would raise alarms about those who are gone. */
interface Circle {
  readonly format: 1;
  readonly replay: string | null;
  readonly patients: number;
  readonly seed: number;
  readonly speed: number;
  /** Where the data clock of this folder begins. */
  readonly originMs: number;
}

export interface DataFolder {
  readonly scale: ClockScale;
  readonly isNew: boolean;
  /** After a start that failed: what a new folder was to be for is open again. */
  forget(): Promise<void>;
  release(): Promise<void>;
}

/** Makes or reopens the data folder and takes it for this run alone. @throws OptionError with the next step */
export async function openDataFolder(options: StartOptions, nowMs: number): Promise<DataFolder> {
  // A recursive mkdir never ends where a parent exists and takes no folders (/proc).
  const isRecursive = !existsSync(dirname(options.dataDir));
  if (!existsSync(options.dataDir)) await mkdir(options.dataDir, { recursive: isRecursive, mode: 0o700 });
  const release = await takeFolder(options.dataDir);
  const path = join(options.dataDir, 'circle.json');
  const forget = (isNew: boolean) => async () => {
    if (isNew) await rm(path, { force: true });
  };
  try {
    const wanted = {
      replay: options.replay ?? null,
      patients: options.patients,
      seed: options.seed,
      speed: options.speed,
    };
    if (!existsSync(path)) {
      const circle: Circle = { format: 1, ...wanted, originMs: nowMs };
      const temporary = `${path}.${randomBytes(4).toString('hex')}`;
      await writeFile(temporary, `${JSON.stringify(circle)}\n`, { mode: 0o600 });
      await rename(temporary, path);
      return { scale: { originMs: nowMs, speed: options.speed }, isNew: true, forget: forget(true), release };
    }
    const circle = JSON.parse(await readFile(path, 'utf8')) as Circle;
    for (const key of ['replay', 'patients', 'seed', 'speed'] as const) {
      if (circle[key] !== wanted[key]) {
        throw new OptionError(
          `${options.dataDir} was made with ${key} ${circle[key] ?? 'none'}, not ${wanted[key] ?? 'none'}. Use the same option, or another folder with --data.`,
        );
      }
    }
    return { scale: { originMs: circle.originMs, speed: options.speed }, isNew: false, forget: forget(false), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** One run a folder. A crashed run's mark names a process that is gone and is taken over. */
async function takeFolder(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, 'running');
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(String(process.pid));
      await file.close();
      return async () => {
        await rm(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const pid = Number(await readFile(path, 'utf8').catch(() => '0'));
      if (isAlive(pid))
        throw new OptionError(`${dir} is in use by process ${pid}. Stop it, or use another folder with --data.`);
      await rm(path, { force: true });
    }
  }
  throw new OptionError(`${dir} cannot be taken: the file "running" comes back. Stop the other run.`);
}

function isAlive(pid: number): boolean {
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Ended and not yet collected, as a container's first process may leave it for long. Only Linux tells. */
function isZombie(pid: number): boolean {
  try {
    return /\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

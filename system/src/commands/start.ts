import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { createSystemClock } from '@pulseseal/runtime';
import { openDataFolder } from '../start/circle.ts';
import { jsonLines, plainLines, type RuleAlert } from '../start/lines.ts';
import { OptionError, ports, type RawStartOptions, startOptions } from '../start/options.ts';
import { type System, startSystem } from '../start/supervisor.ts';
import { startTable } from '../table.ts';
import { isPortFree } from './doctor.ts';

/** `pulseseal start`: everything on this machine, one process per trust zone. */
export async function startCommand(raw: RawStartOptions): Promise<number> {
  const options = startOptions(raw, process.env.INIT_CWD ?? process.cwd());
  const wall = createSystemClock();
  const say = (text: string) => process.stderr.write(text);
  for (const port of Object.values(ports(options.portBase))) {
    if (!(await isPortFree(port)))
      throw new OptionError(`Port ${port} on 127.0.0.1 is taken. Choose others with --port-base N.`);
  }
  if (options.replay !== undefined && !statSync(options.replay, { throwIfNoEntry: false })?.isDirectory())
    throw new OptionError(`--replay: ${options.replay} is no folder. Name a folder of WFDB or CSV recordings.`);
  if (options.replay !== undefined) {
    const { checkReplay } = await import('../processes/people.ts');
    await checkReplay(options.replay, options);
  }
  const folder = await openDataFolder(options, wall.nowMs());
  const lines = options.json
    ? jsonLines((line) => process.stdout.write(line))
    : plainLines((line) => process.stdout.write(line));
  const interrupt = Promise.withResolvers<'signal'>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.resolve('signal'));
  // A reader that has seen enough (`| head`) and a terminal that is closed are as good as Ctrl-C; a full disk is not.
  process.stdout.removeAllListeners('error').on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE' || code === 'EIO' || code === 'ERR_STREAM_DESTROYED') interrupt.resolve('signal');
  });
  process.stderr.on('error', () => {});

  let system: System | undefined;
  const records = new Map<string, string>();
  const origins = new Map<string, number>();
  // Zones speak as soon as they run; `ready` goes first all the same.
  let early: (() => void)[] | undefined = [];
  const inOrder = (tell: () => void) => (early === undefined ? tell() : void early.push(tell));
  const tellAlert = (alert: RuleAlert) => {
    const record = records.get(alert.patient);
    const originMs = origins.get(alert.patient);
    const place =
      record === undefined || originMs === undefined
        ? undefined
        : { record, recordTimeMs: Math.round(alert.atMs - originMs) };
    lines.alert(alert, place);
  };
  try {
    system = await startSystem(options, folder, wall, {
      alert: (alert) => inOrder(() => tellAlert(alert)),
      began: ({ patient, originMs }) => origins.set(patient, originMs),
      reading: (reading) => inOrder(() => lines.reading(reading)),
      progress(step) {
        if (!options.json) say(`starting: ${step} ...\n`);
      },
    });
    for (const person of system.people) if (person.record !== null) records.set(person.patient, person.record);
    for (const note of system.notes) say(`note: ${note}\n`);
    lines.ready({
      clinician: system.clinician.url,
      caregiver: system.caregiver.url,
      broker: system.broker,
      metrics: system.metrics,
      data: options.dataDir,
    });
    for (const tell of early) tell();
    early = undefined;
    (options.json ? say : (text: string) => process.stdout.write(text))(
      startTable({
        clinicianUrl: system.clinician.url,
        caregiverUrl: system.caregiver.url,
        clinicianCode: system.clinician.code,
        caregiverCode: system.caregiver.code,
        broker: system.broker,
        metrics: system.metrics,
        dataDir: options.dataDir,
        patients: system.people.length,
        speed: options.speed,
      }),
    );
    if (options.open) openBrowser(system.clinician.url);
    const due =
      options.forS === undefined
        ? new Promise<never>(() => {})
        : new Promise<'time'>((resolve) => setTimeout(() => resolve('time'), options.forS! * 1000));
    const why = await Promise.race([interrupt.promise, due, system.broken]);
    if (why !== 'signal' && why !== 'time') {
      say(`${why}. Its last words stand above; the data folder is kept and the next start goes on from it.\n`);
      return 1;
    }
    say('stopping: bodies stop, spools drain, last closes and heads go out ...\n');
    const { totals, isDrained } = await system.finish();
    lines.totals(totals);
    // The totals are the last word: what zones still say while they stop stands in their journals and at the next start.
    early = [];
    return isDrained ? 0 : 1;
  } finally {
    if (system === undefined) await folder.forget();
    await system?.stop();
    await folder.release();
  }
}

function openBrowser(url: string): void {
  spawn(process.platform === 'darwin' ? 'open' : 'xdg-open', [url], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
}

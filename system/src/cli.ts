import { Command } from 'commander';
import { OptionError } from './start/options.ts';

/** The command line. Each command's code is loaded when it is used. */
const program = new Command('pulseseal')
  .description(
    'Sealed wearable telemetry: edge gateway, stream processor, digital twins, proofs. Research software, not a medical device.',
  )
  .showHelpAfterError()
  .exitOverride();

const dataOption = ['--data <dir>', 'data folder (default pulseseal-data/demo)'] as const;
let exitCode = 0;

program
  .command('start')
  .description('start everything on this machine and print one table')
  .option('--replay <dir>', 'replay recordings (WFDB or CSV) of this folder instead of generated people')
  .option(
    '--patients <n>',
    'generated people (default 12), or ICU stays and fall subjects of a replay (default 20 each)',
  )
  .option('--seed <n>', 'seed of people and choices (default 1)')
  .option('--speed <x>', 'data time against wall time (default 1)')
  .option('--data <dir>', 'data folder (default pulseseal-data/demo, or /replay)')
  .option('--port-base <n>', 'first of seven ports on 127.0.0.1 (default 4680)')
  .option('--store <kind>', 'embedded, influx (starts influxd) or influx=URL (default embedded)')
  .option('--for <seconds>', 'stop by itself after so many seconds')
  .option('--json', 'standard output has JSON lines only')
  .option('--open', 'open the clinician board in a browser')
  .action(async (options) => {
    exitCode = await (await import('./commands/start.ts')).startCommand(options);
  });

program
  .command('doctor')
  .description('check what a start needs, with the fix for each fault')
  .option(...dataOption)
  .option('--port-base <n>', 'first port (default 4680)')
  .action(async (options) => {
    const { diagnose, findingLines } = await import('./commands/doctor.ts');
    const { startOptions } = await import('./start/options.ts');
    const checked = startOptions(
      { data: options.data, portBase: options.portBase },
      process.env.INIT_CWD ?? process.cwd(),
    );
    const findings = await diagnose({ dataDir: checked.dataDir, portBase: checked.portBase });
    for (const line of findingLines(findings)) console.log(line);
    exitCode = findings.every((f) => f.ok || f.optional === true) ? 0 : 1;
  });

program
  .command('login')
  .description('make a new one-time login of the running system')
  .option(...dataOption)
  .option('--role <role>', 'clinician or caregiver (default clinician)')
  .action(async (options) => {
    exitCode = await (await import('./commands/login.ts')).loginCommand(options, console.log);
  });

program
  .command('proof <reading>')
  .description('write the proof bundle of one reading to standard output')
  .option(...dataOption)
  .action(async (reading, options) => {
    exitCode = await (await import('./commands/proof.ts')).proofCommand(reading, options.data);
  });

program
  .command('verify <file>')
  .description('verify a proof bundle offline: sensor, manifest, segment, log, ledger, value')
  .option('--trust <file>', 'trust anchors made by `pulseseal keys trust`')
  .action(async (file, options) => {
    exitCode = await (await import('./commands/verify.ts')).verifyCommand(file, options.trust, console.log);
  });

const evaluate = program.command('evaluate').description('run scores and rules on recorded values, without network');
evaluate
  .command('news2')
  .description('JSON lines {rr,spo2,scale,oxygen,sbp,pulse,acvpu,temp} in, scores out')
  .action(async () => {
    exitCode = await (await import('./commands/evaluate.ts')).evaluateNews2(process.stdin, process.stdout);
  });
evaluate
  .command('vitals')
  .description('stream recorded stays through the live rules')
  .requiredOption('--input <file>', 'long format record,minute,param,value (gzip or plain)')
  .requiredOption('--patients <file>', 'patients CSV with record and age')
  .requiredOption('--risk <file>', 'writes record,hour,risk,news2,news2_lower,news2_upper')
  .requiredOption('--alerts <file>', 'writes record,minute,rule,priority')
  .action(async (options) => {
    exitCode = await (await import('./commands/evaluate-vitals.ts')).evaluateVitalsCommand(options);
  });

const keys = program.command('keys').description('list, export and rotate keys; make a trust file');
for (const [name, description] of [
  ['list', 'names and ages of the keys of every zone'],
  ['export-public', 'public keys and fingerprints as JSON'],
  ['trust', 'trust anchors for `verify --trust`, as JSON'],
  ['rotate', 'make new prekeys on the next start'],
] as const) {
  keys
    .command(name)
    .description(description)
    .option(...dataOption)
    .action(async (options) => {
      exitCode = await (await import('./commands/keys.ts')).keysCommand(name, options.data);
    });
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

/** A device's name may begin with "-": such a reading id is an argument, not an option. */
function withIdLast(argv: readonly string[]): string[] {
  const isId = (text: string) => /^-[A-Za-z0-9_-]{21}\.[0-9a-f]{16}\.\d+\.\d+$/.test(text);
  const ids = argv.filter(isId);
  return ids.length === 0 ? [...argv] : [...argv.filter((text) => !isId(text) && text !== '--'), '--', ...ids];
}

/** What to do about a file that the system does not give; undefined for any other error. */
function fileFault(error: unknown): string | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === undefined || path === undefined) return undefined;
  const faults: Readonly<Record<string, string>> = {
    ENOENT: 'does not exist. Check the name.',
    EISDIR: 'is a folder. Name a file.',
    ENOTDIR: 'has a file where a folder must be. Check the name.',
    EEXIST: 'is a file. Name a folder.',
    EACCES: 'may not be used by this user. Change its permissions or choose another.',
    EPERM: 'may not be used by this user. Change its permissions or choose another.',
    EROFS: 'lies on a read-only disk. Choose another.',
    ENOSPC: 'lies on a full disk. Make room or choose another.',
  };
  return faults[code] === undefined ? undefined : `${path} ${faults[code]}`;
}

try {
  await program.parseAsync(withIdLast(process.argv));
} catch (error) {
  if (error instanceof OptionError) {
    process.stderr.write(`${error.message}\n`);
    exitCode = 2;
  } else if (error instanceof Error && 'exitCode' in error) {
    // Commander's own: 0 after help that was asked for, otherwise a call that it does not know.
    exitCode = Number(error.exitCode) === 0 ? 0 : 2;
  } else {
    process.stderr.write(`${fileFault(error) ?? (error instanceof Error ? error.message : String(error))}\n`);
    exitCode = 1;
  }
}
process.exit(exitCode);

import { OptionError } from '../start/options.ts';
import type { FromZone, RunningZone, ToZone, ZoneModule, ZoneName } from './ipc.ts';
import { ZONES } from './ipc.ts';

/** Entry of every zone's process: loads that zone's code alone, serves the supervisor's calls, ends with it. */

const modules: Readonly<Record<ZoneName, () => Promise<ZoneModule<never>>>> = {
  ledger: async () => (await import('./ledger.ts')).runLedger as ZoneModule<never>,
  edge: async () => (await import('./edge.ts')).runEdge as ZoneModule<never>,
  care: async () => (await import('./care.ts')).runCare as ZoneModule<never>,
  body: async () => (await import('./body.ts')).runBody as ZoneModule<never>,
};

const name = process.argv[2] as ZoneName;
if (!ZONES.includes(name) || process.send === undefined) {
  process.stderr.write('This file is started by `pulseseal start`.\n');
  process.exit(2);
}
process.title = `pulseseal ${name}`;

const tell = (message: FromZone) => {
  if (process.connected) process.send?.(message);
};
const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

// The code loads while the zones before this one start.
const loading = modules[name]();
loading.catch(() => {});

let zone: RunningZone | undefined;
let stopping: Promise<void> | undefined;
/** As long as the supervisor waits: a process that stays behind keeps its ports and its folder from the next start. */
const STOP_MS = 8_000;
const stop = (): Promise<void> => {
  stopping ??= (async () => {
    setTimeout(() => process.exit(1), STOP_MS);
    try {
      await zone?.stop();
    } catch (error) {
      process.stderr.write(`the ${name} process did not stop in order: ${textOf(error)}\n`);
      process.exit(1);
    }
    process.exit(0);
  })();
  return stopping;
};

async function handle(message: ToZone): Promise<void> {
  if (message.kind === 'start') {
    const run = await loading;
    zone = await run(message.settings as never, (event, value) => tell({ kind: 'event', name: event, value }));
    tell({ kind: 'ready', value: zone.ready });
    return;
  }
  if (message.kind === 'stop') return stop();
  const call = zone?.calls[message.name];
  try {
    if (call === undefined) throw new Error(`the ${name} process has no call ${message.name}`);
    tell({ kind: 'answer', id: message.id, value: await call(message.value as never) });
  } catch (error) {
    tell({ kind: 'failed', id: message.id, text: textOf(error) });
  }
}

process.on('message', (message) => {
  handle(message as ToZone).catch((error) => {
    tell({ kind: 'fatal', text: textOf(error) });
    // What a person can mend is told in one line; anything else needs the place where it happened.
    if (!(error instanceof OptionError))
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
});
// The supervisor decides when to stop: terminals and service managers signal the whole group at once, and the drain needs
// every zone. `disconnect` tells that the supervisor is gone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.stderr.on('error', () => {});
process.on('disconnect', () => void stop());
process.on('unhandledRejection', (error) => {
  tell({ kind: 'fatal', text: textOf(error) });
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
});

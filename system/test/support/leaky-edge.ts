import type { EdgeZoneSettings } from '../../src/processes/contracts.ts';
import { runEdge } from '../../src/processes/edge.ts';
import type { FromZone, RunningZone, ToZone } from '../../src/processes/ipc.ts';

/**
 * The edge zone with the one fault that the whole design excludes: somebody handed it data keys. Only the test of the
 * scanner starts it, to show that the scanner would see it.
 */
const kept: Uint8Array[] = [];
const zones: RunningZone[] = [];
const tell = (message: FromZone) => process.send?.(message);

async function handle(message: ToZone): Promise<void> {
  if (message.kind === 'start') {
    const { leak, ...settings } = message.settings as EdgeZoneSettings & { readonly leak: readonly Uint8Array[] };
    for (const key of leak) kept.push(key.slice());
    const zone = await runEdge(settings);
    zones.push(zone);
    tell({ kind: 'ready', value: zone.ready });
  }
  if (message.kind === 'stop') {
    for (const zone of zones) await zone.stop();
    process.exit(kept.length > 0 ? 0 : 1);
  }
}

process.on('message', (message) => {
  handle(message as ToZone).catch((error: Error) => tell({ kind: 'fatal', text: error.message }));
});
process.on('disconnect', () => process.exit(0));

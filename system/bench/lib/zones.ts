import { join } from 'node:path';
import { toHex } from '@pulseseal/crypto';
import { connectLedger, ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import { parseCoseKey } from '@pulseseal/protocol';
import { createSystemClock } from '@pulseseal/runtime';
import { type Child, startChild } from '../../src/processes/child.ts';
import type {
  Acceptance,
  CareReady,
  CareZoneSettings,
  EdgeReady,
  EdgeZoneSettings,
  Invitation,
  Person,
} from '../../src/processes/contracts.ts';
import type { LedgerReady, LedgerZoneSettings } from '../../src/processes/ledger.ts';
import { openZone, signerOf } from '../../src/processes/zone.ts';

/** The zones of `npm start` but the bodies: the product's own processes with their delivered settings, on free ports. */
export interface Zones {
  readonly ledger: LedgerReady;
  readonly edge: EdgeReady;
  readonly care: CareReady;
  readonly pids: Readonly<Record<'ledger' | 'edge' | 'care', number>>;
  /** The ward invites these people, and the edge's feed serves it for them. */
  invite(people: readonly Person[]): Promise<readonly Invitation[]>;
  pin(acceptances: readonly Acceptance[]): Promise<void>;
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 8_000;

export async function startZones(dataDir: string): Promise<Zones> {
  const wall = createSystemClock();
  const scale = { originMs: wall.nowMs(), speed: 1 };
  const zone = (name: string) => ({ dir: join(dataDir, name), scale, logLevel: 'warn' });
  const started: Child[] = [];
  const start = async <Ready>(name: 'ledger' | 'edge' | 'care', settings: unknown) => {
    const one = await startChild<Ready>(name, settings);
    started.push(one.child);
    return one;
  };
  const stop = async () => {
    for (const child of started.toReversed()) await child.stop(STOP_GRACE_MS);
  };
  try {
    const operator = await openZone('operator', zone('operator'));
    const signer = await signerOf(operator, 'operator');
    const ledgerSettings: LedgerZoneSettings = { ...zone('ledger'), port: 0, operatorKey: signer.key };
    const ledger = await start<LedgerReady>('ledger', ledgerSettings);
    const address = { url: ledger.ready.url, spkiHash: ledger.ready.spkiHash };
    const edgeSettings: EdgeZoneSettings = {
      ...zone('edge'),
      ledger: address,
      brokerPort: 0,
      metricsPort: 0,
      store: { kind: 'embedded' },
      fromCareDir: join(dataDir, 'care', 'toedge'),
    };
    const edge = await start<EdgeReady>('edge', edgeSettings);
    const client = connectLedger({ ...address, clock: wall });
    const call = ledgerCalls.registerGateway(parseCoseKey(edge.ready.gatewayKey), edge.ready.tenant);
    const act = signAct(signer, ledger.ready.ledgerId, call.fn, call.args, wall.nowMs(), wall.nowMs());
    await submitCall(client, call, act);
    await client.close();
    const careSettings: CareZoneSettings = {
      ...zone('care'),
      ledger: address,
      gateway: edge.ready.gateway,
      feedDir: edge.ready.feedDir,
      journalDir: edge.ready.journalDir,
      boardPort: 0,
      metricsPort: 0,
      // The interface without the board's own files.
      staticDir: join(dataDir, 'no-board'),
      dataDir,
      speed: 1,
    };
    const care = await start<CareReady>('care', careSettings);
    return {
      ledger: ledger.ready,
      edge: edge.ready,
      care: care.ready,
      pids: { ledger: ledger.child.pid, edge: edge.child.pid, care: care.child.pid },
      async invite(people) {
        const invitations = await care.child.call<readonly Invitation[]>('invite', people);
        await edge.child.call(
          'serve',
          invitations.map(({ rid }) => toHex(rid)),
        );
        return invitations;
      },
      pin: (acceptances) => care.child.call('pin', acceptances),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

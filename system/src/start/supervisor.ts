import { join } from 'node:path';
import { toHex } from '@pulseseal/crypto';
import { buildDashboards, dashboardsDist } from '@pulseseal/dashboards';
import { connectLedger, ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import { parseCoseKey } from '@pulseseal/protocol';
import { type Clock, sleep } from '@pulseseal/runtime';
import { type Child, type Fork, forkZone } from '../processes/child.ts';
import type {
  Acceptance,
  BodyBegan,
  BodyReady,
  BodyZoneSettings,
  CareReady,
  CareZoneSettings,
  EdgeReady,
  EdgeZoneSettings,
  Invitation,
} from '../processes/contracts.ts';
import type { LedgerReady, LedgerZoneSettings } from '../processes/ledger.ts';
import { writePublicKeys } from '../processes/public-keys.ts';
import { openZone, signerOf, type ZoneBase } from '../processes/zone.ts';
import { loginAddress } from '../table.ts';
import type { DataFolder } from './circle.ts';
import type { RuleAlert } from './lines.ts';
import { ports, type StartOptions } from './options.ts';
import { renewPrekeys } from './renewal.ts';
import type { BodyAccount, CareAccount, EdgeAccount, Totals } from './totals.ts';
import { addUp } from './totals.ts';

export interface System {
  readonly clinician: { readonly url: string; readonly code: string };
  readonly caregiver: { readonly url: string; readonly code: string };
  readonly broker: string;
  readonly metrics: readonly string[];
  readonly people: BodyReady['people'];
  readonly notes: readonly string[];
  readonly children: Readonly<Record<'ledger' | 'edge' | 'care' | 'body', Child>>;
  /** The first zone that ends by itself. */
  readonly broken: Promise<string>;
  /** Stops the bodies, drains, sends the last closes and heads, counts. `isDrained` false: something stayed behind. */
  finish(): Promise<{ readonly totals: Totals; readonly isDrained: boolean }>;
  stop(): Promise<void>;
}

export interface SystemListeners {
  alert(alert: RuleAlert): void;
  reading(reading: { id: string; value: number; unit: string; grade: string }): void;
  began(began: BodyBegan): void;
  progress(text: string): void;
}

/** Bounds of a shutdown: what a person waits for at most. */
const LIMITS = { drainMs: 15_000, settleMs: 10_000, stopGraceMs: 8_000 } as const;

/** Starts the four zones in the order in which they need each other. */
export async function startSystem(
  options: StartOptions,
  folder: DataFolder,
  wall: Clock,
  on: SystemListeners,
): Promise<System> {
  const zone = (name: string) => ({
    dir: join(options.dataDir, name),
    scale: folder.scale,
    logLevel: options.json ? 'error' : 'warn',
  });
  const port = ports(options.portBase);
  const started: Child[] = [];
  const start = async <Ready>(name: 'ledger' | 'edge' | 'care' | 'body', settings: unknown) => {
    const fork = forks[name];
    waiting.delete(fork);
    const zoneStarted = await fork.start<Ready>(settings);
    started.push(zoneStarted.child);
    return zoneStarted;
  };
  // All at once: each loads its code while those before it start.
  const forks = { ledger: forkZone('ledger'), edge: forkZone('edge'), care: forkZone('care'), body: forkZone('body') };
  const waiting = new Set<Fork>(Object.values(forks));
  try {
    // 1. The operator of the care network: its key stands in the ledger's first block.
    const operator = await openZone('operator', zone('operator'));
    const operatorSigner = await signerOf(operator, 'operator');
    await writePublicKeys(operator, [{ name: 'operator', key: operatorSigner.key }]);
    const board = buildDashboards();
    board.catch(() => {});

    // 2. Ledger, then the edge that anchors on it.
    on.progress('ledger');
    const ledgerSettings: LedgerZoneSettings = {
      ...zone('ledger'),
      port: port.ledger,
      operatorKey: operatorSigner.key,
    };
    const ledger = await start<LedgerReady>('ledger', ledgerSettings);
    const address = { url: ledger.ready.url, spkiHash: ledger.ready.spkiHash };
    on.progress('edge');
    const edgeSettings: EdgeZoneSettings = {
      ...zone('edge'),
      ledger: address,
      brokerPort: port.broker,
      metricsPort: port.edgeMetrics,
      store: options.store,
      fromCareDir: join(options.dataDir, 'care', 'toedge'),
    };
    const edge = await start<EdgeReady>('edge', edgeSettings);
    await registerGateway(operator, edge.ready, ledger.ready, address, wall);

    // 3. The ward.
    on.progress('care');
    await board;
    const careSettings: CareZoneSettings = {
      ...zone('care'),
      ledger: address,
      gateway: edge.ready.gateway,
      feedDir: edge.ready.feedDir,
      journalDir: edge.ready.journalDir,
      boardPort: port.board,
      metricsPort: port.careMetrics,
      staticDir: dashboardsDist(),
      dataDir: options.dataDir,
      speed: options.speed,
    };
    const care = await start<CareReady>('care', careSettings);
    care.child.onEvent((name, value) => {
      if (name === 'alert') on.alert(value as RuleAlert);
      else if (name === 'reading') on.reading(value as { id: string; value: number; unit: string; grade: string });
    });

    // 4. People, their agents and devices. Who may read, and which gateway may serve, comes from their signatures alone.
    on.progress('body');
    const bodySettings: BodyZoneSettings = {
      ...zone('body'),
      ledger: address,
      gateway: edge.ready.gateway,
      brokerPort: edge.ready.brokerPort,
      metricsPort: port.bodyMetrics,
      agentPort: port.agent,
      replay: options.replay ?? null,
      patients: options.patients,
      seed: options.seed,
    };
    const body = await start<BodyReady>('body', bodySettings);
    body.child.onEvent((name, value) => {
      if (name === 'began') on.began(value as BodyBegan);
    });
    on.progress('consent');
    const invitations = await care.child.call<readonly Invitation[]>('invite', body.ready.people);
    await edge.child.call(
      'serve',
      invitations.map((invitation) => toHex(invitation.rid)),
    );
    const acceptances = await body.child.call<readonly Acceptance[]>('accept', invitations);
    const caregiverCode = await care.child.call<string>('pin', acceptances);
    on.progress('devices');
    await body.child.call('run');
    const stopRenewal = renewPrekeys(wall, care.child, body.child);

    const children = { ledger: ledger.child, edge: edge.child, care: care.child, body: body.child };
    return {
      clinician: {
        url: loginAddress(care.ready.board, care.ready.clinicianCode, 'clinician'),
        code: care.ready.clinicianCode,
      },
      caregiver: { url: loginAddress(care.ready.board, caregiverCode, 'caregiver'), code: caregiverCode },
      broker: edge.ready.broker,
      metrics: [edge.ready.metrics, care.ready.metrics, body.ready.metrics],
      people: body.ready.people,
      notes: body.ready.notes,
      children,
      broken: Promise.race(
        Object.values(children).map(async (c) => `the ${c.zone} process ended by itself (exit ${await c.ended})`),
      ),
      finish: () => finish(children, wall),
      stop: () => {
        stopRenewal();
        return stopAll(started);
      },
    };
  } catch (error) {
    for (const fork of waiting) fork.abandon();
    await stopAll(started);
    throw error;
  }
}

async function registerGateway(
  operator: ZoneBase,
  edge: EdgeReady,
  ledgerReady: LedgerReady,
  address: { url: string; spkiHash: Uint8Array },
  wall: Clock,
): Promise<void> {
  const ledger = connectLedger({ ...address, clock: wall });
  try {
    if ((await ledger.read('GetGateway', [edge.gateway])) !== undefined) return;
    const signer = await signerOf(operator, 'operator');
    const call = ledgerCalls.registerGateway(parseCoseKey(edge.gatewayKey), edge.tenant);
    // Milliseconds rise with every start, so the counter needs no file.
    const act = signAct(signer, ledgerReady.ledgerId, call.fn, call.args, wall.nowMs(), wall.nowMs());
    await submitCall(ledger, call, act);
  } finally {
    await ledger.close();
  }
}

async function finish(children: System['children'], wall: Clock): Promise<{ totals: Totals; isDrained: boolean }> {
  const isDrained = await children.body.call<boolean>('drain', LIMITS.drainMs);
  // The edge needs the last closes' roots, the ledger its head, care the receipts: each says when it has settled.
  const untilMs = wall.nowMs() + LIMITS.settleMs;
  await children.edge.call('anchorNow');
  while (wall.nowMs() < untilMs) {
    const [edgeSettled, careSettled] = await Promise.all([
      children.edge.call<boolean>('isSettled'),
      children.care.call<boolean>('isSettled'),
    ]);
    if (edgeSettled && careSettled) break;
    await sleep(wall, 200);
  }
  const [body, edge, care] = await Promise.all([
    children.body.call<BodyAccount>('account'),
    children.edge.call<EdgeAccount>('account'),
    children.care.call<CareAccount>('account'),
  ]);
  return { totals: addUp(body, edge, care), isDrained };
}

/** Bodies first, so that nobody is alarmed by a gateway that is only being stopped. */
async function stopAll(children: readonly Child[]): Promise<void> {
  for (const child of [...children].reverse()) await child.stop(LIMITS.stopGraceMs);
}

import { createMemoryKeyStore, createNativeCrypto } from '@pulseseal/crypto';
import {
  createDevice,
  createLocalPair,
  createManufacturer,
  createMemoryFlash,
  createMqttLink,
  type Device,
  deviceSettings,
} from '@pulseseal/device-sim';
import { wristBand } from '@pulseseal/firmware-profiles';
import { connectLedger } from '@pulseseal/ledger';
import { createMemoryAgentStore, createPatientAgent, defaultPolicy } from '@pulseseal/patient-agent';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import type { Acceptance, Invitation } from '../../src/processes/contracts.ts';
import type { LedgerAddress } from '../../src/processes/zone.ts';
import { BEATS_TO_ALERT, saturationAt } from '../lib/fall.ts';
import { sameClockMs } from '../lib/same-clock.ts';
import { serve } from '../lib/serve.ts';

/**
 * A ward of wearables with the device library, one a patient: each sends its oximetry once a second at a time of its own,
 * whatever the answer takes. Some of them show, second for second, how somebody's saturation falls.
 */
export interface WardOrder {
  readonly broker: string;
  readonly gateway: Uint8Array;
  readonly ledger: LedgerAddress;
  readonly invitations: readonly Invitation[];
}

export interface FallOrder {
  /** Beat at which the fall of the group's saturation begins, for each group. */
  readonly beginsAtBeat: readonly number[];
  readonly devicesPerGroup: number;
}

/** The frame with which the rule's delay is over. */
export interface DueFrame {
  readonly patient: string;
  readonly group: number;
  /** When it was due, and when the device had it to seal; `sameClockMs`. */
  readonly dueMs: number;
  readonly handedMs: number;
}

const OXIMETRY = 1;
const PERIOD_MS = 1_000;
/** What the machine does at once while it sets up. */
const CLAIMS_AT_ONCE = 24;

interface Wearable {
  readonly patient: string;
  readonly device: Device;
}

const clock = createSystemClock();
const random = createSystemRandom();
const crypto = createNativeCrypto();
const ports = { wall: clock, data: clock, random, crypto };
const maker = createManufacturer(random.bytes(32), ports);
const wearables: Wearable[] = [];
let dueFrames: DueFrame[] = [];
let refusedSamples = 0;
let stopSending = () => {};

serve({
  /** Each patient claims a device, names the ward as its reader, and has the papers at ledger and gateway. */
  async accept(order: WardOrder): Promise<Acceptance[]> {
    const ledger = connectLedger({ ...order.ledger, clock });
    const acceptances: Acceptance[] = [];
    const waiting = [...order.invitations];
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        acceptances.push(await acceptOne(order, ledger, next));
    };
    await Promise.all(Array.from({ length: CLAIMS_AT_ONCE }, work));
    await ledger.close();
    wearables.sort((a, b) => (a.patient < b.patient ? -1 : 1));
    return acceptances;
  },
  /** Resolves when all have an accepted epoch. */
  async live(): Promise<void> {
    for (const { device } of wearables) {
      device.start();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    while (wearables.some(({ device }) => device.state !== 'live'))
      await new Promise((resolve) => setTimeout(resolve, 50));
  },
  /** Sends from now on until `stop`. Devices of group g are the g-th in their order. */
  send({ beginsAtBeat, devicesPerGroup }: FallOrder): void {
    const startMs = sameClockMs() + PERIOD_MS;
    const wallMs = Math.floor(clock.nowMs()) + PERIOD_MS;
    dueFrames = [];
    let turn = 0;
    // Turns in the order of their times: device i of n in each second at i/n of it.
    const pump = () => {
      for (; ; turn++) {
        const beat = Math.floor(turn / wearables.length);
        const place = turn % wearables.length;
        const phaseMs = Math.floor((place * PERIOD_MS) / wearables.length);
        const dueMs = startMs + beat * PERIOD_MS + phaseMs;
        if (sameClockMs() < dueMs) return;
        const { patient, device } = wearables[scattered(place)]!;
        const group = Math.floor(scattered(place) / devicesPerGroup);
        const fallsFor = beat - (beginsAtBeat[group] ?? Number.POSITIVE_INFINITY);
        const handedMs = sameClockMs();
        const values = new Map([
          [0, saturationAt(fallsFor)],
          [1, 72],
          [2, 250],
        ]);
        const result = device.send(OXIMETRY, { values }, { atMs: wallMs + beat * PERIOD_MS + phaseMs });
        if (result !== 'kept' && result !== 'pending') refusedSamples++;
        if (fallsFor === BEATS_TO_ALERT) dueFrames.push({ patient, group, dueMs, handedMs });
      }
    };
    const timer = setInterval(pump, 1);
    stopSending = () => clearInterval(timer);
  },
  stop(): { readonly dueFrames: readonly DueFrame[]; readonly refusedSamples: number; readonly backlog: number } {
    stopSending();
    return { dueFrames, refusedSamples, backlog: wearables.reduce((sum, { device }) => sum + device.backlog, 0) };
  },
});

/** A prime step through the devices, so that those of one group are spread over the second. */
const scattered = (place: number): number => (place * 7_919) % wearables.length;

async function acceptOne(
  order: WardOrder,
  ledger: ReturnType<typeof connectLedger>,
  invitation: Invitation,
): Promise<Acceptance> {
  const { broker: url, gateway } = order;
  const factory = maker.make(wristBand.model, wristBand.suite);
  const device = createDevice(
    { ...ports, link: createMqttLink({ clock, random }, { url }), flash: createMemoryFlash() },
    deviceSettings(wristBand, { streams: [OXIMETRY] }),
    factory,
  );
  const link = createMqttLink({ clock, random }, { url });
  const agent = await createPatientAgent(
    {
      ...ports,
      keys: createMemoryKeyStore(clock),
      store: createMemoryAgentStore(),
      ledger,
      gateway: { publish: (topic, bytes) => link.publish(topic, bytes, 1) },
      manufacturers: [maker.key],
    },
    { name: 'owner', policy: defaultPolicy },
  );
  await new Promise<void>((resolve) =>
    link.connect(
      { clientId: agent.text, password: (exporter) => agent.password(gateway, exporter) },
      { up: resolve, down: () => {}, message: () => {} },
    ),
  );
  const [deviceEnd, agentEnd] = createLocalPair();
  device.attach(deviceEnd);
  const scopes = wristBand.scopes.map((scope) => scope.number);
  const { rid, prekeyId, prekey, expiresMs } = invitation;
  await agent.claim(agentEnd, {
    code: maker.qr(factory),
    suite: wristBand.suite,
    scopes,
    recipients: [{ rid, prekeyId, prekey, scopes, role: 1, expiresMs }],
    gateways: [gateway],
  });
  while (!(await agent.settle())) await new Promise((resolve) => setTimeout(resolve, 100));
  await link.disconnect();
  wearables.push({ patient: invitation.patient, device });
  return { patient: invitation.patient, rid, owner: agent.thumbprint };
}

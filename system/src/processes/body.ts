import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '@pulseseal/crypto';
import {
  createFileFactory,
  createFileFlash,
  createFleet,
  createManufacturer,
  createMqttLink,
  type Fleet,
  type FleetMember,
  listenLocalLink,
  type Manufacturer,
  stockDeviceKit,
  writeDeviceKit,
} from '@pulseseal/device-sim';
import { parseProfile } from '@pulseseal/firmware-profiles';
import { connectLedger, type Ledger } from '@pulseseal/ledger';
import {
  type ClaimOrder,
  createFileAgentStore,
  createPatientAgent,
  defaultPolicy,
  type PatientAgent,
} from '@pulseseal/patient-agent';
import type { Clock } from '@pulseseal/runtime';
import type { BodyAccount, Ranges } from '../start/totals.ts';
import type { Acceptance, BodyBegan, BodyReady, BodyZoneSettings, Invitation, Person } from './contracts.ts';
import type { Emit, RunningZone } from './ipc.ts';
import { serveMetrics } from './metrics-server.ts';
import { gatherPeople } from './people.ts';
import { writePublicKeys } from './public-keys.ts';
import { openZone, secretOf, type ZoneBase } from './zone.ts';

/** The example's one scope. */
const KIT_SCOPES = [1];

interface Household {
  readonly person: Person;
  readonly members: readonly FleetMember[];
  readonly agent: PatientAgent;
  disconnect(): Promise<void>;
}

/** The body zone: devices on bodies, and each patient's agent with the owner key. */
export async function runBody(settings: BodyZoneSettings, emit: Emit): Promise<RunningZone> {
  const base = await openZone('body', settings);
  const { crypto, random, wall, data, logger: log } = base;
  const circle = await gatherPeople(settings);
  const manufacturer = createManufacturer(await secretOf(base, 'manufacturer'), base);
  const factory = createFileFactory(join(base.dir, 'factory'), manufacturer);
  const url = `mqtts://127.0.0.1:${settings.brokerPort}`;
  const fleet = createFleet(
    {
      wall,
      data,
      random,
      crypto,
      log,
      link: () => createMqttLink({ clock: wall, random, log }, { url }),
      flash: (name) => createFileFlash(join(base.dir, 'devices'), name),
      factory,
    },
    { bodies: circle.bodies, speed: settings.scale.speed },
  );
  const ledger = connectLedger({ ...settings.ledger, clock: wall });
  const households = await Promise.all(
    circle.people.map((person, i) =>
      openHousehold(
        base,
        settings,
        person,
        fleet.members.filter((m) => m.body === circle.bodies[i]),
        ledger,
        manufacturer,
        url,
      ),
    ),
  );
  await writePublicKeys(
    base,
    households.map(({ person, agent }) => ({ name: `owner ${person.patient}`, key: agent.owner })),
  );
  // Somebody's own device (device-sim/examples) finds here what it needs, and is claimed by the first patient.
  const kit = join(base.dir, 'kit');
  stockDeviceKit(kit, ['own-device'], ownDeviceProfile(), manufacturer);
  writeDeviceKit(kit, { broker: url, agent: `127.0.0.1:${settings.agentPort}` });
  let recipients: ClaimOrder['recipients'] = [];
  const desk = await listenLocalLink(settings.agentPort, (link) =>
    households[0]?.agent.desk(link, { suite: 1, scopes: KIT_SCOPES, recipients, gateways: [settings.gateway] }),
  );
  const metrics = await serveMetrics(base.metrics, settings.metricsPort);
  const ready: BodyReady = {
    people: circle.people,
    metrics: metrics.url,
    agent: `127.0.0.1:${settings.agentPort}`,
    notes: circle.notes,
  };
  return {
    ready,
    calls: {
      accept: (invitations: readonly Invitation[]) => {
        recipients = invitations.slice(0, 1).map((invitation) => recipientOf(invitation, KIT_SCOPES));
        return acceptAll(households, invitations, settings.gateway, manufacturer, factory);
      },
      renew: async (invitations: readonly Invitation[]) => {
        recipients = invitations.slice(0, 1).map((invitation) => recipientOf(invitation, KIT_SCOPES));
        const byPatient = new Map(invitations.map((invitation) => [invitation.patient, invitation]));
        for (const { person, agent } of households) {
          const invitation = byPatient.get(person.patient);
          if (invitation !== undefined) renewPrekey(agent, invitation);
        }
      },
      run: async () => {
        await Promise.all(households.map(({ agent }) => agent.settle()));
        fleet.start();
        tellOrigins(households, emit, wall);
      },
      drain: (timeoutMs: number) => fleet.drain(timeoutMs),
      account: async () => bodyAccount(fleet),
    },
    async stop() {
      desk.close();
      await Promise.all(households.map((h) => h.disconnect()));
      await ledger.close();
      await metrics.close();
    },
  };
}

const ORIGIN_LOOK_MS = 50;

/** When each body began in data time: what a recording's own time is counted from. */
function tellOrigins(households: readonly Household[], emit: Emit, wall: Clock): void {
  const left = new Set(households);
  const cancel = wall.every(ORIGIN_LOOK_MS, () => {
    for (const household of left) {
      const origins = household.members.map((member) => member.originMs).filter((ms) => ms !== undefined);
      if (origins.length < household.members.length) continue;
      left.delete(household);
      const began: BodyBegan = { patient: household.person.patient, originMs: Math.min(...origins) };
      emit('began', began);
    }
    if (left.size === 0) cancel();
  });
}

async function openHousehold(
  base: ZoneBase,
  settings: BodyZoneSettings,
  person: Person,
  members: readonly FleetMember[],
  ledger: Ledger,
  manufacturer: Manufacturer,
  url: string,
): Promise<Household> {
  const link = createMqttLink({ clock: base.wall, random: base.random, log: base.logger }, { url });
  const agent = await createPatientAgent(
    {
      ...base,
      store: createFileAgentStore(join(base.dir, 'agents'), person.patient),
      ledger,
      gateway: { publish: (topic, bytes) => link.publish(topic, bytes, 1) },
      manufacturers: [manufacturer.key],
      log: base.logger,
    },
    { name: `agent.${person.patient}`, policy: defaultPolicy },
  );
  const up = Promise.withResolvers<void>();
  link.connect(
    { clientId: agent.text, password: (exporter) => agent.password(settings.gateway, exporter) },
    { up: () => up.resolve(), down: () => {}, message: () => {} },
  );
  await up.promise;
  return {
    person,
    members,
    agent,
    async disconnect() {
      await agent.stop();
      await link.disconnect();
    },
  };
}

/** Each patient decides: claims the devices, lists the ward as a recipient, and says who the owner is. */
async function acceptAll(
  households: readonly Household[],
  invitations: readonly Invitation[],
  gateway: Uint8Array,
  manufacturer: Manufacturer,
  factory: ReturnType<typeof createFileFactory>,
): Promise<readonly Acceptance[]> {
  const byPatient = new Map(invitations.map((invitation) => [invitation.patient, invitation]));
  return Promise.all(
    households.map(async ({ person, members, agent }): Promise<Acceptance> => {
      const invitation = byPatient.get(person.patient);
      if (invitation === undefined) throw new Error(`no invitation for ${person.patient}`);
      const claimed = new Set(agent.devices().map((device) => device.text));
      for (const member of members) {
        if (member.device.text !== undefined && claimed.has(member.device.text)) agent.attach(member.connectAgent());
        else await claim(agent, member, invitation, gateway, manufacturer.qr(factory(member.name, member.profile)));
      }
      renewPrekey(agent, invitation);
      return { patient: person.patient, rid: invitation.rid, owner: agent.thumbprint };
    }),
  );
}

async function claim(
  agent: PatientAgent,
  member: FleetMember,
  invitation: Invitation,
  gateway: Uint8Array,
  code: string,
): Promise<void> {
  const scopes = member.profile.scopes.map((scope) => scope.number);
  await agent.claim(member.connectAgent(), {
    code,
    suite: member.profile.suite,
    scopes,
    recipients: [recipientOf(invitation, scopes)],
    gateways: [gateway],
  });
}

/** The ward is life-critical: it is left in also when a manifest grows stale. */
function recipientOf({ rid, prekeyId, prekey, expiresMs }: Invitation, scopes: readonly number[]) {
  return { rid, prekeyId, prekey, scopes, role: 1 as const, expiresMs };
}

/** What a device of one's own may send, as the example beside the device library states it. */
function ownDeviceProfile() {
  const path = new URL('../../../device-sim/examples/own-thermometer.json', import.meta.url);
  return parseProfile(readFileSync(path, 'utf8'));
}

function renewPrekey(agent: PatientAgent, { rid, prekeyId, prekey, expiresMs }: Invitation): void {
  const isOlder = agent
    .devices()
    .some((device) => device.recipients.some((r) => toHex(r.rid) === toHex(rid) && r.prekeyId !== prekeyId));
  if (isOlder) agent.rotatePrekey(rid, prekeyId, prekey, expiresMs);
}

function bodyAccount(fleet: Fleet): BodyAccount {
  const sent = new Map<string, Ranges>();
  const acknowledged = new Map<string, Ranges>();
  const held = new Map<string, Ranges>();
  for (const { device, epochs } of fleet.account().devices) {
    for (const epoch of epochs) {
      const name = `${device}.${epoch.eh}`;
      sent.set(name, epoch.sent === 0 ? [] : [[1, epoch.sent]]);
      acknowledged.set(name, epoch.acknowledged);
      held.set(name, epoch.heldRanges);
    }
  }
  return { sent, acknowledged, held, speed: fleet.reachedSpeed() };
}

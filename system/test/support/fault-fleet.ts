import { join } from 'node:path';
import { createMemoryKeyStore, createNativeCrypto } from '@pulseseal/crypto';
import {
  createDemoCircle,
  createFileFactory,
  createFileFlash,
  createFleet,
  createManufacturer,
  createMqttLink,
  type DeviceLink,
  type DeviceSettings,
  type Fleet,
} from '@pulseseal/device-sim';
import type { Ledger } from '@pulseseal/ledger';
import { createMemoryAgentStore, createPatientAgent, defaultPolicy, type PatientAgent } from '@pulseseal/patient-agent';
import { type ClockScale, createScaledClock, createSystemClock, createSystemRandom } from '@pulseseal/runtime';

export interface FaultFleet {
  readonly fleet: Fleet;
  /** Folder of the devices' own memories. */
  readonly folder: string;
  readonly agent: PatientAgent;
  stop(): Promise<void>;
}

export interface FaultFleetOptions {
  readonly dir: string;
  readonly people: number;
  readonly seed: number;
  readonly scale: ClockScale;
  readonly brokerPort: number;
  readonly gateway: Uint8Array;
  readonly ledger: Ledger;
  readonly device?: Partial<DeviceSettings>;
  /** The way to the broker, made bad. */
  readonly link?: (link: DeviceLink, name: string) => DeviceLink;
}

/** Devices on generated bodies with one owner, claimed and endorsed; not started yet. */
export async function createFaultFleet(options: FaultFleetOptions): Promise<FaultFleet> {
  const wall = createSystemClock();
  const random = createSystemRandom();
  const crypto = createNativeCrypto();
  const maker = createManufacturer(random.bytes(32), { wall, random, crypto });
  const folder = join(options.dir, 'devices');
  const factory = createFileFactory(join(options.dir, 'factory'), maker);
  const plainLink = () =>
    createMqttLink({ clock: wall, random }, { url: `mqtts://127.0.0.1:${options.brokerPort}`, reconnectMs: [50, 400] });
  const fleet = createFleet(
    {
      wall,
      data: createScaledClock(wall, options.scale),
      random,
      crypto,
      factory,
      link: (name) => options.link?.(plainLink(), name) ?? plainLink(),
      flash: (name) => createFileFlash(folder, name),
    },
    {
      bodies: createDemoCircle(options.people, options.seed),
      speed: options.scale.speed,
      ...(options.device === undefined ? {} : { device: options.device }),
    },
  );
  const agentLink = plainLink();
  const agent = await createPatientAgent(
    {
      keys: createMemoryKeyStore(wall),
      store: createMemoryAgentStore(),
      ledger: options.ledger,
      gateway: { publish: (topic, bytes) => agentLink.publish(topic, bytes, 1) },
      manufacturers: [maker.key],
      wall,
      random,
      crypto,
    },
    { name: 'owner', policy: defaultPolicy },
  );
  const up = Promise.withResolvers<void>();
  agentLink.connect(
    { clientId: agent.text, password: (exporter) => agent.password(options.gateway, exporter) },
    { up: () => up.resolve(), down: () => {}, message: () => {} },
  );
  await up.promise;
  for (const member of fleet.members) {
    const scopes = member.profile.scopes.map((scope) => scope.number);
    await agent.claim(member.connectAgent(), {
      code: maker.qr(factory(member.name, member.profile)),
      suite: member.profile.suite,
      scopes,
      recipients: [
        {
          rid: random.bytes(8),
          prekeyId: 1,
          prekey: crypto.xwingKeyPair(random.bytes(32)).publicKey,
          scopes,
          role: 1,
          expiresMs: Math.floor(wall.nowMs()) + 86_400_000,
        },
      ],
      gateways: [options.gateway],
    });
  }
  await agent.settle();
  return {
    fleet,
    folder,
    agent,
    async stop() {
      for (const member of fleet.members) member.device.halt();
      await fleet.drain(0);
      await agent.stop();
      await agentLink.disconnect();
    },
  };
}

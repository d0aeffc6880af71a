import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMemoryKeyStore, createNativeCrypto } from '@pulseseal/crypto';
import {
  createDevice,
  createFileFlash,
  createLocalPair,
  createLossyLink,
  createManufacturer,
  createMqttLink,
  type Device,
  type DeviceLink,
  type DeviceSettings,
  deviceSettings,
  type LossyLink,
  type LossyLinkSettings,
} from '@pulseseal/device-sim';
import { chestStrap } from '@pulseseal/firmware-profiles';
import type { Ledger } from '@pulseseal/ledger';
import {
  type AgentDevice,
  createMemoryAgentStore,
  createPatientAgent,
  defaultPolicy,
  type Invitation,
  type PatientAgent,
} from '@pulseseal/patient-agent';
import type { ManifestPolicy } from '@pulseseal/protocol';
import { type Clock, type createSeededRandom, createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { eventually } from './fault-run.ts';

const wall = createSystemClock();
const crypto = createNativeCrypto();
const system = createSystemRandom();
export const perfect: LossyLinkSettings = { loss: 0, duplicate: 0, reorder: 0, delayMs: [0, 0] };

/** One chest strap with an owner of its own, a link that can be made bad, and a wearer who can be told to go. */
export interface Strap {
  readonly name: string;
  readonly agent: PatientAgent;
  readonly claimed: AgentDevice;
  readonly notices: string[];
  device: Device;
  link: LossyLink;
  /** Nothing comes down on this channel while it is there. */
  readonly withheld: Set<string>;
  /** A value every so often, until `still`. */
  wear(everyMs?: number): void;
  still(): void;
  /** The battery falls out, and in again. `change` may harm what is on the flash meanwhile. */
  reboot(change?: (flash: FlashFiles) => void): Promise<void>;
  live(waitMs?: number): Promise<void>;
  cutLocalLink(): void;
  /** Sends what is left and stops. */
  drain(timeoutMs: number): Promise<boolean>;
  end(): Promise<void>;
}

export interface FlashFiles {
  loseSpool(): void;
  /** The counters go back. */
  setCounters(boot: number, epoch: number): void;
}

export interface StrapOptions {
  readonly name: string;
  readonly folder: string;
  readonly brokerPort: number;
  readonly gateway: Uint8Array;
  readonly ledger: Ledger;
  readonly random: ReturnType<typeof createSeededRandom>;
  readonly settings?: Partial<DeviceSettings>;
  /** How wrong its clock is. */
  readonly clockOffsetMs?: number;
  readonly policy?: Partial<ManifestPolicy>;
  readonly recipients?: readonly Invitation[];
}

/** A recipient that nobody needs to be: its prekey is thrown away. */
export function anyRecipient(change: Partial<Invitation> = {}): Invitation {
  return {
    rid: system.bytes(8),
    prekeyId: 1,
    prekey: crypto.xwingKeyPair(system.bytes(32)).publicKey,
    scopes: [1, 2, 3],
    role: 1,
    expiresMs: Math.floor(wall.nowMs()) + 86_400_000,
    ...change,
  };
}

export async function createStrap(options: StrapOptions): Promise<Strap> {
  const { name, folder, gateway } = options;
  const url = `mqtts://127.0.0.1:${options.brokerPort}`;
  const plainLink = () => createMqttLink({ clock: wall, random: system }, { url, reconnectMs: [50, 400] });
  const maker = createManufacturer(system.bytes(32), { wall, random: system, crypto });
  const factory = maker.make(chestStrap.model, chestStrap.suite);
  const offsetMs = options.clockOffsetMs ?? 0;
  const own: Clock = { ...wall, nowMs: () => wall.nowMs() + offsetMs };
  const agentLink = plainLink();
  const agent = await createPatientAgent(
    {
      keys: createMemoryKeyStore(wall),
      store: createMemoryAgentStore(),
      ledger: options.ledger,
      gateway: { publish: (topic, bytes) => agentLink.publish(topic, bytes, 1) },
      manufacturers: [maker.key],
      wall,
      random: system,
      crypto,
    },
    { name: 'owner', policy: { ...defaultPolicy, ...options.policy } },
  );
  agentLink.connect(
    { clientId: agent.text, password: (exporter) => agent.password(gateway, exporter) },
    { up: () => {}, down: () => {}, message: () => {} },
  );
  const withheld = new Set<string>();
  const holding = (inner: DeviceLink): DeviceLink => ({
    ...inner,
    connect: (login, handlers) =>
      inner.connect(login, {
        ...handlers,
        message: (topic, bytes) => {
          if (!withheld.has(topic.split('/').at(-1)!)) handlers.message(topic, bytes);
        },
      }),
  });
  const notices: string[] = [];
  const begin = () => {
    const link = createLossyLink(holding(plainLink()), { clock: wall, random: options.random.fork(name) }, perfect);
    const device = createDevice(
      { link, flash: createFileFlash(folder, name), wall: own, data: own, random: system, crypto },
      deviceSettings(chestStrap, { segmentMs: 2_000, heartbeatMs: 1_000, streams: [1, 3], ...options.settings }),
      factory,
    );
    device.onNotice(({ kind }) => notices.push(kind));
    const [deviceEnd, agentEnd] = createLocalPair();
    device.attach(deviceEnd);
    return { link, device, agentEnd };
  };
  const first = begin();
  let { agentEnd } = first;
  let cancelWear = () => {};
  let beats = 0;
  const claiming = agent.claim(agentEnd, {
    code: maker.qr(factory),
    suite: chestStrap.suite,
    scopes: [1, 2, 3],
    recipients: options.recipients ?? [anyRecipient()],
    gateways: [gateway],
  });
  first.device.start();
  const claimed = await claiming;
  await agent.settle();
  const strap: Strap = {
    name,
    agent,
    claimed,
    notices,
    withheld,
    device: first.device,
    link: first.link,
    wear(everyMs = 100) {
      strap.still();
      cancelWear = wall.every(everyMs, () => {
        beats++;
        strap.device.send(1, { values: new Map([[0, 40 + (beats % 160)]]) });
        if (beats % 10 === 0) strap.device.send(3, { quality: 100, samples: new Int16Array(250).fill(beats) });
      });
    },
    still: () => cancelWear(),
    async reboot(change) {
      strap.device.halt();
      change?.({
        loseSpool: () => rmSync(join(folder, `${name}.spool`), { force: true }),
        setCounters(boot, epoch) {
          const path = join(folder, `${name}.state`);
          const state = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
          writeFileSync(path, JSON.stringify({ ...state, boot, epoch }));
        },
      });
      const next = begin();
      strap.device = next.device;
      strap.link = next.link;
      agentEnd = next.agentEnd;
      agent.attach(agentEnd);
      strap.device.start();
    },
    live: (waitMs = 20_000) => eventually(`${name} live`, () => strap.device.state === 'live', waitMs),
    cutLocalLink: () => agentEnd.close(),
    drain(timeoutMs) {
      strap.still();
      return strap.device.stop(timeoutMs);
    },
    async end() {
      strap.still();
      strap.device.halt();
      await agent.stop();
      await agentLink.disconnect();
    },
  };
  await strap.live();
  return strap;
}

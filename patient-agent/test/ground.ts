import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CryptoProvider, createMemoryKeyStore, createNativeCrypto, type KeyStore } from '@pulseseal/crypto';
import { chestStrap } from '@pulseseal/firmware-profiles';
import { createLocalLedger, type Ledger } from '@pulseseal/ledger';
import { openLog } from '@pulseseal/log';
import { type CoseKey, createMessageSigner, deviceText, shardOf } from '@pulseseal/protocol';
import { createSeededRandom, type Random } from '@pulseseal/runtime';
import { createManualClock, type ManualClock } from '@pulseseal/testkit';
import {
  createDevice,
  createLocalPair,
  createManufacturer,
  createMemoryBroker,
  createMemoryFlash,
  type Device,
  deviceSettings,
  type FactoryIdentity,
  type Flash,
  type LocalLinkPort,
  type Manufacturer,
  type MemoryBroker,
} from '../../device-sim/src/mod.ts';
import { type Counterpart, createCounterpart } from '../../device-sim/test/counterpart.ts';
import {
  type AgentDevice,
  type AgentStore,
  createMemoryAgentStore,
  createPatientAgent,
  defaultPolicy,
  type Invitation,
  type PatientAgent,
} from '../src/mod.ts';

export interface Ground {
  readonly crypto: CryptoProvider;
  readonly random: Random;
  readonly clock: ManualClock;
  readonly ledger: Ledger;
  readonly maker: Manufacturer;
  readonly factory: FactoryIdentity;
  readonly flash: Flash;
  readonly broker: MemoryBroker;
  readonly counterpart: Counterpart;
  readonly published: { topic: string; bytes: Uint8Array }[];
  readonly switches: { gatewayUp: boolean; ledgerUp: boolean };
  readonly keys: KeyStore;
  readonly store: ReturnType<typeof createMemoryAgentStore>;
  device: Device;
  agent: PatientAgent;
  invitation(id: number, change?: Partial<Invitation>): Invitation;
  startDevice(): void;
  startAgent(from?: { keys: KeyStore; store: AgentStore }, manufacturers?: readonly CoseKey[]): Promise<PatientAgent>;
  /** A fresh local link between the two. */
  connect(): LocalLinkPort;
  claim(agent?: PatientAgent, code?: string): Promise<AgentDevice>;
  until(what: string, condition: () => boolean, maxMs?: number): Promise<void>;
  /** Virtual time until a promise settles. */
  wait<T>(promise: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** A real device, a real agent, a real ledger; a gateway of protocol functions. One virtual clock. */
export async function createGround(): Promise<Ground> {
  const crypto = createNativeCrypto();
  const random = createSeededRandom(3);
  const clock = createManualClock(Date.UTC(2026, 0, 1));
  const folder = await mkdtemp(join(tmpdir(), 'agent-'));
  const log = await openLog({ dir: join(folder, 'ledger') });
  const operator = createMessageSigner('ML-DSA-65', random.bytes(32), crypto);
  const signer = createMessageSigner('ML-DSA-65', random.bytes(32), crypto);
  const ledger = await createLocalLedger({
    log,
    crypto,
    signer,
    clock,
    genesis: { name: 'test', operatorKey: operator.key },
    blockDelayMs: 5,
  });
  const maker = createManufacturer(random.bytes(32), { wall: clock, random, crypto });
  const factory = maker.make(chestStrap.model, 1);
  const flash = createMemoryFlash();
  const broker = createMemoryBroker(new Uint8Array(32).fill(7));
  let operational: CoseKey | undefined;
  const counterpart = createCounterpart({
    broker,
    wall: clock,
    random,
    crypto,
    device: () => {
      const { thumbprint } = ground.device;
      return {
        key: operational!,
        thumbprint: thumbprint!,
        text: deviceText(thumbprint!),
        shard: shardOf(thumbprint!, crypto),
      };
    },
  });
  const published: { topic: string; bytes: Uint8Array }[] = [];
  const switches = { gatewayUp: true, ledgerUp: true };
  const failing = <T>(run: () => Promise<T>): Promise<T> =>
    switches.ledgerUp ? run() : Promise.reject(new Error('ledger away'));
  const gated: Ledger = {
    ...ledger,
    submit: (...given) => failing(() => ledger.submit(...given)),
    read: (...given) => failing(() => ledger.read(...given)),
    identity: () => failing(() => ledger.identity()),
  };
  const keys = createMemoryKeyStore(clock);
  const store = createMemoryAgentStore();
  const settle = () => new Promise((resolve) => setTimeout(resolve, 1));
  const ground: Ground = {
    ...{ crypto, random, clock, ledger, maker, factory, flash, broker, counterpart, published, switches, keys, store },
    device: undefined as unknown as Device,
    agent: undefined as unknown as PatientAgent,
    invitation: (id: number, change: Partial<Invitation> = {}): Invitation => ({
      rid: new Uint8Array(8).fill(id),
      prekeyId: 1,
      prekey: crypto.xwingKeyPair(new Uint8Array(32).fill(id)).publicKey,
      scopes: [1, 2, 3],
      role: 1,
      expiresMs: clock.nowMs() + 30 * 86_400_000,
      ...change,
    }),
    startDevice() {
      ground.device = createDevice(
        { link: broker.link(), flash, wall: clock, data: clock, random, crypto },
        deviceSettings(chestStrap, { segmentMs: 10_000 }),
        factory,
      );
      ground.device.start();
    },
    async startAgent(from: { keys: KeyStore; store: AgentStore } = { keys, store }, manufacturers = [maker.key]) {
      const gateway = {
        publish: async (topic: string, bytes: Uint8Array) => {
          if (!switches.gatewayUp) throw new Error('gateway away');
          published.push({ topic, bytes });
        },
      };
      const ports = { ...from, ledger: gated, gateway, manufacturers, wall: clock, random, crypto };
      ground.agent = await createPatientAgent(ports, { name: 'ada', policy: defaultPolicy });
      return ground.agent;
    },
    /** A fresh local link between the two. */
    connect() {
      const [deviceEnd, agentEnd] = createLocalPair();
      ground.device.attach(deviceEnd);
      return agentEnd;
    },
    async claim(agent: PatientAgent = ground.agent, code = maker.qr(factory)) {
      counterpart.publishBeacon(1);
      const claimed = agent.claim(ground.connect(), {
        code,
        suite: 1,
        scopes: [1, 2, 3],
        recipients: [ground.invitation(1)],
        gateways: [counterpart.gateway],
      });
      let device: Awaited<typeof claimed> | undefined;
      let failure: unknown;
      claimed.then(
        (value) => {
          device = value;
          operational = value.key;
        },
        (error) => {
          failure = error;
        },
      );
      await ground.until('claimed', () => device !== undefined || failure !== undefined);
      if (failure !== undefined) throw failure;
      return device!;
    },
    async until(what: string, condition: () => boolean, maxMs = 60_000) {
      for (let t = 0; t < maxMs; t += 25) {
        if (condition()) return;
        await clock.advanceAsync(25);
        await settle();
      }
      throw new Error(`never: ${what}`);
    },
    /** Virtual time until a promise settles. */
    async wait<T>(promise: Promise<T>): Promise<T> {
      let isDone = false;
      promise.then(
        () => {
          isDone = true;
        },
        () => {
          isDone = true;
        },
      );
      await ground.until('promise', () => isDone);
      return promise;
    },
    async close() {
      ground.device?.halt();
      await ground.wait(ledger.close());
      await rm(folder, { recursive: true, force: true });
    },
  };
  return ground;
}

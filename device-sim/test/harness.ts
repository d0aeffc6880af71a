import { type CryptoProvider, createNativeCrypto } from '@pulseseal/crypto';
import { chestStrap, type FirmwareProfile } from '@pulseseal/firmware-profiles';
import {
  claimMac,
  createMessageSigner,
  deviceText,
  type Manifest,
  type ManifestRecipient,
  type MessageSigner,
  parseMessage,
  parseSigned,
  shardOf,
  signBody,
  thumbprint,
} from '@pulseseal/protocol';
import { createSeededRandom } from '@pulseseal/runtime';
import { createManualClock, type ManualClock } from '@pulseseal/testkit';
import {
  createDevice,
  createLocalPair,
  createLossyLink,
  createManufacturer,
  createMemoryBroker,
  createMemoryFlash,
  type Device,
  type DeviceSettings,
  deviceSettings,
  type FactoryIdentity,
  type Flash,
  type LocalLinkPort,
  type LossyLink,
  type LossyLinkSettings,
  type MemoryBroker,
} from '../src/mod.ts';
import { type Counterpart, createCounterpart } from './counterpart.ts';

export const perfect: LossyLinkSettings = { loss: 0, duplicate: 0, reorder: 0, delayMs: [0, 0] };
const dayMs = 86_400_000;

/** An owner who speaks the claim protocol by hand. */
export interface TestOwner {
  readonly signer: MessageSigner;
  readonly pseudonym: Uint8Array;
  readonly received: Uint8Array[];
  claim(link: LocalLinkPort, factory: FactoryIdentity, change?: (request: ClaimTry) => ClaimTry): void;
}

export interface ClaimTry {
  readonly nonce: Uint8Array;
  readonly claimSecret: Uint8Array;
  readonly owner: MessageSigner;
}

export interface World {
  readonly clock: ManualClock;
  readonly crypto: ReturnType<typeof createNativeCrypto>;
  readonly random: ReturnType<typeof createSeededRandom>;
  readonly broker: MemoryBroker;
  readonly gateway: Counterpart;
  readonly owner: MessageSigner;
  readonly factory: FactoryIdentity;
  readonly flash: Flash;
  readonly rid: Uint8Array;
  readonly prekeySeed: Uint8Array;
  link: LossyLink;
  device: Device;
  agent: LocalLinkPort;
  /** What the device said on the local link. */
  readonly told: Uint8Array[];
  /** Kinds of what the device noticed, over reboots. */
  readonly notices: string[];
  manifest(version: number, change?: Partial<Manifest>): Uint8Array;
  /** The manifest on the device's flash. */
  heldManifest(): Uint8Array;
  recipient(change?: Partial<ManifestRecipient>): ManifestRecipient;
  /** Runs virtual time until the condition holds; fails after `maxMs`. */
  until(what: string, condition: () => boolean, maxMs?: number): Promise<void>;
  run(ms: number): Promise<void>;
  /** Claims, endorses, hands over manifest 1. */
  enrol(): Promise<void>;
  /** A new device on the same flash, as after a reboot. */
  reboot(): void;
  sendHeart(bpm?: number): ReturnType<Device['send']>;
}

export interface WorldOptions {
  readonly profile?: FirmwareProfile;
  readonly settings?: Partial<DeviceSettings>;
  readonly lossy?: LossyLinkSettings;
  readonly flash?: Flash;
  readonly seed?: number;
  /** The device's own provider, to watch or to break it; gateway and readers keep theirs. */
  readonly deviceCrypto?: (native: CryptoProvider) => CryptoProvider;
}

export function createWorld(options: WorldOptions = {}): World {
  const clock = createManualClock(Date.UTC(2026, 0, 1));
  const crypto = createNativeCrypto();
  const deviceCrypto = options.deviceCrypto?.(crypto) ?? crypto;
  const random = createSeededRandom(options.seed ?? 1);
  const profile = options.profile ?? chestStrap;
  const owner = createMessageSigner('ML-DSA-65', random.bytes(32), crypto);
  const maker = createManufacturer(random.bytes(32), { wall: clock, random, crypto });
  const factory = maker.make(profile.model, profile.suite);
  const flash = options.flash ?? createMemoryFlash();
  const pseudonym = random.bytes(16);
  const prekeySeed = random.bytes(32);
  const rid = random.bytes(8);
  const spki = new Uint8Array(32).fill(7);
  const broker = createMemoryBroker(spki);
  const told: Uint8Array[] = [];
  let operational:
    | { key: ReturnType<typeof parseSigned<'claimack'>>['body']['key']; thumbprint: Uint8Array }
    | undefined;
  const gateway = createCounterpart({
    broker,
    wall: clock,
    random,
    crypto,
    device: () => ({
      key: operational!.key,
      thumbprint: operational!.thumbprint,
      text: deviceText(operational!.thumbprint),
      shard: shardOf(operational!.thumbprint, crypto),
    }),
  });
  const settings = deviceSettings(profile, { segmentMs: 10_000, ...options.settings });
  const make = () => {
    world.link = createLossyLink(broker.link(), { clock, random: random.fork('link') }, options.lossy ?? perfect);
    world.device = createDevice(
      { link: world.link, flash, wall: clock, data: clock, random, crypto: deviceCrypto },
      settings,
      factory,
    );
    const [deviceEnd, agentEnd] = createLocalPair();
    world.agent = agentEnd;
    agentEnd.onMessage((bytes) => told.push(bytes));
    world.device.onNotice((notice) => world.notices.push(notice.kind));
    world.device.attach(deviceEnd);
    world.device.start();
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const world: World = {
    clock,
    crypto,
    random,
    broker,
    gateway,
    owner,
    factory,
    flash,
    rid,
    prekeySeed,
    told,
    notices: [],
    link: undefined as unknown as LossyLink,
    device: undefined as unknown as Device,
    agent: undefined as unknown as LocalLinkPort,
    recipient: (change = {}) => ({
      rid,
      prekeyId: 1,
      prekey: crypto.xwingKeyPair(prekeySeed).publicKey,
      scopes: [0, 1, 2, 3],
      expiresMs: Math.floor(clock.nowMs()) + 30 * dayMs,
      consent: new Uint8Array(32),
      role: 1,
      ...change,
    }),
    manifest: (version, change = {}) =>
      signBody(
        'manifest',
        {
          pseudonym,
          device: operational!.thumbprint,
          version,
          validFromMs: Math.floor(clock.nowMs()),
          validUntilMs: Math.floor(clock.nowMs()) + 30 * dayMs,
          recipients: [world.recipient()],
          suites: [1, 2],
          previous: null,
          consentRoot: new Uint8Array(32),
          policy: { maxEpochS: 86_400, rekeyGraceS: 60, maxStaleS: 7 * 86_400 },
          gateways: [gateway.gateway],
          ...change,
        },
        owner,
      ),
    heldManifest() {
      const state = JSON.parse(Buffer.from(flash.readState()!).toString()) as { manifest: { b: string } };
      return new Uint8Array(Buffer.from(state.manifest.b, 'base64'));
    },
    async run(ms) {
      const step = 50;
      for (let t = 0; t < ms; t += step) {
        await clock.advanceAsync(Math.min(step, ms - t));
        await settle();
      }
    },
    async until(what, condition, maxMs = 60_000) {
      for (let t = 0; t < maxMs; t += 25) {
        if (condition()) return;
        await clock.advanceAsync(25);
        await settle();
      }
      throw new Error(`never: ${what}`);
    },
    async enrol() {
      gateway.publishBeacon(1);
      await world.until('lost', () => told.length > 0);
      const lost = parseMessage(told.at(-1)!);
      if (lost.kind !== 'lost') throw new Error('no lost');
      const attestation = createMessageSigner(factory.attestationAlgorithm, factory.attestationSeed, crypto).thumbprint;
      const mac = claimMac(attestation, factory.claimSecret, owner.thumbprint, pseudonym, lost.nonce, crypto);
      const body = {
        attestationKey: attestation,
        owner: owner.thumbprint,
        ownerKey: owner.key,
        pseudonym,
        nonce: lost.nonce,
        mac,
      };
      world.agent.send(signBody('claimreq', body, owner));
      const claimack = () =>
        told.find((bytes) => {
          const message = parseMessage(bytes);
          return message.kind === 'signed' && message.typ === 'claimack';
        });
      await world.until('claimack', () => claimack() !== undefined);
      const ack = parseSigned(claimack()!, 'claimack');
      operational = { key: ack.body.key, thumbprint: thumbprint(ack.body.key, crypto) };
      const nowS = Math.floor(clock.nowMs() / 1000);
      const endorse = {
        issuer: owner.thumbprint,
        subject: operational.thumbprint,
        issuedS: nowS,
        expiresS: nowS + 86_400 * 365,
        key: operational.key,
        issuerKey: owner.key,
      };
      world.agent.send(signBody('endorse', endorse, owner));
      world.agent.send(world.manifest(1));
      await world.until('live', () => world.device.state === 'live');
    },
    reboot: make,
    sendHeart: (bpm = 72) => world.device.send(1, { values: new Map([[0, bpm]]) }),
  };
  make();
  return world;
}

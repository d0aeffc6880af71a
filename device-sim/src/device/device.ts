import type { SensorState } from '../bodies/body.ts';
import { openAccount } from './account.ts';
import { createClaimDesk } from './claim.ts';
import { createEngine, type EngineCounts, type SampleData, type SendResult } from './engine.ts';
import { createIdentity, type FactoryIdentity, suiteAlgorithm } from './identity.ts';
import { freshMemory, readMemory, writeMemory } from './memory.ts';
import type { DevicePorts, LocalLinkPort } from './ports.ts';
import type { DeviceSettings } from './settings.ts';
import type { DeviceState } from './states.ts';

/** Frames of one epoch by where they stand. Ranges of seq. */
export interface DeviceEpochAccount {
  readonly eh: string;
  readonly boot: number;
  readonly epoch: number;
  /** Distinct frames sealed. */
  readonly sent: number;
  readonly acknowledged: readonly (readonly [first: number, count: number])[];
  readonly dropped: readonly (readonly [first: number, count: number])[];
  readonly refused: readonly (readonly [first: number, count: number])[];
  /** Still in the spool. */
  readonly held: number;
  readonly heldRanges: readonly (readonly [first: number, count: number])[];
}

export type DeviceNotice =
  | { readonly kind: 'state'; readonly state: DeviceState }
  | { readonly kind: 'connected'; readonly up: boolean }
  /** No valid acknowledgement of a life-critical recipient for the ack timeout. */
  | { readonly kind: 'deaf-recipient'; readonly rid: string }
  /** The manifest lists this reader with a prekey that is no key: it reads nothing until the next manifest. */
  | { readonly kind: 'bad-prekey'; readonly rid: string }
  | { readonly kind: 'clone-suspected' }
  | { readonly kind: 'manifest-unknown' }
  | { readonly kind: 'revoked' }
  | { readonly kind: 'orphan'; readonly eh: string }
  /** The flash lost records in so many places: what they held is gone, the rest goes up. */
  | { readonly kind: 'spool-damaged'; readonly places: number }
  /** The flash takes nothing for sure any more: closes wait, and a loss of power may take what it holds. */
  | { readonly kind: 'flash-failing' }
  /** This epoch's counters were used before: it is given up, and what memory still holds of it is sealed anew. */
  | { readonly kind: 'counters-reused'; readonly eh: string };

/** A wearable with the real protocol. The reference for makers: everything but sensors and radio. */
export interface Device {
  /** `<dev>` text, once claimed. */
  readonly text: string | undefined;
  readonly thumbprint: Uint8Array | undefined;
  readonly state: DeviceState;
  readonly connected: boolean;
  readonly counts: EngineCounts;
  start(): void;
  /** Ends the epoch, sends what the link takes within `drainMs`, says goodbye. The spool keeps the rest. */
  stop(drainMs?: number): Promise<boolean>;
  /** Stops at once as if the battery fell out. */
  halt(): void;
  /** Seals and keeps one sample; `atMs` is its event time on the data clock (default: now). */
  send(stream: number, data: SampleData, options?: { readonly atMs?: number; readonly urgent?: boolean }): SendResult;
  setSensorState(state: SensorState): void;
  /** Another end of the local link; an unclaimed device begins with `lost`. */
  attach(link: LocalLinkPort): void;
  onNotice(handler: (notice: DeviceNotice) => void): void;
  account(): readonly DeviceEpochAccount[];
  /** Frames sealed or waiting that the gateway has not acknowledged. */
  readonly backlog: number;
  /** Presses the reset button: owner, keys, manifest and spool are erased; the device stops. */
  reset(): void;
}

/**
 * @param factory from the maker; the operational key, owner and manifest live on the flash.
 */
export function createDevice(ports: DevicePorts, settings: DeviceSettings, factory: FactoryIdentity): Device {
  const { flash, crypto, random } = ports;
  const memory = readMemory(flash) ?? freshMemory(random.bytes(32));
  const account = openAccount(flash);
  const save = () => writeMemory(flash, memory);
  const algorithm = suiteAlgorithm(settings.profile.suite);
  const listeners: ((notice: DeviceNotice) => void)[] = [];
  const notify = (notice: DeviceNotice) => {
    for (const listener of listeners) listener(notice);
  };
  let engine: ReturnType<typeof createEngine> | undefined;
  let running = false;
  let halted = false;
  let sensor: SensorState = { contact: true, worn: 'worn', batteryPercent: null };
  // One boot counter step per start of the machine, before anything can be opened under it.
  memory.boot++;
  save();

  let begun = false;

  /** The engine exists from the claim on, so that it keeps the manifest; it works once the device is started. */
  const beginIfOwned = () => {
    if (memory.okSeed === null || memory.endorse === null || halted) return;
    if (engine === undefined) {
      const identity = createIdentity(algorithm, memory.okSeed, crypto);
      engine = createEngine({ ...ports, memory, save, account, identity, notify, tell: desk.tell }, settings);
      engine.setSensorState(sensor);
    }
    if (!running || begun) return;
    begun = true;
    engine.start();
  };
  const desk = createClaimDesk({
    memory,
    factory,
    operationalAlgorithm: algorithm,
    random,
    crypto,
    save,
    owned: beginIfOwned,
    manifest: (bytes) => {
      beginIfOwned();
      engine?.offerManifest(bytes, 'local');
    },
    resync: (message) => engine?.ownerResync(message),
    refused: (reason) => ports.log?.warn({ reason }, 'refused on the local link'),
  });
  const identityNow = () =>
    memory.okSeed === null || memory.endorse === null ? undefined : createIdentity(algorithm, memory.okSeed, crypto);
  const idle: EngineCounts = { refusals: {}, lateSamples: 0, refusedSamples: 0, pendingDropped: 0, epochs: 0 };
  return {
    get text() {
      return engine?.identity.text ?? identityNow()?.text;
    },
    get thumbprint() {
      return engine?.identity.thumbprint ?? identityNow()?.thumbprint;
    },
    get state() {
      return engine?.state ?? 'idle';
    },
    get connected() {
      return engine?.connected ?? false;
    },
    get counts() {
      return engine?.counts ?? idle;
    },
    start() {
      running = true;
      beginIfOwned();
    },
    async stop(drainMs = 0) {
      running = false;
      halted = true;
      const drained = (await engine?.stop(drainMs)) ?? true;
      desk.detach();
      save();
      flash.close();
      return drained;
    },
    halt() {
      running = false;
      halted = true;
      engine?.halt();
      desk.detach();
      flash.close();
    },
    send: (stream, data, options) => engine?.send(stream, data, options) ?? 'not-claimed',
    setSensorState(state) {
      sensor = state;
      engine?.setSensorState(state);
    },
    attach(link) {
      desk.attach(link);
      for (const message of engine?.forAgent() ?? []) link.send(message);
    },
    onNotice: (handler) => {
      listeners.push(handler);
    },
    account: () => engine?.accountNow() ?? account.list().map((entry) => ({ ...entry, held: 0, heldRanges: [] })),
    get backlog() {
      return engine?.backlog ?? 0;
    },
    reset() {
      engine?.halt();
      engine?.eraseSpool();
      engine = undefined;
      running = false;
      begun = false;
      const { boot, epoch } = memory;
      Object.assign(memory, freshMemory(random.bytes(32)), { boot: boot + 1, epoch });
      save();
    },
  };
}

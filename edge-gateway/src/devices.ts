import { type CryptoProvider, toHex } from '@pulseseal/crypto';
import { deviceText, parseSigned, type Signed, shardOf, tp8 } from '@pulseseal/protocol';
import { createSerial } from '@pulseseal/runtime';
import type { Catalogue, DeviceRow } from './catalogue.ts';
import { DeviceTopics } from './device-topics.ts';
import type { Identity } from './identity.ts';
import { type Journal, readUndamaged } from './journal.ts';
import { RECORD } from './journal-record.ts';
import { LazyMap } from './lazy-map.ts';
import { consentName } from './ledger-view.ts';
import { MAX_IDLE_DEVICES } from './limits.ts';
import { sameBytes } from './received.ts';
import type { DeviceState, ManifestView } from './state.ts';

/** Devices in memory; the rest is read back from the journal when it speaks again. */
export interface DeviceTable {
  /** In memory already. */
  get(name: string): DeviceState | undefined;
  /** Reads it back. Undefined: never endorsed here. */
  load(name: string): Promise<DeviceState | undefined>;
  /** First endorsement: gives it a number and journals it. */
  create(thumbprint: Uint8Array): DeviceState;
  /** For ever, and journalled. */
  retire(device: DeviceState): void;
  loaded(): Iterable<DeviceState>;
  /** Forgets everything: what was not synced never was. */
  reset(): void;
  readonly size: number;
}

interface DevicePorts {
  readonly crypto: CryptoProvider;
  readonly journal: Journal;
  readonly catalogue: Catalogue;
  readonly nowMs: () => number;
  /** What the ledger says of a pseudonym. */
  readonly isRetired: (pseudonym: string) => boolean;
}

export function createDevices(
  ports: DevicePorts,
  identity: Identity,
  isInUse: (d: DeviceState) => boolean,
): DeviceTable {
  const { crypto, journal, catalogue, nowMs, isRetired } = ports;
  let known = new Map<string, DeviceState>();
  let loading = new Map<string, Promise<DeviceState | undefined>>();
  let lastNumber = 0;

  const keep = (device: DeviceState) => {
    known.set(device.name, device);
    if (known.size <= MAX_IDLE_DEVICES) return;
    for (const [name, other] of known) {
      if (known.size <= MAX_IDLE_DEVICES) return;
      if (other !== device && !isInUse(other)) known.delete(name);
    }
  };
  const read = async (row: DeviceRow): Promise<DeviceState> => {
    const device = emptyDevice(row.number, row.thumbprint, crypto);
    device.isRetired = row.isRetired;
    if (row.boot !== undefined && row.epoch !== undefined && row.oh !== undefined)
      device.stored = { boot: row.boot, epoch: row.epoch, oh: row.oh };
    if (row.endorseAt !== undefined) {
      const { message } = await journal.read(row.endorseAt);
      takeEndorse(device, parseSigned(message, 'endorse'), row.endorseAt);
    }
    if (row.manifestAt !== undefined) {
      // One that the disk has spoiled is taken again when its owner publishes it.
      const record = await readUndamaged(journal, row.manifestAt);
      const manifest = record && parseSigned(record.message, 'manifest');
      if (manifest !== undefined && isByOwner(device, manifest)) {
        device.manifest = viewOf(manifest, row.manifestAt, identity, crypto);
        device.manifestAt = row.manifestAt;
      }
    }
    if (!device.isRetired && device.manifest !== undefined && isRetired(device.manifest.pseudonym)) retire(device);
    return device;
  };
  const retire = (device: DeviceState) => {
    device.isRetired = true;
    journal
      .put(RECORD.retired, 0, device.number, nowMs(), new Uint8Array(0), () => catalogue.setRetired(device.number))
      // A disk that takes nothing: the ledger view says it again.
      .catch(() => {});
  };
  return {
    get: (name) => known.get(name),
    async load(name) {
      const found = known.get(name) ?? (await loading.get(name));
      if (found !== undefined) return found;
      const row = catalogue.device(name);
      if (row === undefined) return undefined;
      const task = read(row).then((device) => {
        // A create or another load may have been faster; there must be one state per device.
        const other = known.get(name);
        if (other !== undefined) return other;
        keep(device);
        return device;
      });
      loading.set(name, task);
      try {
        return await task;
      } finally {
        loading.delete(name);
      }
    },
    create(thumbprint) {
      const name = deviceText(thumbprint);
      lastNumber = Math.max(lastNumber, catalogue.lastDeviceNumber) + 1;
      const number = lastNumber;
      journal
        .put(RECORD.device, 0, number, nowMs(), thumbprint, () => catalogue.addDevice(number, name, thumbprint))
        // A failed disk forgets all devices: `reset`.
        .catch(() => {});
      const device = emptyDevice(number, thumbprint, crypto);
      keep(device);
      return device;
    },
    retire,
    loaded: () => known.values(),
    reset() {
      known = new Map();
      loading = new Map();
      lastNumber = 0;
    },
    get size() {
      return known.size;
    },
  };
}

function emptyDevice(number: number, thumbprint: Uint8Array, crypto: CryptoProvider): DeviceState {
  const name = deviceText(thumbprint);
  return {
    number,
    name,
    thumbprint: Uint8Array.from(thumbprint),
    topic: new DeviceTopics(shardOf(thumbprint, crypto), name),
    owner: undefined,
    endorseAt: undefined,
    endorseUntilMs: 0,
    manifest: undefined,
    manifestAt: undefined,
    stored: undefined,
    isRetired: false,
    live: [],
    bulk: [],
    pending: new LazyMap(),
    opens: undefined,
    serial: createSerial(),
    downCount: -1,
    lostMs: Number.NEGATIVE_INFINITY,
    resyncs: [],
    progressMs: Number.NEGATIVE_INFINITY,
    isProgressDue: false,
    lastArrivedMs: 0,
    sentManifest: undefined,
  };
}

export function takeEndorse(device: DeviceState, endorse: Signed<'endorse'>, position: number): void {
  const { issuer } = endorse.body;
  if (device.owner !== undefined && !sameBytes(device.owner, issuer)) {
    device.manifest = undefined;
    device.manifestAt = undefined;
  }
  // A copy: a view would keep the whole message, or the journal's page, in memory for each device.
  device.owner = Uint8Array.from(issuer);
  device.endorseAt = position;
  device.endorseUntilMs = endorse.body.expiresS * 1000;
}

/** Whether the owner whose endorsement stands signed it: the signature was checked when it came. */
export const isByOwner = (device: DeviceState, manifest: Signed<'manifest'>): boolean =>
  device.owner !== undefined && sameBytes(manifest.kid, tp8(device.owner));

export function viewOf(
  manifest: Signed<'manifest'>,
  position: number,
  identity: Identity,
  crypto: CryptoProvider,
): ManifestView {
  const { body } = manifest;
  return {
    hash: crypto.sha256(manifest.raw),
    position,
    version: body.version,
    pseudonym: toHex(body.pseudonym),
    recipients: body.recipients.map((r) => ({
      rid: toHex(r.rid),
      // Exact copies: a list that grew by pushes holds room for sixteen more.
      scopes: r.scopes.slice(),
      expiresMs: r.expiresMs,
      role: r.role,
      consent: consentName(body.pseudonym, r.rid, r.consent),
    })),
    suites: body.suites.slice(),
    rekeyGraceS: body.policy.rekeyGraceS,
    namesThisGateway: body.gateways.some((g) => sameBytes(g, identity.thumbprint)),
    validUntilMs: body.validUntilMs,
  };
}

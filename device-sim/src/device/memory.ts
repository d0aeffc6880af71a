import type { Flash } from './ports.ts';

/** What a device never loses: counters, keys, owner, manifest, beacon. */
export interface DeviceMemory {
  boot: number;
  epoch: number;
  /** H(last close) of the newest finished epoch; null before the first. */
  lastClose: Uint8Array | null;
  /** Hedges the generator (SPEC clause KEY-1). */
  deviceSecret: Uint8Array;
  okSeed: Uint8Array | null;
  transport: { seed: Uint8Array; session: Uint8Array; untilMs: number } | null;
  owner: Uint8Array | null;
  ownerKey: Uint8Array | null;
  pseudonym: Uint8Array | null;
  endorse: Uint8Array | null;
  manifest: Uint8Array | null;
  /** How long the manifest had been held at the last write, ms; see `policy.ts`. */
  manifestAgeMs: number;
  beacon: Uint8Array | null;
  /** Highest serial per gateway thumbprint (hex). */
  serials: Record<string, number>;
  /** The last epoch was begun but its spool may be gone: tells an orphan at the next boot. */
  openEpoch: string | null;
  /** The last stop was in order: an empty spool is no loss. */
  cleanStop: boolean;
}

export function freshMemory(deviceSecret: Uint8Array): DeviceMemory {
  return {
    boot: 0,
    epoch: 0,
    lastClose: null,
    deviceSecret,
    okSeed: null,
    transport: null,
    owner: null,
    ownerKey: null,
    pseudonym: null,
    endorse: null,
    manifest: null,
    manifestAgeMs: 0,
    beacon: null,
    serials: {},
    openEpoch: null,
    cleanStop: true,
  };
}

/** JSON with byte strings as {"b": base64}. The flash is the device's own: nobody else's form. */
export function writeMemory(flash: Flash, memory: DeviceMemory): void {
  const entries = Object.entries(memory).map(([name, value]) => [name, packed(value)]);
  flash.writeState(Buffer.from(JSON.stringify(Object.fromEntries(entries))));
}

export function readMemory(flash: Flash): DeviceMemory | undefined {
  const bytes = flash.readState();
  if (bytes === undefined) return undefined;
  return JSON.parse(Buffer.from(bytes).toString(), (_, value: unknown) =>
    isBytes(value) ? new Uint8Array(Buffer.from(value.b, 'base64')) : value,
  ) as DeviceMemory;
}

function packed(value: unknown): unknown {
  if (value instanceof Uint8Array) return { b: Buffer.from(value).toString('base64') };
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, packed(inner)]));
}

function isBytes(value: unknown): value is { b: string } {
  return typeof value === 'object' && value !== null && 'b' in value && typeof value.b === 'string';
}

import { type CryptoProvider, erase } from '@pulseseal/crypto';
import {
  attempt,
  type Beacon,
  type ClockSource,
  type Manifest,
  parseCoseKey,
  parseSigned,
  type RefusalName,
  thumbprint,
  verifySigned,
} from '@pulseseal/protocol';
import type { Clock } from '@pulseseal/runtime';
import { deviceLimits } from './limits.ts';
import type { DeviceMemory } from './memory.ts';
import { isListed, type ManifestView } from './policy.ts';

export interface Held<T> {
  readonly body: T;
  readonly bytes: Uint8Array;
  /** H(message). */
  readonly hash: Uint8Array;
}

/** `prekey-refused`: it is signed as it should be, and no key can be sealed to its prekey. */
export type TrustRefusal = RefusalName | 'prekey-refused';

/** Who brought a manifest: a gateway's topic, or somebody at the local link. Neither can use up the other's turns. */
export type ManifestSource = 'gateway' | 'local';

/** `later`: the gate lets no more be verified now. */
export type Offer = 'taken' | 'same' | 'later' | TrustRefusal;

export const isRefusal = (offer: Offer): offer is TrustRefusal =>
  offer !== 'taken' && offer !== 'same' && offer !== 'later';

/** Whom the device obeys: the owner's manifest, and beacons of gateways that it lists. */
export interface Trust {
  readonly manifest: Held<Manifest> | undefined;
  /** The newest beacon of a listed gateway; `preferSpki` picks among several. */
  beacon(preferSpki?: Uint8Array): Held<Beacon> | undefined;
  offerManifest(bytes: Uint8Array, source: ManifestSource): Offer;
  offerBeacon(bytes: Uint8Array): Offer;
  view(): ManifestView | undefined;
  /** The own clock, but never before the manifest's begin plus its age: a login must not fail for a clock that is behind. */
  earliestNowMs(): number;
  /** Authenticated err 5: holds until the next manifest. */
  noteUnknown(): void;
  /** Writes the age into the memory (which the caller then saves). */
  saveAge(): void;
}

export function createTrust(
  memory: DeviceMemory,
  device: Uint8Array,
  ports: { readonly wall: Clock; readonly crypto: CryptoProvider },
  clockSource: ClockSource,
): Trust {
  const { wall, crypto } = ports;
  const ownerKey = memory.ownerKey === null ? undefined : parseCoseKey(memory.ownerKey);
  const beacons = new Map<string, Held<Beacon>>();
  let manifest: Held<Manifest> | undefined;
  let heldSinceMs = wall.monotonicMs();
  let baseAgeMs = memory.manifestAgeMs;
  let unknownToLedger = false;
  const gate = createVerifyGate(wall);

  const held = <T>(body: T, bytes: Uint8Array): Held<T> => ({ body, bytes, hash: crypto.sha256(bytes) });
  const adoptManifest = (next: Held<Manifest>) => {
    manifest = next;
    for (const [gid, beacon] of beacons) if (!isListed(next.body, beacon.body.gateway)) beacons.delete(gid);
  };
  if (memory.manifest !== null) adoptManifest(held(parseSigned(memory.manifest, 'manifest').body, memory.manifest));
  if (memory.beacon !== null) {
    const parsed = attempt(() => parseSigned(memory.beacon!, 'beacon').body);
    if (parsed.ok && manifest !== undefined && isListed(manifest.body, parsed.value.gateway))
      if (takesKeys(parsed.value, crypto)) beacons.set(hex(parsed.value.gateway), held(parsed.value, memory.beacon));
  }
  const ageMs = () => baseAgeMs + (wall.monotonicMs() - heldSinceMs);
  return {
    get manifest() {
      return manifest;
    },
    beacon(preferSpki) {
      const all = [...beacons.values()];
      const preferred = all.find(
        (b) => preferSpki !== undefined && b.body.tlsSpkiHash !== null && same(b.body.tlsSpkiHash, preferSpki),
      );
      return preferred ?? all[all.length - 1];
    },
    offerManifest(bytes, source) {
      if (ownerKey === undefined) return 'owner-mismatch';
      if (manifest !== undefined && same(bytes, manifest.bytes)) return 'same';
      const parsed = attempt(() => parseSigned(bytes, 'manifest'));
      if (!parsed.ok) return parsed.refusal;
      const { body } = parsed.value;
      if (!same(body.device, device) || memory.pseudonym === null || !same(body.pseudonym, memory.pseudonym))
        return 'topic-mismatch';
      if (manifest !== undefined && body.version <= manifest.body.version) return 'manifest-stale';
      if (!gate(`manifest from ${source}`)) return 'later';
      if (!verifySigned(parsed.value, ownerKey, crypto)) return 'signature-invalid';
      adoptManifest(held(body, bytes));
      memory.manifest = bytes;
      memory.manifestAgeMs = 0;
      baseAgeMs = 0;
      heldSinceMs = wall.monotonicMs();
      unknownToLedger = false;
      return 'taken';
    },
    offerBeacon(bytes) {
      if (manifest === undefined) return 'manifest-unknown';
      const parsed = attempt(() => parseSigned(bytes, 'beacon'));
      if (!parsed.ok) return parsed.refusal;
      const { body } = parsed.value;
      const gid = hex(body.gateway);
      const known = beacons.get(gid);
      if (known !== undefined && same(known.bytes, bytes)) return 'same';
      const highest = memory.serials[gid];
      if (!isListed(manifest.body, body.gateway)) return 'gateway-not-listed';
      if (!same(thumbprint(body.key, crypto), body.gateway)) return 'key-mismatch';
      if (highest !== undefined && body.serial < highest) return 'beacon-older';
      if (highest !== undefined && body.serial > highest + deviceLimits.beaconSerialJump) return 'out-of-range';
      if (!gate(gid)) return 'later';
      if (!verifySigned(parsed.value, body.key, crypto)) return 'signature-invalid';
      if (!takesKeys(body, crypto)) return 'prekey-refused';
      beacons.delete(gid);
      beacons.set(gid, held(body, bytes));
      memory.beacon = bytes;
      memory.serials[gid] = body.serial;
      for (const old of Object.keys(memory.serials).slice(0, -deviceLimits.maxGateways)) delete memory.serials[old];
      return 'taken';
    },
    view: () =>
      manifest === undefined
        ? undefined
        : {
            manifest: manifest.body,
            ageMs: ageMs(),
            trustedNowMs: clockSource >= 2 ? wall.nowMs() : undefined,
            unknownToLedger,
          },
    earliestNowMs: () => Math.max(wall.nowMs(), manifest === undefined ? 0 : manifest.body.validFromMs + ageMs()),
    noteUnknown() {
      unknownToLedger = true;
    },
    saveAge() {
      memory.manifestAgeMs = ageMs();
    },
  };
}

/** One encapsulation finds out: a beacon whose prekey is no key would stop every epoch opened under it. */
function takesKeys(beacon: Beacon, crypto: CryptoProvider): boolean {
  const trial = crypto.kemEncapsulate('X-Wing', beacon.prekey);
  if (trial !== undefined) erase(trial.sharedSecret);
  return trial !== undefined;
}

/** Verifying costs: three at once per source, then one a minute. */
function createVerifyGate(wall: Clock): (source: string) => boolean {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return (source) => {
    const nowMs = wall.monotonicMs();
    const bucket = buckets.get(source) ?? { tokens: deviceLimits.verifyBurst, atMs: nowMs };
    const gained = (nowMs - bucket.atMs) / deviceLimits.verifyIntervalMs;
    const tokens = Math.min(deviceLimits.verifyBurst, bucket.tokens + gained);
    buckets.set(source, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    return tokens >= 1;
  };
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

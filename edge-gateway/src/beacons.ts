import type { CryptoProvider, KeyStore } from '@pulseseal/crypto';
import { parseSigned, signBody } from '@pulseseal/protocol';
import type { Clock, Random } from '@pulseseal/runtime';
import type { BeaconRow, Catalogue } from './catalogue.ts';
import type { Identity } from './identity.ts';
import { type Journal, readUndamaged } from './journal.ts';
import { RECORD } from './journal-record.ts';
import { MAX_PREKEYS } from './limits.ts';
import type { GatewaySettings } from './settings.ts';

export interface HeldBeacon {
  readonly serial: number;
  readonly hash: Uint8Array;
  readonly message: Uint8Array;
  readonly validUntilMs: number;
  readonly suites: readonly number[];
}

export interface Beacons {
  /** Reads what there is, makes the next one when it is due. */
  start(): Promise<void>;
  readonly current: HeldBeacon;
  /** A beacon of this gateway, whatever its age. */
  byHash(hash: Uint8Array): Promise<HeldBeacon | undefined>;
  /** The prekey's private seed; undefined once erased. The caller erases the copy. */
  prekey(serial: number): Promise<Uint8Array | undefined>;
  /** Called with each new beacon. */
  onIssue(listener: (beacon: HeldBeacon) => void): void;
  stop(): void;
}

interface BeaconPorts {
  readonly crypto: CryptoProvider;
  readonly wall: Clock;
  readonly random: Random;
  readonly keys: KeyStore;
  readonly journal: Journal;
  readonly catalogue: Catalogue;
}

const SUITES = [1, 2];
/** How long a prekey stays after its beacon ended. */
const PREKEY_GRACE_MS = 86_400_000;
const LOOK_PERIOD_MS = 30_000;
const nameOf = (serial: number) => `gateway.prekey.${serial}`;

export function createBeacons(
  ports: BeaconPorts,
  identity: Identity,
  settings: GatewaySettings,
  tlsSpkiHash: Uint8Array | null,
): Beacons {
  const { crypto, wall, random, keys, journal, catalogue } = ports;
  const held = new Map<number, HeldBeacon>();
  let current: HeldBeacon | undefined;
  let listener: (beacon: HeldBeacon) => void = () => {};
  let cancel = () => {};
  let isIssuing = false;

  const keep = (serial: number, hash: Uint8Array, message: Uint8Array): HeldBeacon => {
    const { body } = parseSigned(message, 'beacon');
    const beacon = { serial, hash, message, validUntilMs: body.validUntilMs, suites: body.suites };
    held.set(serial, beacon);
    for (const old of held.keys()) if (held.size > MAX_PREKEYS) held.delete(old);
    return beacon;
  };
  /** Undefined: the disk has spoiled it, and what names it is refused as another gateway's. */
  const read = async ({ serial, hash, position }: BeaconRow): Promise<HeldBeacon | undefined> => {
    const known = held.get(serial);
    if (known !== undefined) return known;
    const record = await readUndamaged(journal, position);
    return record && keep(serial, hash, record.message);
  };
  const prekeySerials = async (): Promise<number[]> =>
    (await keys.list())
      .map(({ name }) => /^gateway\.prekey\.(\d+)$/.exec(name)?.[1])
      .filter((text) => text !== undefined)
      .map(Number)
      .sort((a, b) => b - a);
  const issue = async () => {
    // A device goes back to no lower serial: also not when the journal lost the newest beacon.
    const serial = Math.max(catalogue.lastBeacon()?.serial ?? 0, ...(await prekeySerials())) + 1;
    const seed = random.bytes(32);
    const prekey = crypto.xwingKeyPair(seed).publicKey;
    await keys.put(nameOf(serial), seed);
    seed.fill(0);
    const nowMs = wall.nowMs();
    const message = signBody(
      'beacon',
      {
        gateway: identity.thumbprint,
        serial,
        validFromMs: nowMs - settings.skewMs,
        validUntilMs: nowMs - settings.skewMs + settings.beaconLifeMs,
        prekey,
        suites: SUITES,
        limits: {
          maxFrameBytes: settings.maxFrameBytes,
          maxCount: settings.maxCount,
          maxSegmentMs: settings.maxSegmentMs,
          skewMs: settings.skewMs,
          maxRecipients: settings.maxRecipients,
        },
        credentialHash: null,
        key: identity.key,
        tlsSpkiHash,
      },
      identity.signer,
    );
    const hash = crypto.sha256(message);
    await journal.put(RECORD.beacon, 0, 0, nowMs, message, (at) => catalogue.addBeacon(serial, hash, at));
    current = keep(serial, hash, message);
    await forgetOldPrekeys(nowMs);
    listener(current);
  };
  const forgetOldPrekeys = async (nowMs: number) => {
    for (const [i, serial] of (await prekeySerials()).entries()) {
      const ended = (held.get(serial)?.validUntilMs ?? Number.POSITIVE_INFINITY) + PREKEY_GRACE_MS < nowMs;
      if (i >= MAX_PREKEYS || ended) await keys.remove(nameOf(serial));
    }
  };
  /** Half over, or of a future that a wrong clock showed: its prekey would stay for as long. */
  const isDue = () => {
    if (current === undefined) return true;
    const leftMs = current.validUntilMs - wall.nowMs();
    return leftMs < settings.beaconLifeMs / 2 || leftMs > settings.beaconLifeMs + settings.skewMs;
  };

  return {
    async start() {
      const last = catalogue.lastBeacon();
      const known = last && (await read(last));
      const isNewest = last !== undefined && !(await prekeySerials()).some((serial) => serial > last.serial);
      if (known !== undefined && isNewest) {
        const { body } = parseSigned(known.message, 'beacon');
        const sameTls = sameOrBothNull(body.tlsSpkiHash, tlsSpkiHash);
        const seed = await keys.get(nameOf(known.serial));
        seed?.fill(0);
        if (sameTls && seed !== undefined) current = known;
      }
      if (isDue()) await issue();
      cancel = wall.every(Math.min(LOOK_PERIOD_MS, settings.beaconLifeMs / 8), () => {
        if (!isDue() || isIssuing) return;
        isIssuing = true;
        issue().then(
          () => {
            isIssuing = false;
          },
          () => {
            isIssuing = false;
          },
        );
      });
    },
    get current() {
      if (current === undefined) throw new Error('no beacon yet');
      return current;
    },
    async byHash(hash) {
      const row = catalogue.beacon(hash);
      return row && read(row);
    },
    prekey: (serial) => keys.get(nameOf(serial)),
    onIssue(given) {
      listener = given;
    },
    stop: () => cancel(),
  };
}

const sameOrBothNull = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
  a === null || b === null ? a === b : a.length === b.length && a.every((byte, i) => byte === b[i]);

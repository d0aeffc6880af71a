import { type CryptoProvider, toHex } from '@pulseseal/crypto';
import {
  ehOf,
  frameLeaf,
  type LinkKeys,
  linkKeys,
  type Open,
  openGatewayWrap,
  openHash,
  parseCtl,
  parseFrame,
  parsePlain,
  parseRepair,
  parseSigned,
  refuse,
  tp8,
} from '@pulseseal/protocol';
import type { Beacons } from './beacons.ts';
import type { Catalogue, CloseRow, EpochRow } from './catalogue.ts';
import { viewOf } from './devices.ts';
import type { Identity } from './identity.ts';
import { type Journal, readUndamaged } from './journal.ts';
import { FLAG } from './journal-record.ts';
import { LazyMap } from './lazy-map.ts';
import { MAX_OPEN_SEGMENTS } from './limits.ts';
import { createReceivedSet, sameBytes } from './received.ts';
import type { GatewaySettings } from './settings.ts';
import type { DeviceState, EpochState, ManifestView, RecipientView, SegmentRecord } from './state.ts';

export interface EpochPorts {
  readonly crypto: CryptoProvider;
  readonly journal: Journal;
  readonly catalogue: Catalogue;
  readonly beacons: Beacons;
}

/** Opens field 7 with the beacon's prekey. @throws Refusal beacon-foreign, beacon-expired, wrap-failed, wrap-mismatch */
export async function openLinkKeys(
  open: Open,
  oh: Uint8Array,
  ports: EpochPorts,
  identity: Identity,
): Promise<LinkKeys> {
  const { crypto, beacons } = ports;
  const { beaconHash, gatewayWrap } = open;
  if (beaconHash === undefined || gatewayWrap === undefined) return refuse('missing-field');
  const beacon = await beacons.byHash(beaconHash);
  if (beacon === undefined) return refuse('beacon-foreign');
  const seed = await beacons.prekey(beacon.serial);
  if (seed === undefined) return refuse('beacon-expired');
  try {
    const gwk = await openGatewayWrap(
      gatewayWrap,
      seed,
      {
        device: open.device,
        boot: open.boot,
        epoch: open.epoch,
        beaconHash,
        gatewayTp8: tp8(identity.thumbprint),
        serial: beacon.serial,
      },
      crypto,
    );
    const keys = linkKeys(oh, gwk, crypto);
    gwk.fill(0);
    return keys;
  } finally {
    seed.fill(0);
  }
}

/** For all epochs that wait for nothing. */
export const nothing = () => {};

export interface EpochParts {
  readonly id: number;
  readonly open: Open;
  readonly oh: Uint8Array;
  readonly manifest: ManifestView;
  readonly keys: LinkKeys | undefined;
  readonly isBulk: boolean;
  readonly flags: number;
}

export function createEpoch(device: DeviceState, parts: EpochParts, settings: GatewaySettings): EpochState {
  const { id, open, oh, manifest, keys, isBulk, flags } = parts;
  const eh = ehOf(oh).slice();
  const wrapHashes = open.wrapHashes.map((hash) => hash && toHex(hash));
  return {
    id,
    device,
    eh,
    ehHex: toHex(eh),
    oh,
    boot: open.boot,
    epoch: open.epoch,
    isBulk,
    up: keys?.up,
    dn: keys?.down,
    pre: keys?.pre,
    manifest,
    routes: routesOf(open, manifest),
    scopes: [...open.commitments.keys()],
    maxFrames: open.maxFrames,
    heartbeatMs: open.heartbeatMs,
    t0Ms: open.clock.t0Ms,
    wrapHashes,
    missingWraps: wrapHashes.some((hash) => hash !== null)
      ? new Set(wrapHashes.filter((hash) => hash !== null))
      : NO_WRAPS,
    received: createReceivedSet(MAX_OPEN_SEGMENTS * settings.maxCount),
    segments: new LazyMap(),
    closedNext: 0,
    nextFirst: 1,
    lastClose: oh,
    hasEnded: false,
    isAccepted: false,
    flags,
    durableSeq: 1,
    durableClosed: 0,
    reportedSeq: 1,
    reportedClosed: 0,
    reportedBeyond: 0,
    byeCount: 0,
    wentByBulk: false,
    keysUntilMs: Number.POSITIVE_INFINITY,
    lastArrivedMs: 0,
    cancelKeysWait: nothing,
    inFlight: 0,
  };
}

/** Shared by every epoch whose wraps are all there. */
const NO_WRAPS: ReadonlySet<string> = new Set();

/** Wraps with these hashes are on disk. */
export function wrapsArrived(epoch: EpochState, hashes: ReadonlySet<string>): void {
  const left = epoch.missingWraps.difference(hashes);
  epoch.missingWraps = left.size === 0 ? NO_WRAPS : left;
}

/** One array of recipients per scope, shared by its streams. Recipients without a wrap get nothing. */
function routesOf(open: Open, manifest: ManifestView): Map<number, readonly RecipientView[]> {
  const byScope = new Map<number, readonly RecipientView[]>();
  for (const scope of open.commitments.keys()) {
    const readers = manifest.recipients.filter((r, i) => r.scopes.includes(scope) && open.wrapHashes[i] !== null);
    byScope.set(scope, readers.length === manifest.recipients.length ? manifest.recipients : readers.slice());
  }
  return new Map(open.streams.map((s) => [s.id, byScope.get(s.scope) ?? []]));
}

/**
 * Reads an epoch back from the journal: keys by one HPKE open, received set and closes through the index. Of what the
 * disk has spoiled the opening is taken for one that never came (SPEC clause EPOCH-1), so the device sends it again;
 * wraps, repairs and frames are asked for.
 * @throws Refusal unknown-epoch
 */
export async function loadEpoch(
  device: DeviceState,
  row: EpochRow,
  withKeys: boolean,
  ports: EpochPorts,
  identity: Identity,
  settings: GatewaySettings,
): Promise<EpochState | undefined> {
  const { crypto, journal, catalogue } = ports;
  const record = await readUndamaged(journal, row.position);
  if (record === undefined) return forgetOpening(device, row, catalogue);
  const { open: openBytes } = parsePlain(record.message, 'opening');
  const open = parseSigned(openBytes, 'open').body;
  const oh = openHash(openBytes, crypto);
  const manifestRow = catalogue.manifest(open.manifestHash);
  if (manifestRow === undefined) return undefined;
  const manifestRecord = await readUndamaged(journal, manifestRow.position);
  if (manifestRecord === undefined) return undefined;
  const manifest = viewOf(parseSigned(manifestRecord.message, 'manifest'), manifestRow.position, identity, crypto);
  const keys = withKeys ? await openLinkKeys(open, oh, ports, identity) : undefined;
  const isBulk = (record.flags & FLAG.bulk) !== 0;
  const epoch = createEpoch(device, { id: row.id, open, oh, manifest, keys, isBulk, flags: record.flags }, settings);
  epoch.isAccepted = row.isAccepted;
  await readRest(epoch, ports);
  return epoch;
}

function forgetOpening(device: DeviceState, row: EpochRow, catalogue: Catalogue): never {
  catalogue.setSpoiled(row.id);
  const left = catalogue.deviceByNumber(device.number);
  device.stored =
    left?.boot === undefined || left.epoch === undefined || left.oh === undefined
      ? undefined
      : { boot: left.boot, epoch: left.epoch, oh: left.oh };
  return refuse('unknown-epoch');
}

/** What the journal holds of an epoch beside its opening. */
export async function readRest(
  epoch: EpochState,
  ports: Pick<EpochPorts, 'crypto' | 'journal' | 'catalogue'>,
): Promise<void> {
  const { crypto, journal, catalogue } = ports;
  for (const position of catalogue.keys(epoch.id)) {
    const record = await readUndamaged(journal, position);
    if (record === undefined) continue;
    const { wraps } = parsePlain(record.message, 'keys');
    wrapsArrived(epoch, new Set(wraps.map((wrap) => toHex(crypto.sha256(wrap)))));
  }
  await loadSegments(epoch, catalogue.closes(epoch.id), ports);
  await loadReceived(epoch, ports);
  epoch.durableSeq = epoch.received.next;
  epoch.durableClosed = epoch.closedNext;
}

type RestPorts = Parameters<typeof readRest>[1];

async function loadSegments(epoch: EpochState, rows: readonly CloseRow[], ports: RestPorts): Promise<void> {
  let low = 1;
  let isContiguous = true;
  const chained = rows.filter((r) => r.state !== 'held');
  for (const row of chained) {
    if (row.segment >= epoch.closedNext) {
      epoch.closedNext = row.segment + 1;
      epoch.nextFirst = row.first + row.count;
      epoch.lastClose = row.hash;
      epoch.hasEnded ||= row.isLast;
    }
    if (row.state === 'logged') isContiguous = false;
    else if (isContiguous) low = Math.max(low, row.first + row.count);
  }
  for (const row of rows) {
    if (row.state !== 'logged' && row.state !== 'held' && row.first + row.count <= low) continue;
    const record = await readUndamaged(ports.journal, row.position);
    if (record === undefined) {
      if (row.state !== 'logged') continue;
      // Without its root the segment can never be proved, and the mark must not stand at it for ever.
      ports.catalogue.setSegmentState(row.position, 'disputed');
      return loadSegments(epoch, ports.catalogue.closes(epoch.id), ports);
    }
    const close = parseSigned(record.message, 'close').body;
    epoch.segments.set(row.segment, segmentOf(close, row.position, row.hash, row.state));
    if (close.leaves !== undefined)
      for (let i = 0; i < close.count; i++)
        epoch.received.addLeaf(close.firstSeq + i, close.leaves.subarray(i * 32, i * 32 + 32));
  }
  epoch.received.dropBelow(low);
}

export function segmentOf(
  close: { segment: number; firstSeq: number; count: number; root: Uint8Array; previous: Uint8Array; last?: unknown },
  position: number,
  hash: Uint8Array,
  state: SegmentRecord['state'],
): SegmentRecord {
  return {
    segment: close.segment,
    first: close.firstSeq,
    count: close.count,
    root: Uint8Array.from(close.root),
    hash: Uint8Array.from(hash),
    previous: Uint8Array.from(close.previous),
    position,
    isLast: close.last !== undefined,
    state,
    nacks: 0,
    nackMs: Number.NEGATIVE_INFINITY,
    mismatches: 0,
  };
}

/** Reads of one batch go to the thread pool together. */
const READ_BATCH = 64;

async function loadReceived(epoch: EpochState, ports: RestPorts): Promise<void> {
  const { journal, catalogue, crypto } = ports;
  for (const position of catalogue.repairs(epoch.id)) {
    const record = await readUndamaged(journal, position);
    if (record === undefined) continue;
    const { leaves } = parseRepair(parseCtl(record.message).content);
    for (const { seq, leaf } of leaves) {
      if (seq >= epoch.received.low) epoch.received.addLeaf(seq, leaf);
      else if (catalogue.frames(epoch.id, seq, seq + 1).length === 0) epoch.received.rememberGone(seq, leaf);
    }
  }
  const places = catalogue.frames(epoch.id, epoch.received.low, Number.MAX_SAFE_INTEGER);
  for (let i = 0; i < places.length; i += READ_BATCH) {
    const batch = places.slice(i, i + READ_BATCH);
    const records = await Promise.all(batch.map((place) => readUndamaged(journal, place.position)));
    for (const record of records) {
      if (record === undefined) continue;
      const frame = parseFrame(record.message);
      epoch.received.add(frame.seq, frameLeaf(frame, epoch.oh, crypto));
      epoch.lastArrivedMs = Math.max(epoch.lastArrivedMs, record.arrivedMs);
    }
  }
}

/** The epoch in memory with this `eh`. */
export function findEpoch(device: DeviceState, eh: Uint8Array): EpochState | undefined {
  const { live, bulk } = device;
  for (let i = 0; i < live.length; i++) if (sameBytes(live[i]!.eh, eh)) return live[i];
  for (let i = 0; i < bulk.length; i++) if (sameBytes(bulk[i]!.eh, eh)) return bulk[i];
  return undefined;
}

export function eraseKeys(epoch: EpochState): void {
  for (const mac of [epoch.up, epoch.dn, epoch.pre]) (mac as { erase?: () => void } | undefined)?.erase?.();
}

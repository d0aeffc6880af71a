import { toHex } from '@pulseseal/crypto';
import {
  ACCEPT_FLAG,
  checkPre,
  ehOf,
  encodeOpening,
  type Open,
  type Opening,
  openHash,
  parseMessage,
  parseSigned,
  refuse,
  type Signed,
} from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { createBucket } from '../buckets.ts';
import { createEpoch, findEpoch, loadEpoch, nothing, openLinkKeys } from '../epochs.ts';
import { FLAG, RECORD } from '../journal-record.ts';
import { OPENS_BURST, OPENS_PER_S } from '../limits.ts';
import { sameBytes } from '../received.ts';
import type { ClientSession, DeviceState, EpochState, ManifestView } from '../state.ts';
import { nothingKnown, type RefusedMessage, refused } from './answer.ts';
import { epochFor } from './control.ts';
import { type Done, dropKeys, readBack } from './frame.ts';
import { awaitKeys, receiveKeys } from './keys.ts';
import { receiveLost } from './lost.ts';

/** Channel `o`: opening, keys, lost. */
export function receiveOpenChannel(border: Border, session: ClientSession, bytes: Uint8Array, done: Done): void {
  try {
    // (1) size and strict parse
    const message = parseMessage(bytes.slice());
    const { device } = session;
    if (device?.isRetired === true) refuse('revoked-device');
    if (message.kind === 'lost') {
      receiveLost(border, session, message.nonce, done);
      return;
    }
    if (message.kind !== 'opening' && message.kind !== 'keys') refuse('unknown-kind');
    if (device === undefined) refuse('not-endorsed');
    if (message.kind === 'opening') {
      receiveOpening(border, session, device, message, done);
      return;
    }
    void device.serial(async () => {
      try {
        const epoch = await epochFor(border, device, message.eh);
        const isWhole = await receiveKeys(border, epoch, message);
        if (isWhole) await acceptEpoch(border, epoch);
        done('acknowledge');
      } catch (error) {
        done(refused(border, session, error, { eh: message.eh, isBeforeAccept: true }));
      }
    });
  } catch (error) {
    done(refused(border, session, error));
  }
}

/** What the checks of one opening know, in order of learning. */
interface OpeningCase {
  readonly border: Border;
  readonly device: DeviceState;
  readonly message: Opening;
  readonly signed: Signed<'open'>;
  readonly open: Open;
  readonly oh: Uint8Array;
}

function receiveOpening(
  border: Border,
  session: ClientSession,
  device: DeviceState,
  message: Opening,
  done: Done,
): void {
  const signed = parseSigned(message.open, 'open');
  const oh = openHash(message.open, border.crypto);
  const c: OpeningCase = { border, device, message, signed, open: signed.body, oh };
  // (2) topic's device = field 3 = MQTT client identity (the topic was held to the identity by the access list)
  if (!sameBytes(c.open.device, session.thumbprint)) refuse('topic-mismatch');
  takeToken(c);
  let answer: RefusedMessage = { ...nothingKnown, eh: ehOf(oh), about: oh, isBeforeAccept: true };
  let isDone = false;
  const fail = (error: unknown) => {
    if (!isDone) done(refused(border, session, error, answer));
    isDone = true;
  };
  const run = async (): Promise<EpochState | undefined> => {
    try {
      const epoch = await judge(c, (known) => {
        answer = { ...answer, authentic: known };
      });
      done('acknowledge');
      isDone = true;
      await acceptIfWhole(border, epoch);
      return epoch;
    } catch (error) {
      fail(error);
      return undefined;
    }
  };
  const ehHex = toHex(ehOf(oh));
  // Frames may follow at once (0-RTT): they wait for this very open.
  if (findEpoch(device, ehOf(oh)) !== undefined || device.pending.has(ehHex)) void device.serial(run);
  else {
    let hasBegun = false;
    const begin = () => {
      hasBegun = true;
      return run();
    };
    readBack(
      border,
      device,
      ehHex,
      oh,
      () => device.serial(begin),
      () => !hasBegun,
    );
  }
}

/** (3) token bucket of the device */
function takeToken({ border, device }: OpeningCase): void {
  device.opens ??= createBucket(OPENS_PER_S, OPENS_BURST);
  if (!device.opens.take(border.wall.monotonicMs())) refuse('rate');
}

async function judge(c: OpeningCase, authentic: (epoch: EpochState) => void): Promise<EpochState> {
  const again = checkCounter(c);
  if (again) return reopen(c);
  await checkBeacon(c);
  checkLane(c);
  await checkSignature(c);
  const manifest = await checkManifest(c);
  return journalEpoch(c, manifest, authentic);
}

/** (4) `(boot, epoch)` above the stored pair; equal with the identical `oh` is the same open again. */
function checkCounter({ border, device, open, oh }: OpeningCase): boolean {
  const { stored } = device;
  if (stored === undefined) return false;
  if (stored.boot === open.boot && stored.epoch === open.epoch) {
    if (sameBytes(stored.oh, oh)) return true;
    border.alarm('counter-conflict', device.name);
    refuse('counter-conflict');
  }
  if (open.boot < stored.boot || (open.boot === stored.boot && open.epoch < stored.epoch)) refuse('stale-counter');
  return false;
}

/** Idempotent re-open: answered with `accept`. */
async function reopen({ border, device, oh }: OpeningCase): Promise<EpochState> {
  const eh = ehOf(oh);
  const found = findEpoch(device, eh);
  if (found !== undefined) return found;
  const row = border.catalogue.epoch(device.number, eh);
  if (row === undefined) refuse('unknown-epoch');
  const epoch = await loadEpoch(device, row, true, border, border.identity, border.settings);
  return epoch ?? refuse('manifest-unknown');
}

/** (5) its own beacon, not expired; suite allowed by the beacon. */
async function checkBeacon({ border, open }: OpeningCase): Promise<void> {
  if (open.beaconHash === undefined || open.gatewayWrap === undefined) refuse('use-bulk');
  const beacon = await border.beacons.byHash(open.beaconHash);
  if (beacon === undefined) refuse('beacon-foreign');
  if (border.wall.nowMs() > beacon.validUntilMs) refuse('beacon-expired');
  if (!beacon.suites.includes(open.suite)) refuse('suite-refused');
  if (open.maxFrames > border.settings.maxCount) refuse('count-exceeded');
}

/** (6) a tag under the last epochs' K_pre: fast lane; absent or unknown: the slow lane's bucket. */
function checkLane({ border, device, message }: OpeningCase): void {
  const { pre } = message;
  const isKnown =
    pre !== undefined && device.live.some((e) => e.pre !== undefined && checkPre(message.open, pre, e.oh, e.pre));
  border.instruments.opens.add(1, isKnown ? 'fast' : 'slow');
  if (!isKnown && !border.slowLane.take(border.wall.monotonicMs())) refuse('rate');
}

/** (7) endorsed OK; the signature, verified last of what is not ours. */
async function checkSignature({ border, device, signed }: OpeningCase): Promise<void> {
  if (device.isRetired) refuse('revoked-device');
  if (border.wall.nowMs() > device.endorseUntilMs) refuse('not-endorsed');
  if (!(await border.verify(signed, await border.keyOf(device)))) refuse('signature-invalid');
}

/** (8) the ledger's current manifest, or the one before within its grace. Away: marked, never refused for that. */
async function checkManifest({ border, device, open }: OpeningCase): Promise<{ view: ManifestView; flags: number }> {
  const view = await border.manifestOf(device, open.manifestHash);
  if (view === undefined) refuse('manifest-unknown');
  if (!view.namesThisGateway) refuse('gateway-not-listed');
  if (!view.suites.includes(open.suite)) refuse('suite-refused');
  if (open.wrapHashes.length !== view.recipients.length) refuse('scope-mismatch');
  if (border.ledger.isRetired(view.pseudonym)) refuse('revoked-device');
  const standing = await border.ledger.standing(view);
  if (standing.kind === 'stale') refuse('manifest-stale');
  if (standing.kind === 'unknown') refuse('manifest-unknown');
  return { view, flags: standing.kind === 'unconfirmed' ? FLAG.unconfirmed : 0 };
}

/** (9) one HPKE open, MAC keys, journal; only now the stored pair moves. */
async function journalEpoch(
  c: OpeningCase,
  manifest: { readonly view: ManifestView; readonly flags: number },
  authentic: (epoch: EpochState) => void,
): Promise<EpochState> {
  const { border, device, message, open, oh } = c;
  const keys = await openLinkKeys(open, oh, border, border.identity);
  const arrivedMs = Math.round(border.data.nowMs());
  const isSkewed = Math.abs(open.clock.t0Ms - arrivedMs) > border.settings.skewMs;
  const flags = manifest.flags | (isSkewed ? FLAG.clockUntrusted : 0);
  const raw = encodeOpening(message.open, message.pre);
  const epoch = await border.journal.put(RECORD.opening, flags, device.number, arrivedMs, raw, (position) => {
    const id = border.projection.opening(device.number, open, message.open, flags, position, arrivedMs);
    device.stored = { boot: open.boot, epoch: open.epoch, oh };
    return createEpoch(device, { id, open, oh, manifest: manifest.view, keys, isBulk: false, flags }, border.settings);
  });
  authentic(epoch);
  border.instruments.entries.add();
  border.grown();
  await border.introduce(epoch, open, message.open);
  return epoch;
}

/** `accept` when all wraps are on disk too; else a nack for them after 2 s. */
async function acceptIfWhole(border: Border, epoch: EpochState): Promise<void> {
  if (epoch.missingWraps.size === 0) return acceptEpoch(border, epoch);
  awaitKeys(border, epoch);
}

export async function acceptEpoch(border: Border, epoch: EpochState): Promise<void> {
  // Its progress may have waited for them.
  if (epoch.isBulk || epoch.wentByBulk) border.moved(epoch);
  if (epoch.isBulk) return;
  epoch.cancelKeysWait();
  epoch.cancelKeysWait = nothing;
  if (!epoch.isAccepted) {
    const nowMs = Math.round(border.data.nowMs());
    await border.journal.put(RECORD.accepted, 1, epoch.device.number, nowMs, epoch.oh, () =>
      border.catalogue.setAccepted(epoch.id),
    );
    epoch.isAccepted = true;
    retireOlder(border, epoch);
  }
  const unconfirmed = (epoch.flags & FLAG.unconfirmed) !== 0 ? ACCEPT_FLAG.manifestUnconfirmed : 0;
  const newer = border.ledger.hasNewer(epoch.manifest) ? ACCEPT_FLAG.newerManifest : 0;
  border.control.accept(epoch, unconfirmed | newer);
}

/** The older epoch keeps its keys ten minutes more, for what is on its way. */
function retireOlder(border: Border, epoch: EpochState): void {
  const { keyGraceMs } = border.settings;
  for (const older of epoch.device.live) {
    if (older === epoch || older.keysUntilMs !== Number.POSITIVE_INFINITY) continue;
    older.keysUntilMs = border.wall.monotonicMs() + keyGraceMs;
    border.wall.after(keyGraceMs, () => {
      const at = older.device.live.indexOf(older);
      if (at < 0) return;
      older.device.live.splice(at, 1);
      dropKeys(older);
    });
  }
}

import { toHex } from '@pulseseal/crypto';
import { type CoseKey, deviceText, parseSigned, refuse, type Signed, thumbprint } from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { takeEndorse, viewOf } from '../devices.ts';
import { RECORD } from '../journal-record.ts';
import { UNUSED_ENDORSEMENT_MS } from '../limits.ts';
import { sameBytes } from '../received.ts';
import type { ClientSession, DeviceState } from '../state.ts';
import { refused } from './answer.ts';
import type { Done } from './frame.ts';

/** Channels `e` and `m`: what the owner signs about a device. Journalled, then kept for the device as retained. */
export function receivePapers(
  border: Border,
  session: ClientSession,
  deviceName: string,
  channel: 'e' | 'm',
  bytes: Uint8Array,
  done: Done,
): void {
  const task = channel === 'e' ? takeEndorsement : takeManifest;
  task(border, session, deviceName, bytes.slice()).then(
    () => done('acknowledge'),
    (error: unknown) => done(refused(border, session, error)),
  );
}

/** An owner endorses a device's OK (SPEC clause ENROL-4). Who was first stays, once the device or the ledger bears it out. */
async function takeEndorsement(border: Border, session: ClientSession, name: string, bytes: Uint8Array): Promise<void> {
  const { crypto, wall } = border;
  const signed = parseSigned(bytes, 'endorse');
  const { body } = signed;
  const { issuerKey } = body;
  if (issuerKey === undefined) refuse('missing-field');
  if (!sameBytes(thumbprint(issuerKey, crypto), body.issuer)) refuse('key-mismatch');
  if (!sameBytes(thumbprint(body.key, crypto), body.subject)) refuse('key-mismatch');
  if (deviceText(body.subject) !== name) refuse('topic-mismatch');
  if (!sameBytes(body.issuer, session.thumbprint)) refuse('topic-denied');
  if (wall.nowMs() >= body.expiresS * 1000) refuse('expired');
  const known = await border.devices.load(name);
  const before = known?.owner;
  const other = before === undefined || sameBytes(before, body.issuer) ? undefined : known;
  if (other?.stored !== undefined) refuse('owner-mismatch');
  if (known?.isRetired === true) refuse('revoked-device');
  const last = known?.endorseAt === undefined ? undefined : await border.journal.read(known.endorseAt);
  if (last !== undefined && sameBytes(last.message, bytes)) return;
  await admitPaper(border, session, known);
  if (other !== undefined && !(await givesWay(border, other, last?.arrivedMs))) refuse('owner-mismatch');
  if (!(await border.verify(signed, issuerKey))) refuse('signature-invalid');
  const device = border.devices.get(name) ?? border.devices.create(body.subject);
  if (device.owner !== undefined && !sameBytes(device.owner, body.issuer)) {
    // Meanwhile another one came, or the device opened.
    if (device.owner !== before || device.stored !== undefined) refuse('owner-mismatch');
  }
  // Who says it again has not come later.
  const sinceMs = other === undefined ? last?.arrivedMs : undefined;
  await border.journal.put(RECORD.endorse, 0, device.number, sinceMs ?? wall.nowMs(), bytes, (position): void => {
    border.catalogue.setEndorse(device.number, position);
    takeEndorse(device, signed, position);
  });
  // The device may have logged in before its owner spoke.
  const waiting = border.sessions.get(name);
  if (waiting !== undefined) waiting.device = device;
  border.broker.send(name, device.topic.endorse, bytes);
}

/** Limits before signatures. With the ledger away an owner is known whose device has opened here. */
async function admitPaper(border: Border, session: ClientSession, device: DeviceState | undefined): Promise<void> {
  const isKnown =
    (await border.ledger.knowsOwner(session.thumbprint)) ??
    (device?.stored !== undefined && device.owner !== undefined && sameBytes(device.owner, session.thumbprint));
  if (!border.paperLimits.take(session.identity, isKnown, border.wall.monotonicMs())) refuse('rate');
}

/**
 * Anybody can endorse a key. Such a claim gives way to another one after a while, unless the device itself opened with a
 * manifest of this owner, or the ledger has the pseudonym of that manifest under this owner, or cannot be asked.
 */
async function givesWay(border: Border, device: DeviceState, sinceMs = border.wall.nowMs()): Promise<boolean> {
  if (border.wall.nowMs() - sinceMs < UNUSED_ENDORSEMENT_MS) return false;
  if (device.manifest === undefined) return true;
  const owner = await border.ledger.ownerOf(device.manifest.pseudonym);
  if (owner === undefined || device.owner === undefined) return false;
  return owner === null || !sameBytes(owner, device.owner);
}

/** A new manifest of the owner: version above the last one. */
async function takeManifest(border: Border, session: ClientSession, name: string, bytes: Uint8Array): Promise<void> {
  const { crypto, wall, identity } = border;
  const signed = parseSigned(bytes, 'manifest');
  const device = await border.devices.load(name);
  if (device === undefined || device.owner === undefined) refuse('unknown-device');
  if (!sameBytes(signed.body.device, device.thumbprint)) refuse('topic-mismatch');
  if (!sameBytes(device.owner, session.thumbprint)) refuse('topic-denied');
  if (device.isRetired || border.ledger.isRetired(toHex(signed.body.pseudonym))) refuse('revoked-device');
  const hash = crypto.sha256(bytes);
  if (device.manifest !== undefined && sameBytes(device.manifest.hash, hash)) return;
  const requireNewer = () => {
    if (device.manifest !== undefined && signed.body.version <= device.manifest.version) refuse('manifest-stale');
  };
  requireNewer();
  if (signed.body.recipients.length > border.settings.maxRecipients) refuse('out-of-range');
  await admitPaper(border, session, device);
  const registered = await border.ledger.ownerOf(toHex(signed.body.pseudonym));
  if (registered != null && !sameBytes(registered, session.thumbprint)) refuse('owner-mismatch');
  if (!(await border.verify(signed, await ownerKey(border, device)))) refuse('signature-invalid');
  // Meanwhile another version or another owner may have come.
  requireNewer();
  if (!sameBytes(device.owner, session.thumbprint)) refuse('topic-denied');
  await border.journal.put(RECORD.manifest, 0, device.number, wall.nowMs(), bytes, (position): void => {
    border.projection.manifest(device.number, bytes, signed.body.version, position);
    device.manifest = viewOf(signed as Signed<'manifest'>, position, identity, crypto);
    device.manifestAt = position;
  });
  border.broker.send(name, device.topic.manifest, bytes);
}

async function ownerKey(border: Border, device: DeviceState): Promise<CoseKey> {
  if (device.endorseAt === undefined) refuse('not-endorsed');
  const { message } = await border.journal.read(device.endorseAt);
  return parseSigned(message, 'endorse').body.issuerKey ?? refuse('key-mismatch');
}

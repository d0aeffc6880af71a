import { toHex } from '@pulseseal/crypto';
import { type CoseKey, deviceText, parseSigned, refuse, type Signed, thumbprint } from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { takeEndorse, viewOf } from '../devices.ts';
import { RECORD } from '../journal-record.ts';
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

/** An owner endorses a device's OK (SPEC clause ENROL-4). The first owner stays: a transfer makes a new OK. */
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
  if (known?.owner !== undefined && !sameBytes(known.owner, body.issuer)) refuse('owner-mismatch');
  if (known?.isRetired === true) refuse('revoked-device');
  if (known?.endorseAt !== undefined && sameBytes((await border.journal.read(known.endorseAt)).message, bytes)) return;
  if (!(await border.verify(signed, issuerKey))) refuse('signature-invalid');
  const device = border.devices.get(name) ?? border.devices.create(body.subject);
  if (device.owner !== undefined && !sameBytes(device.owner, body.issuer)) refuse('owner-mismatch');
  await border.journal.put(RECORD.endorse, 0, device.number, wall.nowMs(), bytes, (position): void => {
    border.catalogue.setEndorse(device.number, position);
    takeEndorse(device, signed, position);
  });
  // The device may have logged in before its owner spoke.
  const waiting = border.sessions.get(name);
  if (waiting !== undefined) waiting.device = device;
  border.broker.send(name, device.topic.endorse, bytes);
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
  if (device.manifest !== undefined) {
    if (sameBytes(device.manifest.hash, hash)) return;
    if (signed.body.version <= device.manifest.version) refuse('manifest-stale');
  }
  if (signed.body.recipients.length > border.settings.maxRecipients) refuse('out-of-range');
  if (!(await border.verify(signed, await ownerKey(border, device)))) refuse('signature-invalid');
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

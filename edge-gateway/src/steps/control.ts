import { toHex } from '@pulseseal/crypto';
import {
  CTL,
  type Ctl,
  openCtl,
  parseBulk,
  parseBye,
  parseMessage,
  parseRepair,
  refuse,
  type VerifiedCtl,
} from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { findEpoch, loadEpoch } from '../epochs.ts';
import { RECORD } from '../journal-record.ts';
import { MAX_NACKS } from '../limits.ts';
import { sameBytes } from '../received.ts';
import type { ClientSession, DeviceState, EpochState } from '../state.ts';
import { refused } from './answer.ts';
import { receiveBulk } from './bulk.ts';
import { receiveClose } from './close.ts';
import { type Done, readBack } from './frame.ts';
import { completeIfWhole, dispute } from './segment.ts';

/** Channel `c`: parse -> epoch -> HMAC, and only then what it carries. One at a time for a device. */
export function receiveControl(border: Border, session: ClientSession, bytes: Uint8Array, done: Done): void {
  const { device } = session;
  let ctl: Ctl;
  try {
    if (device === undefined) refuse('not-endorsed');
    const message = parseMessage(bytes.slice());
    if (message.kind !== 'ctl' || message.mt > CTL.bulk) refuse('unknown-kind');
    ctl = message;
  } catch (error) {
    done(refused(border, session, error));
    return;
  }
  void device.serial(async () => {
    let epoch: EpochState | undefined;
    let authentic: EpochState | undefined;
    try {
      if (device.isRetired) refuse('revoked-device');
      epoch = await epochFor(border, device, ctl.eh);
      if (epoch.up === undefined) refuse('use-bulk');
      const verified = openCtl(ctl, epoch.oh, epoch.up);
      authentic = epoch;
      await take(border, device, epoch, verified);
      done('acknowledge');
    } catch (error) {
      const about = border.crypto.sha256(ctl.raw);
      const meant = epoch !== undefined && epoch.up === undefined ? epoch.eh : undefined;
      done(refused(border, session, error, { eh: ctl.eh, authentic, about, meant }));
    }
  });
}

/** In memory, being opened, or read back from the journal. @throws Refusal unknown-epoch, use-bulk */
export async function epochFor(border: Border, device: DeviceState, eh: Uint8Array): Promise<EpochState> {
  const found = findEpoch(device, eh);
  if (found !== undefined) return found;
  const ehHex = toHex(eh);
  const pending = device.pending.get(ehHex);
  if (pending?.isQueued() === true) refuse('unknown-epoch');
  if (pending !== undefined) return (await pending.ready) ?? refuse('unknown-epoch');
  const row = border.catalogue.epoch(device.number, eh);
  if (row === undefined) refuse('unknown-epoch');
  if (row.isBulk || !border.hasKeysStill(device, row.id)) refuse('use-bulk');
  const reading = readBack(border, device, ehHex, row.oh, () =>
    loadEpoch(device, row, true, border, border.identity, border.settings),
  );
  return (await reading.ready) ?? refuse('unknown-epoch');
}

async function take(border: Border, device: DeviceState, epoch: EpochState, verified: VerifiedCtl): Promise<void> {
  const { ctl } = verified;
  switch (ctl.mt) {
    case CTL.close:
      return receiveClose(border, epoch, ctl.content);
    case CTL.repair:
      return receiveRepair(border, device, epoch, ctl);
    case CTL.bye: {
      const bye = parseBye(ctl.content);
      // Only above the highest seen: a replayed bye must not hide a silence.
      if (ctl.n > epoch.byeCount) {
        epoch.byeCount = ctl.n;
        border.logger.info({ device: device.name, reason: bye.reason }, 'a device says goodbye');
      }
      return;
    }
    case CTL.bulk:
      return receiveBulk(border, device, epoch, parseBulk(ctl.content));
    default:
      return refuse('unknown-kind');
  }
}

/** Leaves of frames that are gone (mt 6): the root becomes checkable, the gaps are proved to be gaps. */
async function receiveRepair(border: Border, device: DeviceState, carrier: EpochState, ctl: Ctl): Promise<void> {
  const repair = parseRepair(ctl.content);
  const epoch = repair.eh === undefined ? carrier : await border.anyEpoch(device, repair.eh);
  const segment = epoch.segments.get(repair.segment);
  // Repeated, or of a segment that is complete: nothing to learn.
  if (segment === undefined) return;
  if (repair.leaves.length === 0) {
    segment.nacks = MAX_NACKS;
    return;
  }
  const nowMs = border.wall.nowMs();
  await border.journal.put(RECORD.repair, 0, device.number, nowMs, ctl.raw, (position): void => {
    border.catalogue.addRepair(epoch.id, position);
    let isContradicted = false;
    for (const { seq, leaf } of repair.leaves) {
      if (seq < segment.first || seq >= segment.first + segment.count) continue;
      const known = epoch.received.leaf(seq);
      if (known !== undefined && !sameBytes(known, leaf)) isContradicted = true;
      else epoch.received.addLeaf(seq, leaf);
    }
    if (epoch.inFlight === 0) epoch.durableSeq = Math.max(epoch.durableSeq, epoch.received.next);
    border.moved(epoch);
    if (segment.state !== 'logged') return;
    // The device itself says that it closed over other frames than it sent.
    if (isContradicted && segment.mismatches > 0) dispute(border, epoch, segment);
    else if (segment.mismatches > 0 && repair.leaves.length >= segment.count) dispute(border, epoch, segment);
    else completeIfWhole(border, epoch, segment);
  });
}

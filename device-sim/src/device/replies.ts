import type { CryptoProvider } from '@pulseseal/crypto';
import {
  CLOSE_LAST,
  type CloseLast,
  ERR,
  type Err,
  type ErrCode,
  type Nack,
  OPEN_REASON,
  type OpenReason,
  parseCoseKey,
  type Resync,
  type Signed,
  verifySigned,
  WANT,
} from '@pulseseal/protocol';
import type { Clock } from '@pulseseal/runtime';
import type { Bulk } from './bulk.ts';
import type { Control } from './control.ts';
import type { DeviceNotice } from './device.ts';
import type { DownlinkHandlers, LinkedEpoch } from './downlink.ts';
import { deviceLimits } from './limits.ts';
import type { LinkedEpochs } from './link-keys.ts';
import type { Listeners } from './listeners.ts';
import type { DeviceMemory } from './memory.ts';
import type { Spool } from './spool.ts';
import type { SpoolEpoch } from './spool-epoch.ts';
import { hex, same, type Trust, type TrustRefusal } from './trust.ts';
import type { Uplink } from './uplink.ts';

/** What the device does about each message that came down and was verified. */
export interface Replies {
  readonly handlers: DownlinkHandlers;
  /** A newer beacon is waited for (err 11); taken once. */
  takeBeaconWish(): boolean;
  /** Forced new epochs are bounded per cause. */
  mayForce(cause: 'rekey' | 'refused' | 'clock'): boolean;
  ownerResync(message: Signed<'resync'>): void;
}

/** A refusal; or what the gateway said, by code: a hint when nothing proved it. */
export type NotObeyed = TrustRefusal | `err-${ErrCode}` | `err-${ErrCode}-hint`;

export interface ReplyPorts {
  readonly wall: Clock;
  readonly spool: Spool;
  readonly control: Control;
  readonly uplink: Uplink;
  readonly bulk: Bulk;
  readonly memory: DeviceMemory;
  readonly device: Uint8Array;
  readonly crypto: CryptoProvider;
  readonly trust: Trust;
  readonly links: LinkedEpochs;
  readonly listeners: Listeners;
  goesDirect(epoch: SpoolEpoch): boolean;
  rotate(reason: OpenReason, last: CloseLast): void;
  accepted(epoch: LinkedEpoch): void;
  /** Went by bulk, and its pair is another epoch's. */
  conflicted(epoch: SpoolEpoch): void;
  /** Subscribes again: retained beacon and manifest come anew. */
  refetch(): void;
  revoke(): void;
  save(): void;
  notify(notice: DeviceNotice): void;
  refused(reason: NotObeyed): void;
}

const dayMs = 86_400_000;

export function createReplies(p: ReplyPorts): Replies {
  const forcedAtMs = new Map<string, readonly number[]>();
  const nackAtMs = new Map<string, number>();
  let wishBeacon = false;
  let lastResyncMs = Number.NEGATIVE_INFINITY;
  let refetchAtMs = Number.NEGATIVE_INFINITY;

  const mayForce: Replies['mayForce'] = (cause) => {
    const nowMs = p.wall.monotonicMs();
    const since = nowMs - deviceLimits.forcedEpochIntervalMs;
    const recent = (forcedAtMs.get(cause) ?? []).filter((atMs) => atMs > since);
    if (recent.length >= (cause === 'clock' ? deviceLimits.clockStepsAtOnce : 1)) return false;
    forcedAtMs.set(cause, [...recent, nowMs]);
    return true;
  };
  const refetch = () => {
    const nowMs = p.wall.monotonicMs();
    if (nowMs - refetchAtMs < deviceLimits.openRetryMs) return;
    refetchAtMs = nowMs;
    p.refetch();
  };
  /** The epoch a message means: its own, or an older one that went by bulk in the newest accepted one. */
  const meant = (epoch: LinkedEpoch, eh: Uint8Array | undefined): SpoolEpoch | undefined => {
    if (eh === undefined || same(eh, epoch.spool.ehBytes)) return epoch.spool;
    return epoch === p.links.newestAccepted ? p.spool.get(hex(eh)) : undefined;
  };

  /** A lost repair is asked for again. */
  const repair = (...order: Parameters<Control['repair']>) => {
    p.control.repair(...order).catch(() => {});
  };
  const mayAnswer = (epoch: SpoolEpoch, sg: number, want: number): boolean => {
    const key = `${epoch.eh}:${sg}:${want}`;
    const nowMs = p.wall.monotonicMs();
    if (nowMs - (nackAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < deviceLimits.nackIntervalMs) return false;
    if (nackAtMs.size > 1_000) nackAtMs.clear();
    nackAtMs.set(key, nowMs);
    return true;
  };
  const answerNack = (carrier: LinkedEpoch, nack: Nack) => {
    const epoch = meant(carrier, nack.eh);
    if (epoch === undefined) return;
    if (!mayAnswer(epoch, nack.segment, nack.want)) return;
    if (nack.want === WANT.keys) {
      p.control.reopen();
      return;
    }
    if (nack.want === WANT.close) {
      if (!epoch.openCloses.has(nack.segment)) return;
      if (p.goesDirect(epoch)) p.uplink.again({ epoch, kind: 'close', number: nack.segment });
      else p.bulk.reset();
      p.uplink.pump();
      p.bulk.pump();
      return;
    }
    const segment = epoch.segments.get(nack.segment);
    const whole =
      segment === undefined || segment.leaves.length === 0
        ? []
        : [{ first: segment.firstSeq, count: segment.leaves.length }];
    const ranges = nack.ranges ?? whole;
    // A leaf lets progress pass the frame, so none goes out for a frame that is still here: the frame itself does.
    sendFrames(carrier, epoch, nack.segment, ranges);
  };
  /** Frames that are still there come again; of the others the leaf must do. */
  const sendFrames = (
    carrier: LinkedEpoch,
    epoch: SpoolEpoch,
    sg: number,
    ranges: readonly { first: number; count: number }[],
  ) => {
    const gone = [];
    let again = false;
    for (const range of ranges) {
      for (let seq = range.first; seq < range.first + range.count; seq++) {
        if (!epoch.frames.has(seq)) gone.push({ first: seq, count: 1 });
        else if (p.goesDirect(epoch)) p.uplink.again({ epoch, kind: 'frame', number: seq });
        else again = true;
      }
    }
    if (again) p.bulk.reset();
    if (gone.length > 0) repair(carrier, epoch, sg, gone);
    p.uplink.pump();
    p.bulk.pump();
  };

  /** All leaves of a segment whose root did not come out: shows which frame differs. */
  const sendLeaves = (carrier: LinkedEpoch, epoch: SpoolEpoch, sg: number) => {
    const segment = epoch.segments.get(sg);
    if (segment === undefined || !mayAnswer(epoch, sg, 0)) return;
    repair(carrier, epoch, sg, [{ first: segment.firstSeq, count: segment.leaves.length }]);
  };
  const answerErr = (carrier: LinkedEpoch | undefined, err: Err, authentic: boolean) => {
    p.refused(`err-${err.code}${authentic ? '' : '-hint'}`);
    const about = carrier === undefined ? undefined : meant(carrier, err.eh);
    switch (err.code) {
      case ERR.malformed:
        if (authentic && about !== undefined && err.number !== undefined) {
          if (p.spool.refuse(about, err.number) && mayForce('refused'))
            p.rotate(OPEN_REASON.recovery, CLOSE_LAST.rekey);
        }
        return;
      case ERR.unknownEpoch:
        if (carrier !== undefined && carrier === p.links.current && carrier.spool.accepted)
          p.control.openAgain(carrier);
        else p.control.reopen();
        return;
      case ERR.staleCounter:
        // Named inside bulk there is nothing to resync: the carrier's own pair is right.
        if (err.eh === undefined || carrier === undefined || about === carrier.spool) p.control.lost();
        else if (authentic && about !== undefined && !about.accepted && p.bulk.wentUp(about)) p.conflicted(about);
        return;
      case ERR.manifestStale:
        refetch();
        return;
      case ERR.manifestUnknown:
        if (!authentic) return;
        p.trust.noteUnknown();
        p.notify({ kind: 'manifest-unknown' });
        return;
      case ERR.rate:
        p.uplink.pause(Math.min(60_000, Math.max(100, err.number ?? 1_000)));
        return;
      case ERR.rootMismatch:
        if (authentic && carrier !== undefined && about !== undefined && err.number !== undefined)
          sendLeaves(carrier, about, err.number);
        return;
      case ERR.beaconExpired:
        wishBeacon = true;
        refetch();
        return;
      case ERR.revokedDevice:
        if (authentic) p.revoke();
        return;
      case ERR.useBulk: {
        const old = err.eh === undefined ? carrier?.spool : p.spool.get(hex(err.eh));
        if (old === undefined || old === p.links.current?.spool) return;
        p.links.byBulkOnly(old.eh);
        p.bulk.pump();
        return;
      }
      default:
        return;
    }
  };

  const jump = (body: Resync, bounded: boolean) => {
    const { memory } = p;
    const far =
      body.boot - memory.boot > deviceLimits.resyncJump || body.epoch - memory.epoch > deviceLimits.resyncJump;
    if (far && bounded) {
      p.refused('counter-jump');
      return;
    }
    if (body.boot < memory.boot && body.epoch < memory.epoch) return;
    memory.boot = Math.max(memory.boot, body.boot + 1);
    memory.epoch = Math.max(memory.epoch, body.epoch);
    p.save();
    const nowMs = p.wall.monotonicMs();
    if (nowMs - lastResyncMs < dayMs) p.notify({ kind: 'clone-suspected' });
    lastResyncMs = nowMs;
    p.rotate(OPEN_REASON.recovery, CLOSE_LAST.rekey);
  };
  return {
    mayForce,
    takeBeaconWish() {
      const was = wishBeacon;
      wishBeacon = false;
      return was;
    },
    handlers: {
      accept(epoch, message) {
        p.accepted(epoch);
        if (message.durable !== undefined)
          p.spool.acknowledge(epoch.spool, [[1, message.durable.seqBelow - 1]], message.durable.segmentBelow);
        if ((message.flags & 2) !== 0) refetch();
      },
      nack: answerNack,
      rekey(_epoch, message) {
        if (mayForce('rekey')) {
          // A new prekey comes with a new beacon: have it before the epoch is built.
          if (message.reason === 0) refetch();
          p.rotate(OPEN_REASON.rekey, CLOSE_LAST.rekey);
        }
      },
      progress(epoch, message) {
        const about = meant(epoch, message.eh);
        if (about === undefined) return;
        const byBulk = about !== epoch.spool;
        if (byBulk && !p.bulk.wentUp(about)) return;
        const ranges = (message.ranges ?? []).map((range) => [range.first, range.count] as const);
        p.spool.acknowledge(about, [[1, message.seqBelow - 1], ...ranges], message.segmentBelow ?? 0);
        if (byBulk) p.spool.accept(about);
        p.uplink.pump();
        p.bulk.pump();
      },
      err: answerErr,
      rack: (epoch, rack) => p.listeners.heard(epoch, hex(rack.rid), rack.seq),
      resync(message) {
        const { body } = message;
        const gateway = p.trust.beacon()?.body.key;
        if (!same(body.device, p.device)) p.refused('topic-mismatch');
        else if (gateway === undefined || !verifySigned(message, gateway, p.crypto)) p.refused('signature-invalid');
        else if (!p.control.takeNonce(body.nonce)) p.refused('nonce-mismatch');
        else jump(body, true);
      },
      refused: p.refused,
    },
    ownerResync(message) {
      const owner = p.memory.ownerKey;
      if (owner === null || !same(message.body.device, p.device)) return;
      if (verifySigned(message, parseCoseKey(owner), p.crypto)) jump(message.body, false);
      else p.refused('signature-invalid');
    },
  };
}

import {
  CTL,
  type CtlNumber,
  encodeLost,
  encodeOpening,
  encodeRepair,
  type Range,
  sealCtl,
  sealPre,
} from '@pulseseal/protocol';
import type { Clock, Random } from '@pulseseal/runtime';
import type { LinkedEpoch } from './downlink.ts';
import { deviceLimits } from './limits.ts';
import type { SpoolEpoch } from './spool-epoch.ts';

/** Opening, lost and repairs: what is not of the spool's lanes. */
export interface Control {
  /** Sends opening and keys of the epoch until it is accepted. */
  open(
    epoch: LinkedEpoch,
    pre: { readonly oh: Uint8Array; readonly key: Parameters<typeof sealPre>[2] } | undefined,
  ): void;
  /** Again at once (link is back, err 2, nack want 4). */
  reopen(): void;
  /** The gateway knows nothing of an epoch that it accepted: its disk is an older one. The same bytes again. */
  openAgain(epoch: LinkedEpoch): void;
  opened(): void;
  lost(): void;
  /** The nonce a resync must carry; taken once. */
  takeNonce(nonce: Uint8Array): boolean;
  /** Leaves of these seqs, unasked or on nack, as control message of `carrier`. */
  repair(carrier: LinkedEpoch, about: SpoolEpoch, segment: number, ranges: readonly Range[]): Promise<void>;
  send(carrier: LinkedEpoch, mt: CtlNumber, content: Uint8Array): Promise<void>;
  tick(): void;
  reset(): void;
}

export interface ControlHooks {
  isUp(): boolean;
  publish(channel: 'o' | 'c', bytes: Uint8Array): Promise<void>;
}

export function createControl(ports: { readonly wall: Clock; readonly random: Random }, hooks: ControlHooks): Control {
  const { wall, random } = ports;
  let opening: { epoch: LinkedEpoch; message: Uint8Array; dueMs: number; tries: number } | undefined;
  let nonce: Uint8Array | undefined;
  let lostAtMs = Number.NEGATIVE_INFINITY;

  const ignore = () => {};
  const sendOpening = () => {
    if (opening === undefined || !hooks.isUp()) return;
    const wait = deviceLimits.openRetryMs * 2 ** Math.min(opening.tries++, 8);
    opening.dueMs = wall.monotonicMs() + Math.min(wait, deviceLimits.openRetryMaxMs);
    hooks.publish('o', opening.message).catch(ignore);
    if (opening.epoch.keys.keys.length > 0) hooks.publish('o', opening.epoch.keys.keys).catch(ignore);
  };
  const send = (carrier: LinkedEpoch, mt: CtlNumber, content: Uint8Array): Promise<void> => {
    const key = carrier.keys.link?.up;
    if (key === undefined) return Promise.reject(new Error('offline epoch'));
    return hooks.publish('c', sealCtl(mt, carrier.keys.oh, ++carrier.n, content, key));
  };
  const open: Control['open'] = (epoch, pre) => {
    const tag = pre === undefined ? undefined : sealPre(epoch.keys.open, pre.oh, pre.key);
    opening = { epoch, message: encodeOpening(epoch.keys.open, tag), dueMs: 0, tries: 0 };
    sendOpening();
  };
  return {
    open,
    openAgain(epoch) {
      // One err comes for each frame; the retries of the first go on by themselves.
      if (opening === undefined) open(epoch, undefined);
    },
    reopen() {
      if (opening !== undefined) opening.tries = 0;
      sendOpening();
    },
    opened() {
      opening = undefined;
    },
    lost() {
      const nowMs = wall.monotonicMs();
      if (nowMs - lostAtMs < deviceLimits.lostIntervalMs || !hooks.isUp()) return;
      lostAtMs = nowMs;
      nonce = random.bytes(16);
      hooks.publish('o', encodeLost(nonce)).catch(ignore);
    },
    takeNonce(given) {
      if (nonce === undefined || Buffer.compare(nonce, given) !== 0) return false;
      nonce = undefined;
      return true;
    },
    repair(carrier, about, segment, ranges) {
      const kept = about.segments.get(segment);
      const leaves = [];
      for (const range of ranges) {
        for (let seq = range.first; seq < range.first + range.count; seq++) {
          const leaf = kept?.leaves[seq - kept.firstSeq];
          if (leaf !== undefined && leaves.length < deviceLimits.maxRepairItems) leaves.push({ seq, leaf });
        }
      }
      const eh = about === carrier.spool ? {} : { eh: about.ehBytes };
      return send(carrier, CTL.repair, encodeRepair({ segment, leaves, ...eh }));
    },
    send,
    tick() {
      if (opening !== undefined && wall.monotonicMs() >= opening.dueMs) sendOpening();
    },
    reset() {
      if (opening !== undefined) opening.tries = 0;
    },
  };
}

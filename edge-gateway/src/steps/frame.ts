import { toHex } from '@pulseseal/crypto';
import type { Position } from '@pulseseal/log';
import {
  checkFrameTag,
  type Frame,
  parseFrame,
  Refusal,
  type RefusalName,
  refuse,
  type VerifiedFrame,
} from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { findEpoch, loadEpoch, nothing } from '../epochs.ts';
import type { Waiter } from '../journal.ts';
import { FLAG, RECORD } from '../journal-record.ts';
import { MAX_EARLY_FRAMES, MAX_LIVE_EPOCHS } from '../limits.ts';
import type { PublishVerdict } from '../ports.ts';
import type { ClientSession, DeviceState, EpochState, PendingEpoch } from '../state.ts';
import { refused } from './answer.ts';
import { notEndorsed } from './not-endorsed.ts';
import { checkSegment } from './segment.ts';

export type Done = (verdict: PublishVerdict) => void;

const KIND_NAMES = ['card', 'data', 'heartbeat', 'urgent'] as const;

/**
 * Channel `u`, the hot path: strict parse -> (dev, eh) -> HMAC -> received set -> journal + forward -> leaf.
 * No promise, no closure and no re-encoding per frame; the waiter is what the disk needs to answer.
 */
export function receiveFrame(border: Border, session: ClientSession, bytes: Uint8Array, done: Done): void {
  let frame: Frame | undefined;
  let epoch: EpochState | undefined;
  try {
    frame = parseFrame(bytes, border.settings.maxFrameBytes);
    const { device } = session;
    if (device === undefined) {
      done(refused(border, session, notEndorsed()));
      return;
    }
    if (device.isRetired) refuse('revoked-device');
    epoch = findEpoch(device, frame.eh);
    if (epoch === undefined) {
      waitForEpoch(border, session, device, frame, done);
      return;
    }
  } catch (error) {
    done(refused(border, session, error, frame === undefined ? undefined : { eh: frame.eh, number: frame.seq }));
    return;
  }
  admitFrame(border, session, epoch, frame, done);
}

/** From the tag on. */
export function admitFrame(border: Border, session: ClientSession, epoch: EpochState, frame: Frame, done: Done): void {
  let isAuthentic = false;
  try {
    if (epoch.up === undefined) refuse('use-bulk');
    if (frame.gt.length !== 8) refuse('wrong-length');
    const verified = checkFrameTag(frame, epoch.oh, epoch.up, border.crypto);
    isAuthentic = true;
    if (!epoch.routes.has(frame.st)) refuse('out-of-range');
    const admission = epoch.received.judge(frame.seq, verified.leaf);
    if (admission === 'duplicate') {
      border.instruments.duplicates.add();
      border.journal.after({ settled: (isSynced) => done(isSynced ? 'acknowledge' : 'drop') });
      return;
    }
    if (admission !== 'new') {
      if (admission === 'seq-conflict') border.alarm('seq-conflict', epoch.device.name);
      refuse(admission);
    }
    takeFrame(border, epoch, verified, 0, done);
  } catch (error) {
    const meant = epoch.up === undefined ? epoch.eh : undefined;
    done(
      refused(border, session, error, {
        eh: frame.eh,
        authentic: isAuthentic ? epoch : undefined,
        number: frame.seq,
        meant,
      }),
    );
  }
}

/** Journals a checked frame and enters its leaf. @throws Failure when the disk takes nothing */
export function takeFrame(
  border: Border,
  epoch: EpochState,
  verified: Pick<VerifiedFrame, 'frame' | 'leaf'>,
  flags: number,
  done: Done,
): void {
  const { frame, leaf } = verified;
  const arrivedMs = Math.round(border.data.nowMs());
  const isSkewed = Math.abs(epoch.t0Ms + frame.dt - arrivedMs) > border.settings.skewMs;
  const allFlags = isSkewed ? flags | FLAG.clockUntrusted : flags;
  const position = border.journal.write(RECORD.frame, allFlags, epoch.device.number, arrivedMs, frame.raw);
  epoch.received.add(frame.seq, leaf);
  epoch.inFlight++;
  border.journal.after(new FrameWaiter(border, epoch, frame, position, arrivedMs, epoch.received.next, done));
}

class FrameWaiter implements Waiter {
  readonly #border: Border;
  readonly #epoch: EpochState;
  readonly #frame: Frame;
  readonly #position: Position;
  readonly #arrivedMs: number;
  readonly #next: number;
  readonly #done: Done;

  constructor(
    border: Border,
    epoch: EpochState,
    frame: Frame,
    position: Position,
    arrivedMs: number,
    next: number,
    done: Done,
  ) {
    this.#border = border;
    this.#epoch = epoch;
    this.#frame = frame;
    this.#position = position;
    this.#arrivedMs = arrivedMs;
    this.#next = next;
    this.#done = done;
  }

  settled(isSynced: boolean): void {
    const border = this.#border;
    const epoch = this.#epoch;
    const frame = this.#frame;
    epoch.inFlight--;
    if (!isSynced) {
      this.#done('drop');
      return;
    }
    this.#done('acknowledge');
    border.projection.frame(epoch.id, epoch.device.number, frame.seq, frame.st, this.#position, this.#arrivedMs);
    border.forward.frame(epoch, frame, this.#position, this.#arrivedMs);
    border.counts.frames[frame.ft]++;
    epoch.lastArrivedMs = this.#arrivedMs;
    if (this.#next > epoch.durableSeq) epoch.durableSeq = this.#next;
    border.moved(epoch);
    if (epoch.segments.size > 0) checkSegment(border, epoch, frame.seq);
  }
}

/** An `eh` that is not in memory: being opened, to be read back after a restart, or unknown. */
function waitForEpoch(border: Border, session: ClientSession, device: DeviceState, frame: Frame, done: Done): void {
  const ehHex = toHex(frame.eh);
  let pending = device.pending.get(ehHex);
  if (pending === undefined) {
    const row = border.catalogue.epoch(device.number, frame.eh);
    if (row === undefined) refuse('unknown-epoch');
    if (row.isBulk || !border.hasKeysStill(device, row.id)) refuse('use-bulk');
    pending = readBack(border, device, ehHex, row.oh, () =>
      loadEpoch(device, row, true, border, border.identity, border.settings),
    );
  }
  if (pending.waiting.length >= MAX_EARLY_FRAMES) refuse('rate');
  // The bytes lie in the socket's buffer, which may be used again while the frame waits.
  const kept = parseFrame(frame.raw.slice(), border.settings.maxFrameBytes);
  pending.waiting.push({
    run(epoch) {
      if (typeof epoch !== 'string') admitFrame(border, session, epoch, kept, done);
      else done(refused(border, session, new Refusal(epoch), { eh: kept.eh }));
    },
  });
}

/** Keys stay until 10 min after the accept of a newer epoch, for the newest two. */
export function hasKeysStill(border: Border, device: DeviceState, epochId: number): boolean {
  const newest = border.catalogue.epochs(device.number, MAX_LIVE_EPOCHS + 2).filter((e) => !e.isBulk);
  const place = newest.findIndex((e) => e.id === epochId);
  if (place < 0 || place >= MAX_LIVE_EPOCHS) return false;
  return place === 0 || border.data.nowMs() - newest[0]!.arrivedMs <= border.settings.keyGraceMs;
}

/** Registers a pending epoch; frames of it wait until `load` settles, at most 2 s. */
export function readBack(
  border: Border,
  device: DeviceState,
  ehHex: string,
  oh: Uint8Array | undefined,
  load: () => Promise<EpochState | undefined>,
  isQueued: () => boolean = () => false,
): PendingEpoch {
  const release = (epoch: EpochState | RefusalName) => {
    const { waiting } = pending;
    pending.waiting = [];
    for (const early of waiting) early.run(epoch);
  };
  // Still being opened: `unknown-epoch` would make the device send its opening again into the same queue.
  const cancel = border.wall.after(border.settings.earlyFrameMs, () => release('rate'));
  const ready = load()
    .then((epoch) => {
      if (epoch !== undefined && !device.live.includes(epoch) && !device.bulk.includes(epoch)) keepLive(device, epoch);
      if (epoch !== undefined && epoch.segments.size > 0) border.incomplete(epoch);
      return epoch;
    })
    .catch((error: unknown) => {
      border.logger.warn(
        { device: device.name, reason: (error as Error).message.slice(0, 200) },
        'an epoch was not read back',
      );
      return undefined;
    })
    .then((epoch) => {
      cancel();
      device.pending.delete(ehHex);
      release(epoch ?? 'unknown-epoch');
      return epoch;
    });
  const pending: PendingEpoch = { oh, waiting: [], ready, isQueued };
  device.pending.set(ehHex, pending);
  return pending;
}

/** Newest first, at most two; what falls out loses its keys. */
export function keepLive(device: DeviceState, epoch: EpochState): void {
  device.live.push(epoch);
  device.live.sort((a, b) => b.boot - a.boot || b.epoch - a.epoch);
  for (const old of device.live.splice(MAX_LIVE_EPOCHS)) dropKeys(old);
}

export function dropKeys(epoch: EpochState): void {
  for (const mac of [epoch.up, epoch.dn, epoch.pre]) mac?.erase();
  epoch.cancelKeysWait();
  epoch.cancelKeysWait = nothing;
}

export const frameKindName = (ft: Frame['ft']): string => KIND_NAMES[ft];

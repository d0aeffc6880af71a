import {
  type Accept,
  attempt,
  CTL,
  type Ctl,
  type Err,
  isHint,
  type Nack,
  openCtl,
  openRack,
  type Progress,
  parseAccept,
  parseErr,
  parseMessage,
  parseNack,
  parseProgress,
  parseRekey,
  type Rack,
  type RefusalName,
  type Rekey,
  type Signed,
} from '@pulseseal/protocol';
import type { EpochKeys } from './epoch.ts';
import { deviceLimits } from './limits.ts';
import type { SpoolEpoch } from './spool-epoch.ts';
import { hex, same } from './trust.ts';

/** An epoch whose link keys are in RAM. */
export interface LinkedEpoch {
  readonly keys: EpochKeys;
  readonly spool: SpoolEpoch;
  /** Highest `n` taken from the gateway; only larger ones count. */
  highestDown: number;
  /** Last `n` used upwards. */
  n: number;
  /** Last `t` per recipient: only larger ones count. */
  readonly racks: Map<string, number>;
}

export interface DownlinkHandlers {
  accept(epoch: LinkedEpoch, message: Accept): void;
  nack(epoch: LinkedEpoch, message: Nack): void;
  rekey(epoch: LinkedEpoch, message: Rekey): void;
  progress(epoch: LinkedEpoch, message: Progress): void;
  /** `epoch` undefined or not authentic: a hint, never a reason to drop or weaken anything. */
  err(epoch: LinkedEpoch | undefined, message: Err, authentic: boolean): void;
  rack(epoch: LinkedEpoch, rack: Rack): void;
  resync(message: Signed<'resync'>): void;
  refused(reason: RefusalName): void;
}

/** Reads one message of topic `d`: parse, MAC, counter, then the handler. Nothing here trusts its input. */
export function readDownlink(
  bytes: Uint8Array,
  find: (eh: string) => LinkedEpoch | undefined,
  handlers: DownlinkHandlers,
): void {
  const parsed = attempt(() => parseMessage(bytes, deviceLimits.maxMessageBytes));
  if (!parsed.ok) {
    handlers.refused(parsed.refusal);
    return;
  }
  const message = parsed.value;
  if (message.kind === 'ctl') readCtl(message, find, handlers);
  else if (message.kind === 'rack') readRack(message, find, handlers);
  else if (message.kind === 'signed' && message.typ === 'resync') handlers.resync(message);
  else handlers.refused('unknown-kind');
}

function readCtl(ctl: Ctl, find: (eh: string) => LinkedEpoch | undefined, handlers: DownlinkHandlers): void {
  const epoch = find(hex(ctl.eh));
  const key = epoch?.keys.link?.down;
  if (isHint(ctl)) {
    handlers.err(epoch, parseErr(ctl.content), false);
    return;
  }
  if (epoch === undefined || key === undefined) {
    handlers.refused('unknown-epoch');
    return;
  }
  const opened = attempt(() => openCtl(ctl, epoch.keys.oh, key));
  if (!opened.ok) {
    handlers.refused(opened.refusal);
    return;
  }
  if (ctl.n <= epoch.highestDown) {
    handlers.refused('stale-counter');
    return;
  }
  epoch.highestDown = ctl.n;
  switch (ctl.mt) {
    case CTL.accept: {
      const accept = parseAccept(ctl.content);
      if (same(accept.oh, epoch.keys.oh)) handlers.accept(epoch, accept);
      else handlers.refused('key-mismatch');
      return;
    }
    case CTL.nack:
      handlers.nack(epoch, parseNack(ctl.content));
      return;
    case CTL.rekey:
      handlers.rekey(epoch, parseRekey(ctl.content));
      return;
    case CTL.progress:
      handlers.progress(epoch, parseProgress(ctl.content));
      return;
    case CTL.err:
      handlers.err(epoch, parseErr(ctl.content), true);
      return;
    default:
      handlers.refused('unknown-kind');
  }
}

function readRack(rack: Rack, find: (eh: string) => LinkedEpoch | undefined, handlers: DownlinkHandlers): void {
  const epoch = find(hex(rack.eh));
  const rid = hex(rack.rid);
  const recipient = epoch?.keys.acks.get(rid);
  if (epoch === undefined || recipient === undefined) {
    handlers.refused('not-listed');
    return;
  }
  if (!attempt(() => openRack(rack, epoch.keys.oh, recipient.key)).ok) {
    handlers.refused('mac-fail');
    return;
  }
  const last = epoch.racks.get(rid);
  if (last !== undefined && rack.timeMs <= last) {
    handlers.refused('stale-counter');
    return;
  }
  epoch.racks.set(rid, rack.timeMs);
  handlers.rack(epoch, rack);
}

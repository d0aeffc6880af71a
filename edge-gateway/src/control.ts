import {
  CTL,
  type CtlNumber,
  ERR,
  type Err,
  type ErrCode,
  encodeAccept,
  encodeErr,
  encodeNack,
  encodeProgress,
  hintCtl,
  type NackWant,
  type Range,
  type RefusalName,
  sealCtl,
} from '@pulseseal/protocol';
import type { Clock } from '@pulseseal/runtime';
import type { Instruments } from './instruments.ts';
import { MAX_RANGES } from './limits.ts';
import type { Broker } from './ports.ts';
import type { DeviceState, EpochState } from './state.ts';

/** What the gateway says to a device on `d`. */
export interface ControlLink {
  accept(epoch: EpochState, flags: number): void;
  nack(epoch: EpochState, segment: number, want: NackWant, ranges?: readonly Range[]): void;
  /** Sends what moved; false: nothing to say. */
  progress(epoch: EpochState): boolean;
  err(device: DeviceState, answer: ErrAnswer): void;
  raw(device: DeviceState, message: Uint8Array): void;
}

export interface ErrAnswer {
  readonly err: Err;
  /** MACed under this epoch's K_dn; without it the err is a hint. */
  readonly under: EpochState | undefined;
  /** Of the message answered. */
  readonly eh: Uint8Array;
}

export interface ControlPorts {
  readonly broker: Broker;
  readonly wall: Clock;
  readonly data: Clock;
  readonly instruments: Instruments;
}

/** Steps of `n` within one start: 10 a second leave room for 13 years, and a burst runs ahead of them. */
const COUNT_PERIOD_MS = 100;
const MOST_COUNTED = 4_096;

export function createControl(ports: ControlPorts, start: number): ControlLink {
  const { broker, wall, data, instruments } = ports;
  const originMs = wall.monotonicMs();
  // Time-driven, so that a device forgotten and read back never sees a number twice.
  const nextNumber = (device: DeviceState): number => {
    const byTime = Math.floor((wall.monotonicMs() - originMs) / COUNT_PERIOD_MS);
    device.downCount = Math.max(device.downCount + 1, byTime);
    return start * 2 ** 32 + device.downCount;
  };
  const send = (epoch: EpochState, mt: CtlNumber, content: Uint8Array) => {
    const { device } = epoch;
    if (epoch.dn === undefined || !broker.isConnected(device.name)) return;
    broker.send(device.name, device.topic.down, sealCtl(mt, epoch.oh, nextNumber(device), content, epoch.dn));
  };
  return {
    accept(epoch, flags) {
      const durable = { seqBelow: epoch.durableSeq, segmentBelow: epoch.durableClosed };
      const content = encodeAccept({ oh: epoch.oh, timeMs: Math.round(data.nowMs()), flags, durable });
      send(epoch, CTL.accept, content);
    },
    nack(epoch, segment, want, ranges) {
      instruments.nacks.add(1, String(want));
      const carrier = carrierOf(epoch);
      if (carrier === undefined) return;
      const named = ranges === undefined ? {} : { ranges: boundRanges(ranges) };
      const meant = carrier === epoch ? {} : { eh: epoch.eh };
      send(carrier, CTL.nack, encodeNack({ segment, want, ...named, ...meant }));
    },
    progress(epoch) {
      const carrier = carrierOf(epoch);
      if (carrier === undefined) return false;
      // While something is on its way to the disk, nobody can tell which of it the ranges hold.
      const isSettled = epoch.inFlight === 0;
      const beyond = !isSettled
        ? []
        : boundRanges(epoch.received.beyond(MAX_RANGES).map(([first, count]) => ({ first, count })));
      epoch.reportedSeq = epoch.durableSeq;
      epoch.reportedClosed = epoch.durableClosed;
      const content = encodeProgress({
        seqBelow: epoch.durableSeq,
        ...(beyond.length > 0 ? { ranges: beyond } : {}),
        segmentBelow: epoch.durableClosed,
        ...(carrier === epoch ? {} : { eh: epoch.eh }),
      });
      send(carrier, CTL.progress, content);
      return true;
    },
    err(device, { err, under, eh }) {
      instruments.errors.add(1, String(err.code));
      if (!broker.isConnected(device.name)) return;
      const content = encodeErr(err);
      if (under?.dn !== undefined) send(under, CTL.err, content);
      else broker.send(device.name, device.topic.down, hintCtl(CTL.err, eh, content));
    },
    raw: (device, message) => void broker.send(device.name, device.topic.down, message),
  };
}

/**
 * The epoch under whose keys a word about `epoch` goes: its own, or the newest accepted one where the device has lost
 * the epoch's keys itself, by a reboot or because it went over to bulk.
 */
function carrierOf(epoch: EpochState): EpochState | undefined {
  const newest = epoch.device.live.find((e) => e.isAccepted && e.dn !== undefined);
  // An epoch that fell out of the live ones has lost its keys while progress was still due.
  if (epoch.dn === undefined || !epoch.device.live.includes(epoch)) return newest;
  return newest !== undefined && (newest.boot > epoch.boot || epoch.wentByBulk) ? newest : epoch;
}

/** At most 4,096 numbers in all (SPEC clause ENC-9). */
function boundRanges(ranges: readonly Range[]): Range[] {
  const out: Range[] = [];
  let left = MOST_COUNTED;
  for (const { first, count } of ranges.slice(0, MAX_RANGES)) {
    if (left <= 0) break;
    out.push({ first, count: Math.min(count, left) });
    left -= count;
  }
  return out;
}

/** The err code that tells a device about a refusal (SPEC section 10); everything else is malformed. */
const CODES: Partial<Record<RefusalName, ErrCode>> = {
  'unknown-epoch': ERR.unknownEpoch,
  'stale-counter': ERR.staleCounter,
  'counter-conflict': ERR.staleCounter,
  'manifest-stale': ERR.manifestStale,
  'manifest-unknown': ERR.manifestUnknown,
  'suite-refused': ERR.suiteRefused,
  rate: ERR.rate,
  'mac-fail': ERR.macFail,
  'root-mismatch': ERR.rootMismatch,
  'beacon-expired': ERR.beaconExpired,
  'beacon-foreign': ERR.beaconExpired,
  'gateway-not-listed': ERR.beaconExpired,
  'revoked-device': ERR.revokedDevice,
  'use-bulk': ERR.useBulk,
};

export const errCodeOf = (name: RefusalName): ErrCode => CODES[name] ?? ERR.malformed;

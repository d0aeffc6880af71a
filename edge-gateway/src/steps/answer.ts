import { ERR, type ErrCode, ehOf, Refusal, type RefusalName } from '@pulseseal/protocol';
import { Failure } from '@pulseseal/runtime';
import type { Border } from '../border.ts';
import { errCodeOf } from '../control.ts';
import { RATE_WAIT_MS } from '../limits.ts';
import type { PublishVerdict } from '../ports.ts';
import type { ClientSession, DeviceState, EpochState } from '../state.ts';

export interface RefusedMessage {
  readonly eh: Uint8Array;
  /** The epoch whose own tag on the message was right: only then may an err 1 drop anything (SPEC section 10). */
  readonly authentic?: EpochState | undefined;
  readonly about?: Uint8Array | undefined;
  /** The frame's, or the segment's. */
  readonly number?: number | undefined;
  /** After a `rate`: when to come again. */
  readonly waitMs?: number | undefined;
  readonly meant?: Uint8Array | undefined;
  /** An opening or its keys: after a reboot a device has no keys of older epochs, so only a hint reaches it (SPEC section 10). */
  readonly isBeforeAccept?: boolean;
}

const NO_EH = new Uint8Array(8);
export const nothingKnown: RefusedMessage = { eh: NO_EH };

/**
 * What passes by itself: waiting or sending other bytes cures it, so it does not cost the connection. `not-listed`: a
 * reader whose consent ended learns it by this, and reads others over the same connection.
 */
const PASSING: ReadonlySet<RefusalName> = new Set([
  'rate',
  'unknown-epoch',
  'use-bulk',
  'beacon-expired',
  'manifest-unknown',
  'not-listed',
]);
/** Codes that hold even before `accept`, MACed when the keys are known. */
const HINTED = new Set<ErrCode>([1, 5]);

/** The one way out of a refused publish: count, tell, judge the connection. */
export function refused(
  border: Border,
  session: ClientSession,
  error: unknown,
  message: RefusedMessage = nothingKnown,
): PublishVerdict {
  const name = nameOf(border, error);
  border.instruments.refuse(name);
  const { device } = session;
  const code = errCodeOf(name);
  if (device !== undefined && border.broker.isConnected(device.name)) {
    const under = underOf(device, code, message);
    const number = name === 'rate' ? (message.waitMs ?? RATE_WAIT_MS) : message.number;
    border.control.err(device, {
      err: {
        code,
        text: name,
        ...(message.about === undefined ? {} : { about: message.about }),
        ...(number === undefined ? {} : { number }),
        ...(message.meant === undefined ? {} : { eh: message.meant }),
      },
      under,
      eh: message.eh,
    });
  }
  return PASSING.has(name) ? 'drop' : judge(border, session);
}

/** Under whose keys the device hears of it; undefined: as a hint. */
function underOf(device: DeviceState, code: ErrCode, message: RefusedMessage): EpochState | undefined {
  // A device stops for good at it: not for an old manifest whose pseudonym alone was retired.
  if (code === ERR.revokedDevice && !device.isRetired) return undefined;
  if (message.authentic !== undefined) return message.authentic;
  if (HINTED.has(code) || message.isBeforeAccept === true) return undefined;
  return device.live.find((e) => e.isAccepted);
}

/** Three refused publishes in ten seconds close the connection; coming back is made to wait, longer each time. */
function judge(border: Border, session: ClientSession): PublishVerdict {
  const { settings, wall } = border;
  const nowMs = wall.monotonicMs();
  const times = session.refusedMs;
  while (times.length > 0 && times[0]! < nowMs - settings.refusalWindowMs) times.shift();
  times.push(nowMs);
  if (times.length < settings.refusalsPerWindow) return 'drop';
  border.bans.add(session.identity, nowMs);
  return 'close';
}

function nameOf(border: Border, error: unknown): RefusalName {
  if (error instanceof Refusal) return error.refusal;
  if (error instanceof Failure) {
    // A full or failed disk: nothing is acknowledged, the device keeps what it has.
    border.logger.warn({ code: error.code }, 'a message was not taken');
    return 'rate';
  }
  border.logger.error({ name: (error as Error).name, reason: (error as Error).message }, 'a step failed');
  return 'rate';
}

export const aboutEpoch = (epoch: EpochState): RefusedMessage => ({ eh: ehOf(epoch.oh), authentic: epoch });

import { signBody } from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { LOST_PERIOD_MS } from '../limits.ts';
import type { ClientSession } from '../state.ts';
import { refused } from './answer.ts';
import type { Done } from './frame.ts';
import { notEndorsed } from './not-endorsed.ts';

const DAY_MS = 86_400_000;

/** A device lost its counters: the last pair, signed, at most once a minute. */
export function receiveLost(border: Border, session: ClientSession, nonce: Uint8Array, done: Done): void {
  const { device } = session;
  if (device === undefined) {
    done(refused(border, session, notEndorsed()));
    return;
  }
  const nowMs = border.wall.monotonicMs();
  if (nowMs - device.lostMs < LOST_PERIOD_MS) {
    done('acknowledge');
    return;
  }
  device.lostMs = nowMs;
  device.resyncs = device.resyncs.filter((atMs) => nowMs - atMs < DAY_MS);
  device.resyncs.push(nowMs);
  // Two in a day: a clone with a higher counter, or a device whose flash is failing.
  if (device.resyncs.length > 1) border.alarm('second-resync', device.name);
  const message = signBody(
    'resync',
    {
      device: device.thumbprint,
      boot: device.stored?.boot ?? 0,
      epoch: device.stored?.epoch ?? 0,
      nonce,
      timeMs: Math.round(border.data.nowMs()),
    },
    border.identity.signer,
  );
  border.control.raw(device, message);
  done('acknowledge');
}

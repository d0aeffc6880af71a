import type { TwinEvent } from './events.ts';
import { limits, silence } from './limits.ts';
import { isSeen, nothingSeen, withSeen } from './seen.ts';
import type { DeviceState, PoorSignal, StreamState, Twin } from './state.ts';

/** What events make of one device. Pure, as `apply`. */
type Event<K extends TwinEvent['kind']> = Extract<TwinEvent, { kind: K }>;

/** Whether an epoch's frame already had its effect. */
export function wasSeen(device: DeviceState | undefined, eh: string, seq: number): boolean {
  const epoch = device?.seen.find((entry) => entry.eh === eh);
  return epoch !== undefined && isSeen(epoch.seen, seq);
}

export function withFrameSeen(device: DeviceState, eh: string, seq: number): DeviceState['seen'] {
  const known = device.seen.find((entry) => entry.eh === eh);
  const seen = withSeen(known?.seen ?? nothingSeen, seq);
  if (known !== undefined) return device.seen.map((entry) => (entry === known ? { eh, seen } : entry));
  return [...device.seen.slice(-(limits.epochsPerDevice - 1)), { eh, seen }];
}

export function heardStreams(
  streams: readonly StreamState[],
  heardCodes: readonly number[],
  charted: boolean,
  wallMs: number,
): readonly StreamState[] {
  return streams.map((stream) =>
    stream.charted === charted && heardCodes.some((code) => stream.codes.includes(code))
      ? { ...stream, heardWallMs: wallMs }
      : stream,
  );
}

export function delays(device: DeviceState, delayMs: number | null) {
  if (delayMs === null) return {};
  return { delayMs, leastDelayMs: Math.min(device.leastDelayMs ?? delayMs, delayMs) };
}

export function withRefusal(known: NonNullable<DeviceState['refusals']>, name: string, wallMs: number) {
  const others = known.filter((one) => one.name !== name && wallMs - one.wallMs < silence.refusedHoldMs);
  return [...others.slice(-(limits.refusalsPerDevice - 1)), { name, wallMs }];
}

/** Poor signal ends with the first usable value before it was told of, and after some seconds of them afterwards. */
export function poorAfter(twin: Twin, device: DeviceState, { held, unusable, wallMs }: Event<'measured'>) {
  const before = device.poor ?? {};
  if (unusable === undefined && Object.keys(before).length === 0) return before;
  const told = twin.open.find((alert) => alert.rule === 'no-signal' && alert.device === device.device)?.parts;
  const after: Record<number, PoorSignal> = { ...before };
  for (const code of unusable ?? [])
    after[code] = { sinceWallMs: before[code]?.sinceWallMs ?? wallMs, goodWallMs: null };
  for (const { code, charted } of held) {
    const known = after[code];
    if (known === undefined || charted || unusable?.includes(code)) continue;
    const goodWallMs = known.goodWallMs ?? wallMs;
    if (told?.includes(String(code)) && wallMs - goodWallMs < silence.minMs) after[code] = { ...known, goodWallMs };
    else delete after[code];
  }
  return after;
}

/**
 * Kind and streams of a device after an epoch's announcement. While a stream's card has not come, what an earlier one
 * said of it still holds: without an interval nothing would be missed.
 */
export function describedBy(
  device: DeviceState,
  care: Event<'epoch'>['care'],
  wallMs: number,
): Pick<DeviceState, 'kind' | 'streams'> {
  const known = new Map(device.streams.map((stream) => [stream.stream, stream]));
  // The same epoch again says more about its streams, and nothing else is new.
  const isSame = device.eh === care.eh;
  let saysLess = false;
  const streams = care.streams.slice(0, limits.streamsPerDevice).map((stream): StreamState => {
    const before = known.get(stream.stream);
    const isCarded = stream.codes.length > 0 || (isSame && before !== undefined && before.unread == null);
    const isKept = stream.codes.length === 0 && before !== undefined && before.codes.length > 0;
    saysLess ||= isKept;
    const { name, codes, charted } = isKept ? before : stream;
    return {
      stream: stream.stream,
      name,
      codes,
      charted,
      intervalMs: isKept ? before.intervalMs : stream.expectedIntervalMs,
      heardWallMs: (isSame ? before?.heardWallMs : undefined) ?? wallMs,
      contact: before?.contact ?? true,
      fault: before?.fault ?? false,
      paused: before?.paused ?? false,
      badSinceWallMs: before?.badSinceWallMs ?? null,
      unread: isCarded ? null : ((isSame ? before?.unread : undefined) ?? { sinceWallMs: null }),
    };
  });
  return { kind: saysLess ? device.kind : care.deviceKind, streams };
}

/** The device after its newest heartbeat. What could not be heard meanwhile is waited for from now on. */
export function told(device: DeviceState, care: Event<'heartbeat'>['care'], wallMs: number): DeviceState {
  const isBack = care.state === 'worn' && device.state !== 'worn' && device.state !== 'unknown';
  const streams = device.streams.map((stream): StreamState => {
    const entry = care.streams.find((known) => known.stream === stream.stream);
    const { contact, fault, paused } = entry ?? stream;
    const bad = entry === undefined ? stream.badSinceWallMs !== null : fault || !contact;
    const isHeardAnew = isBack || ((stream.badSinceWallMs !== null || stream.paused) && !bad && !paused);
    const badSinceWallMs = bad ? (stream.badSinceWallMs ?? wallMs) : null;
    const heardWallMs = isHeardAnew ? wallMs : stream.heardWallMs;
    const unread = unreadAfter(stream, (entry?.last ?? 0) > 0, Math.max(heardWallMs, wallMs - device.heartbeatMs));
    return { ...stream, contact, fault, paused, badSinceWallMs, heardWallMs, unread };
  });
  const poor = { ...device.poor };
  for (const { codes, paused, badSinceWallMs } of streams) {
    // Its silence or its fault has an alarm of its own.
    if (care.state !== 'worn' || paused || badSinceWallMs !== null) for (const code of codes) delete poor[code];
  }
  return {
    ...device,
    poor,
    beatSeq: care.seq,
    beatWallMs: wallMs,
    state: care.state,
    stateSinceWallMs: care.state === device.state ? device.stateSinceWallMs : wallMs,
    farewell: care.state === 'shutdown' ? { eh: care.eh, seq: care.seq, sealed: false } : null,
    battery: care.battery,
    streams,
  };
}

/** A stream sent something that only its card could make readable: since the heartbeat before at the earliest. */
function unreadAfter({ unread = null }: StreamState, hasSent: boolean, sinceWallMs: number) {
  return unread === null || unread.sinceWallMs !== null || !hasSent ? unread : { sinceWallMs };
}

/** Whether a wave block is worth an event: its stream was not noted lately. */
export function isNoteDue(device: DeviceState | undefined, code: number, wallMs: number): boolean {
  if (device === undefined) return false;
  const stream = device.streams.find((known) => !known.charted && known.codes.includes(code));
  return stream !== undefined && wallMs - stream.heardWallMs >= silence.noteMs;
}

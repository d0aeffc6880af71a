import type { TwinEvent } from './events.ts';
import { limits, silence } from './limits.ts';
import { isSeen, nothingSeen, withSeen } from './seen.ts';
import type { Alert, DeviceState, PoorSignal, StreamState, Twin } from './state.ts';
import { isAtRest, newDevice } from './state.ts';
import { emptyTrend, withSample } from './trend.ts';
import { graded, putHeld } from './values.ts';

type Event<K extends TwinEvent['kind']> = Extract<TwinEvent, { kind: K }>;

/** The twin after an event. Pure: the same events in the same order give the identical twin. */
export function apply(twin: Twin, event: TwinEvent): Twin {
  switch (event.kind) {
    case 'measured':
      return measured(twin, event);
    case 'heard':
      return withDevice(twin, event.device, event.wallMs, (device) => ({
        ...device,
        heardWallMs: event.wallMs,
        heardMs: Math.max(device.heardMs, event.atMs),
        streams: heardStreams(device.streams, [event.code], false, event.wallMs),
      }));
    case 'epoch':
      return opened(twin, event);
    case 'heartbeat':
      return heartbeat(twin, event);
    case 'graded':
      return graded(twin, event);
    case 'gap':
      return withDevice(twin, event.device, 0, (device) => ({
        ...device,
        gaps: {
          frames: device.gaps.frames + event.count,
          proved: device.gaps.proved + (event.proved ? event.count : 0),
        },
      }));
    case 'refused':
      return withDevice(twin, event.device, event.wallMs, (device) => ({
        ...device,
        refusals: withRefusal(device.refusals ?? [], event.refusal, event.wallMs),
      }));
    case 'link':
      return withDevice(twin, event.device, 0, (device) => ({ ...device, link: event.state }));
    case 'condition':
      return { ...twin, since: withTime(twin.since, event.rule, event.sinceMs) };
    case 'over':
      return { ...twin, overSince: withTime(twin.overSince, event.rule, event.sinceMs) };
    case 'raised':
      return {
        ...twin,
        since: withTime(twin.since, event.alert.rule, null),
        overSince: withTime(twin.overSince, event.alert.rule, null),
        open: [...twin.open, event.alert],
        alertCount: twin.alertCount + 1,
      };
    case 'acknowledged':
      return { ...twin, open: twin.open.map((alert) => (alert.id === event.alert ? answered(alert, event) : alert)) };
    case 'cleared':
      return cleared(twin, event);
    case 'reworded': {
      const { alert: id, parts, reason, plainReason } = event;
      const open = twin.open.map((alert) => (alert.id === id ? { ...alert, parts, reason, plainReason } : alert));
      return { ...twin, open };
    }
    case 'system-off':
      return restarted(twin, event);
    case 'subject':
      return { ...twin, scale: event.scale, ageYears: event.ageYears };
  }
}

function withTime(times: Readonly<Record<string, number>>, rule: string, ms: number | null) {
  if (ms !== null) return { ...times, [rule]: ms };
  if (times[rule] === undefined) return times;
  const { [rule]: _ended, ...rest } = times;
  return rest;
}

function withDevice(twin: Twin, id: string, wallMs: number, change: (device: DeviceState) => DeviceState): Twin {
  const known = twin.devices[id];
  if (known === undefined && Object.keys(twin.devices).length >= limits.devices) return twin;
  return { ...twin, devices: { ...twin.devices, [id]: change(known ?? newDevice(id, wallMs)) } };
}

function withRefusal(known: NonNullable<DeviceState['refusals']>, name: string, wallMs: number) {
  const others = known.filter((one) => one.name !== name && wallMs - one.wallMs < silence.refusedHoldMs);
  return [...others.slice(-(limits.refusalsPerDevice - 1)), { name, wallMs }];
}

/** Whether an epoch's frame already had its effect. */
export function wasSeen(device: DeviceState | undefined, eh: string, seq: number): boolean {
  const epoch = device?.seen.find((entry) => entry.eh === eh);
  return epoch !== undefined && isSeen(epoch.seen, seq);
}

function withFrameSeen(device: DeviceState, eh: string, seq: number): DeviceState['seen'] {
  const known = device.seen.find((entry) => entry.eh === eh);
  const seen = withSeen(known?.seen ?? nothingSeen, seq);
  if (known !== undefined) return device.seen.map((entry) => (entry === known ? { eh, seen } : entry));
  return [...device.seen.slice(-(limits.epochsPerDevice - 1)), { eh, seen }];
}

function heardStreams(
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

function measured(twin: Twin, event: Event<'measured'>): Twin {
  const { history, wallMs } = event;
  let next = withDevice(twin, event.device, wallMs, (device) => {
    const seen = withFrameSeen(device, event.eh, event.seq);
    if (history) return { ...device, seen };
    const charted = event.held[0]?.charted ?? false;
    const provisional = event.held.some((held) => held.grade === 'provisional');
    return {
      ...device,
      seen,
      heardWallMs: wallMs,
      heardMs: Math.max(device.heardMs, event.nowMs),
      newestSeq: event.eh === device.eh ? Math.max(device.newestSeq, event.seq) : device.newestSeq,
      unsealedSinceWallMs: device.unsealedSinceWallMs ?? (provisional ? wallMs : null),
      ...delays(device, event.delayMs),
      ...(event.lagMs !== undefined && !charted && event.nowMs >= device.heardMs ? { lagMs: event.lagMs } : {}),
      streams: heardStreams(
        device.streams,
        event.held.map((held) => held.code),
        charted,
        wallMs,
      ),
      poor: poorAfter(twin, device, event),
    };
  });
  const trends = { ...next.trends };
  for (const held of event.held) {
    if (held.doubt !== null) continue;
    if (trends[held.code] === undefined && Object.keys(trends).length >= limits.trends) continue;
    trends[held.code] = withSample(trends[held.code] ?? emptyTrend, held.atMs, held.value);
  }
  next = { ...next, trends };
  if (history) return next;
  const slots = { ...next.slots };
  let hasRoom = next.devices[event.device] !== undefined;
  for (const held of event.held) if (!putHeld(slots, held)) hasRoom = false;
  if (!hasRoom) next = { ...next, crowdedWallMs: wallMs };
  return { ...next, slots, ...timeAfter(next, event) };
}

/** Poor signal ends with the first usable value before it was told of, and after some seconds of them afterwards. */
function poorAfter(twin: Twin, device: DeviceState, { held, unusable, wallMs }: Event<'measured'>) {
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

function delays(device: DeviceState, delayMs: number | null) {
  if (delayMs === null) return {};
  return { delayMs, leastDelayMs: Math.min(device.leastDelayMs ?? delayMs, delayMs) };
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

/** Forgets a device and its values where a new one finds no place: the one that rests longest, else is silent longest. */
function withRoomFor(twin: Twin, id: string, wallMs: number): Twin {
  const all = Object.values(twin.devices);
  if (twin.devices[id] !== undefined || all.length < limits.devices) return twin;
  const byAge = all.toSorted((a, b) => a.heardWallMs - b.heardWallMs);
  const gone = byAge.find(isAtRest) ?? byAge.find((device) => wallMs - device.heardWallMs >= silence.forgetMs);
  if (gone === undefined) return { ...twin, crowdedWallMs: wallMs };
  const { [gone.device]: _gone, ...devices } = twin.devices;
  const slots = Object.fromEntries(Object.entries(twin.slots).filter(([, { shown }]) => shown.device !== gone.device));
  return { ...twin, devices, slots };
}

function opened(before: Twin, { care, wallMs }: Event<'epoch'>): Twin {
  const twin = withRoomFor(before, care.device, wallMs);
  return withDevice(twin, care.device, wallMs, (device) => {
    const described = describedBy(device, care, wallMs);
    if (device.eh === care.eh) return { ...device, ...described };
    return {
      ...device,
      ...described,
      eh: care.eh,
      boot: care.boot,
      epoch: care.epoch,
      heartbeatMs: care.heartbeatMs,
      segmentMs: care.segmentMs,
      heardWallMs: wallMs,
      heardMs: Math.max(device.heardMs, care.atMs),
      // A device that opens an epoch after a pause is back; what it says next tells whether it is worn.
      state: device.state === 'shutdown' ? 'unknown' : device.state,
      farewell: null,
      newestSeq: -1,
      poor: {},
      beatSeq: -1,
      beatWallMs: wallMs,
      unsealedSinceWallMs: null,
      leastDelayMs: null,
      delayMs: 0,
    };
  });
}

function heartbeat(twin: Twin, event: Event<'heartbeat'>): Twin {
  const { care, wallMs, nowMs, delayMs } = event;
  const next = withDevice(twin, care.device, wallMs, (device) => {
    const heard: DeviceState = {
      ...device,
      seen: withFrameSeen(device, care.eh, care.seq),
      heardWallMs: wallMs,
      heardMs: Math.max(device.heardMs, nowMs),
      newestSeq: care.eh === device.eh ? Math.max(device.newestSeq, care.seq) : device.newestSeq,
      link: device.link === 'no-session' || device.link === 'not-forwarded' ? 'unknown' : device.link,
      ...delays(device, delayMs),
    };
    // An older one that comes late says nothing about now.
    const isNewest = device.eh === null || (care.eh === device.eh && care.seq > (device.beatSeq ?? -1));
    return isNewest ? told(heard, care, wallMs) : heard;
  });
  return { ...next, ...timeAfter(next, event) };
}

/** Rule time goes on with the newest of what is measured, and remembers how late that came. */
function timeAfter(twin: Twin, { nowMs, lagMs }: { readonly nowMs: number; readonly lagMs?: number }) {
  if (nowMs < twin.nowMs) return {};
  return lagMs === undefined ? { nowMs } : { nowMs, lagMs };
}

/** The device after its newest heartbeat. What could not be heard meanwhile is waited for from now on. */
function told(device: DeviceState, care: Event<'heartbeat'>['care'], wallMs: number): DeviceState {
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

function answered(alert: Alert, event: Event<'acknowledged'>): Alert {
  const { by, role, atMs, comment } = event;
  return { ...alert, state: 'acknowledged', acknowledged: { by, role, atMs, comment } };
}

function cleared(twin: Twin, event: Event<'cleared'>): Twin {
  const alert = twin.open.find((open) => open.id === event.alert);
  if (alert === undefined) return twin;
  const done: Alert = { ...alert, state: 'cleared', clearedAtMs: event.atMs };
  return {
    ...twin,
    overSince: withTime(twin.overSince, alert.rule, null),
    open: twin.open.filter((open) => open !== alert),
    cleared: [...twin.cleared.slice(-(limits.clearedAlerts - 1)), done],
  };
}

/** Nobody listened meanwhile: every timer begins again, open alerts stay. */
function restarted(twin: Twin, event: Event<'system-off'>): Twin {
  const { fromMs, toMs, wallMs } = event;
  const devices: Record<string, DeviceState> = {};
  for (const id in twin.devices) {
    const device = twin.devices[id]!;
    devices[id] = {
      ...device,
      heardWallMs: wallMs,
      poor: {},
      unsealedSinceWallMs: device.unsealedSinceWallMs === null ? null : wallMs,
      leastDelayMs: null,
      delayMs: 0,
      streams: device.streams.map((stream) => ({ ...stream, heardWallMs: wallMs })),
    };
  }
  return {
    ...twin,
    devices,
    since: {},
    overSince: {},
    systemOff: [...twin.systemOff.slice(-(limits.systemOff - 1)), { fromMs, toMs }],
  };
}

/** Whether a wave block is worth an event: its stream was not noted lately. */
export function isNoteDue(device: DeviceState | undefined, code: number, wallMs: number): boolean {
  if (device === undefined) return false;
  const stream = device.streams.find((known) => !known.charted && known.codes.includes(code));
  return stream !== undefined && wallMs - stream.heardWallMs >= silence.noteMs;
}

import { delays, describedBy, heardStreams, poorAfter, told, withFrameSeen, withRefusal } from './device.ts';
import type { TwinEvent } from './events.ts';
import { limits, silence } from './limits.ts';
import type { Alert, DeviceState, Twin } from './state.ts';
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
      beatWallMs: wallMs,
      streams: device.streams.map(({ unread, ...stream }) => ({
        ...stream,
        heardWallMs: wallMs,
        unread: unread == null ? null : { sinceWallMs: unread.sinceWallMs === null ? null : wallMs },
      })),
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

import type { SilenceCause } from '@pulseseal/protocol';
import { silence } from '../limits.ts';
import type { DeviceState, StreamState, Twin } from '../state.ts';
import { isAtRest } from '../state.ts';
import type { TechnicalCause } from '../words.ts';
import { signalWords, technicalWords } from '../words.ts';

/** One technical condition that holds now. */
export interface TechnicalCondition {
  readonly rule: string;
  /** Null: the patient as a whole. */
  readonly device: string | null;
  readonly cause: SilenceCause | null;
  readonly reason: string;
  readonly plainReason: string;
  /** Streams or refusals that it names; null = all there is. */
  readonly parts: readonly string[] | null;
}

export interface SilenceInput {
  readonly wallMs: number;
  readonly speed: number;
  readonly edge: { readonly heardWallMs: number; readonly processorLagMs: number } | null;
}

/**
 * What is silent and why (protocol, suppression detection), from facts and the wall clock alone: nothing here waits for
 * data. Names the cause nearest to the root: gateway, processor, consent, device; then parts of a device that is heard.
 */
export function silenceConditions(twin: Twin, input: SilenceInput): TechnicalCondition[] {
  const out: TechnicalCondition[] = [];
  const watched = Object.values(twin.devices).filter((device) => device.eh !== null);
  if (watched.length === 0) return out;
  const { wallMs, edge } = input;
  const isAwaited = watched.some((device) => !isAtRest(device));
  // Whatever comes through shows that the gateway is there; at a start nothing has had the time to come.
  const heardMs = watched.map((device) => device.heardWallMs);
  const gatewayForMs = edge === null ? 0 : wallMs - Math.max(edge.heardWallMs, ...heardMs);
  const way = isAwaited ? wayCondition(gatewayForMs, edge?.processorLagMs ?? 0) : undefined;
  if (way !== undefined) out.push(way);
  const { crowdedWallMs } = twin;
  if (crowdedWallMs !== undefined && wallMs - crowdedWallMs < silence.forgetMs) {
    out.push(condition('no-room', null, 0));
  }
  for (const device of watched) {
    const quietForMs = wallMs - device.heardWallMs;
    const isQuiet = quietForMs >= quietLimitMs(device);
    // An end that the device announced and signed is no alarm; an announcement alone could be anybody's who has its key.
    if (isQuiet && way === undefined && !isAtRest(device)) out.push(quiet(device, quietForMs));
    // The last word of a device that fell silent stands: a strap taken off and then out of range is still off.
    out.push(...bodyConditions(twin, device, wallMs));
    if (!isQuiet && !isAtRest(device)) out.push(...heardConditions(twin, device, input));
    const refused = (device.refusals ?? []).filter((one) => wallMs - one.wallMs < silence.refusedHoldMs);
    const names = refused.map((one) => one.name).sort();
    if (names.length > 0) out.push(condition('refused', device, 0, names, names));
  }
  return out;
}

function quietLimitMs(device: DeviceState): number {
  return Math.max(silence.minMs, silence.heartbeats * device.heartbeatMs);
}

const bareRules: ReadonlySet<TechnicalCause> = new Set(['unsealed', 'delayed', 'refused', 'no-signal', 'no-room']);

function condition(
  cause: TechnicalCause,
  device: DeviceState | null,
  forMs: number,
  names: readonly string[] = [],
  parts: readonly string[] | null = null,
): TechnicalCondition {
  const words = technicalWords(cause, {
    kind: device?.kind ?? 'unknown',
    forMs,
    names,
    noSession: device?.link === 'no-session',
  });
  return {
    rule: bareRules.has(cause) ? cause : `silence-${cause}`,
    device: device?.device ?? null,
    cause: shownCause(cause),
    reason: words.reason,
    plainReason: words.plain,
    parts,
  };
}

function shownCause(cause: TechnicalCause): SilenceCause | null {
  if (cause === 'no-signal') return 'sensor-fault';
  return cause === 'refused' || cause === 'no-room' ? null : cause;
}

function ofStreams(cause: TechnicalCause, device: DeviceState, forMs: number, streams: readonly StreamState[]) {
  const names = streams.map((stream) => stream.name);
  const parts = streams.map((stream) => String(stream.stream));
  return condition(cause, device, forMs, names, parts);
}

function wayCondition(gatewayForMs: number, lagMs: number): TechnicalCondition | undefined {
  if (gatewayForMs >= silence.gatewayMs) return condition('gateway-unreachable', null, gatewayForMs);
  if (lagMs > silence.processorLagMs) return condition('processor-behind', null, lagMs);
  return undefined;
}

function quiet(device: DeviceState, forMs: number): TechnicalCondition {
  if (device.link === 'not-forwarded') return condition('consent-ended', device, forMs);
  if (device.state === 'shutdown') return condition('planned-pause', device, forMs);
  if (device.state === 'charging') return condition('charging', device, forMs);
  return condition('device-gone', device, forMs);
}

function bodyConditions(twin: Twin, device: DeviceState, wallMs: number): TechnicalCondition[] {
  if (device.state === 'charging') return [];
  // Switched off, or back and not heard yet: nobody said that it was put on again, so the alert that stands goes on.
  const standing = twin.open.find((alert) => alert.rule === 'silence-off-body' && alert.device === device.device);
  const parts = standing?.parts ?? null;
  const asItStands = standing === undefined ? [] : [{ ...condition('off-body', device, 0), parts }];
  if (device.state === 'shutdown' || (device.state === 'unknown' && standing !== undefined)) return asItStands;
  if (device.state === 'off-body') {
    const forMs = wallMs - device.stateSinceWallMs;
    const isTold = standing !== undefined && parts === null;
    return isTold || forMs >= silence.offBodyMs ? [condition('off-body', device, forMs)] : asItStands;
  }
  const bad = device.streams.filter(
    (stream) => stream.badSinceWallMs !== null && wallMs - stream.badSinceWallMs >= silence.offBodyMs && !stream.paused,
  );
  const faulty = bad.filter((stream) => stream.fault);
  const loose = bad.filter((stream) => !stream.fault);
  const out: TechnicalCondition[] = [];
  if (faulty.length > 0) out.push(ofStreams('sensor-fault', device, 0, faulty));
  if (loose.length > 0) out.push(ofStreams('off-body', device, 0, loose));
  return out;
}

function heardConditions(twin: Twin, device: DeviceState, { wallMs, speed }: SilenceInput): TechnicalCondition[] {
  const out: TechnicalCondition[] = [];
  if (device.state === 'worn' || device.state === 'unknown') {
    const missing = missingStreams(twin, device, wallMs, speed);
    if (missing.length > 0) {
      const forMs = wallMs - Math.min(...missing.map((stream) => stream.unread?.sinceWallMs ?? stream.heardWallMs));
      out.push(ofStreams('stream-missing', device, forMs, missing));
    }
    const poor = noSignal(twin, device, missing, { wallMs, speed });
    if (poor !== undefined) out.push(poor);
  }
  const waitsMs = device.unsealedSinceWallMs === null ? 0 : wallMs - device.unsealedSinceWallMs;
  if (waitsMs > device.segmentMs + silence.unsealedGraceMs) out.push(condition('unsealed', device, waitsMs));
  const growthMs = device.leastDelayMs === null ? 0 : device.delayMs - device.leastDelayMs;
  const isOpen = twin.open.some((alert) => alert.rule === 'delayed' && alert.device === device.device);
  if (growthMs > (isOpen ? silence.delayOverMs : silence.delayMs)) out.push(condition('delayed', device, growthMs));
  return out;
}

/** What is missing. Half the time is enough for what is missed with it or named already: one cause calls once. */
function missingStreams(twin: Twin, device: DeviceState, wallMs: number, speed: number): readonly StreamState[] {
  const isOut = (stream: StreamState, share: number) =>
    isMissing(stream, share, wallMs, speed) || isUnread(device, stream, share, wallMs);
  const told = twin.open.find(
    (alert) => alert.rule === 'silence-stream-missing' && alert.device === device.device,
  )?.parts;
  const isTold = (stream: StreamState) => told?.includes(String(stream.stream)) === true;
  const calls = device.streams.some((stream) => !isTold(stream) && isOut(stream, 1));
  return device.streams.filter((stream) => isOut(stream, calls || isTold(stream) ? 0.5 : 1));
}

/** Charted and on-change streams are never due; a stream that is off the body or at fault has an alarm of its own. */
function isMissing(stream: StreamState, share: number, wallMs: number, speed: number): boolean {
  if (stream.intervalMs === null || stream.charted || stream.paused || stream.badSinceWallMs !== null) return false;
  const wallIntervalMs = stream.intervalMs / Math.max(speed, 1);
  const limitMs = Math.max(silence.minMs, silence.streamIntervals * wallIntervalMs);
  return wallMs - stream.heardWallMs >= share * limitMs;
}

/**
 * A stream sends, and the card without which nothing of it can be read does not come: the edge may keep it back. The
 * device's own heartbeats say whether it sends; where they are kept back as well, that stands for it.
 */
function isUnread(device: DeviceState, stream: StreamState, share: number, wallMs: number): boolean {
  if (stream.unread == null || stream.paused || stream.badSinceWallMs !== null) return false;
  const { sinceWallMs } = stream.unread;
  if (sinceWallMs !== null && wallMs - sinceWallMs >= share * silence.minMs) return true;
  return wallMs - (device.beatWallMs ?? wallMs) >= quietLimitMs(device);
}

/**
 * Values that a score needs and that come, but none that may be judged by. What went bad shortly after the first is
 * named with it, so that one cause calls once.
 */
function noSignal(
  twin: Twin,
  device: DeviceState,
  missing: readonly StreamState[],
  { wallMs, speed }: Pick<SilenceInput, 'wallMs' | 'speed'>,
): TechnicalCondition | undefined {
  const poor = device.streams.flatMap((stream) =>
    missing.includes(stream) || stream.charted
      ? []
      : stream.codes.flatMap((code) => {
          const signal = device.poor?.[code];
          if (signal === undefined) return [];
          const wallIntervalMs = (stream.intervalMs ?? 0) / Math.max(speed, 1);
          const forMs = wallMs - signal.sinceWallMs;
          const isDue = forMs >= Math.max(silence.noSignalMs, silence.streamIntervals * wallIntervalMs);
          return [{ code, forMs, isDue }];
        }),
  );
  const told = twin.open.find((alert) => alert.rule === 'no-signal' && alert.device === device.device)?.parts;
  const isBegun = told == null && poor.some(({ isDue }) => isDue);
  const named = poor.filter(
    ({ code, forMs, isDue }) => isDue || told?.includes(String(code)) || (isBegun && forMs >= silence.minMs),
  );
  if (named.length === 0) return undefined;
  const codes = named.map(({ code }) => code);
  const names = [...new Set(codes.map(signalWords))];
  return condition('no-signal', device, Math.max(...named.map(({ forMs }) => forMs)), names, codes.map(String));
}

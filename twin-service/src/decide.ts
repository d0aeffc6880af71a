import type { CareEvent, Reading } from '@pulseseal/protocol';
import { describedBy, isNoteDue, wasSeen } from './device.ts';
import type { TwinCommand, TwinEvent } from './events.ts';
import { limits } from './limits.ts';
import { catchUp, clearing, raising } from './rules/physiology.ts';
import { silenceConditions } from './rules/silence.ts';
import type { Alert, DeviceState, Held, Twin } from './state.ts';
import type { Work } from './stepping.ts';
import { emit, raise } from './stepping.ts';
import { mayJudge, mayJudgeBy } from './values.ts';
import { behindMs, takesPart } from './vitals.ts';
import { durationWords } from './words.ts';

/** How long a reading may be on its way: rule time runs this far behind the clock where no reading states a later time. */
export const wayMs = 15_000;

/**
 * Rule time of a twin at the data time `nowMs`. Where readings come late it runs late with them: judged by the clock,
 * each would have lost its validity before it came, and no condition would ever last.
 */
export function ruleTimeMs(twin: Twin, nowMs: number, speed: number): number {
  return Math.max(twin.nowMs, nowMs - wayMs * speed - (twin.lagMs ?? 0));
}

/** What a command means for a twin, as events. Pure: time comes with the command. */
export function decide(twin: Twin, command: TwinCommand): TwinEvent[] {
  return step(twin, command).events;
}

/** `decide` together with the twin after its events. */
export function step(twin: Twin, command: TwinCommand): { readonly twin: Twin; readonly events: TwinEvent[] } {
  const work: Work = { twin, events: [] };
  switch (command.kind) {
    case 'observe':
      observe(work, command);
      break;
    case 'tick':
      tick(work, command);
      break;
    case 'acknowledge':
      acknowledge(work, command);
      break;
    case 'system-off':
      systemOff(work, command);
      break;
    case 'subject':
      emit(work, command);
      break;
  }
  return work;
}

type Observe = Extract<TwinCommand, { kind: 'observe' }>;

function observe(work: Work, command: Observe): void {
  const { event, wallMs, nowMs } = command;
  switch (event.kind) {
    case 'readings':
      readings(work, event, command);
      return;
    case 'wave': {
      const { device, code, atMs, history } = event.block;
      if (!history && isNoteDue(work.twin.devices[device], code, wallMs)) {
        emit(work, { kind: 'heard', device, code, wallMs, atMs });
      }
      return;
    }
    case 'epoch': {
      const known = work.twin.devices[event.device];
      const isNewer =
        known === undefined || event.boot > known.boot || (event.boot === known.boot && event.epoch > known.epoch);
      const saysMore = known !== undefined && known.eh === event.eh && isOtherwise(known, event);
      if (!event.history && (isNewer || saysMore)) emit(work, { kind: 'epoch', care: event, wallMs });
      return;
    }
    case 'heartbeat': {
      if (event.history || wasSeen(work.twin.devices[event.device], event.eh, event.seq)) return;
      const delayMs = (nowMs - event.atMs) / (command.speed || 1);
      const atMs = believed(event.atMs, nowMs, command.speed);
      const lagMs = lagOf(atMs, nowMs, command.speed);
      emit(work, { kind: 'heartbeat', care: event, wallMs, nowMs: atMs, delayMs, lagMs });
      return;
    }
    case 'graded':
      clearing(work, {
        kind: 'graded',
        device: event.device,
        eh: event.eh,
        first: event.first,
        count: event.count,
        grade: event.grade,
        wallMs,
      });
      return;
    case 'gap':
      emit(work, { kind: 'gap', device: event.device, count: event.count, proved: event.proved });
      return;
    case 'refused':
      emit(work, { kind: 'refused', device: event.device, refusal: event.refusal, wallMs });
      return;
    case 'link':
      if (work.twin.devices[event.device]?.link !== event.state) {
        emit(work, { kind: 'link', device: event.device, state: event.state });
      }
      return;
    case 'edge-alive':
      return;
  }
}

/** The cards of an epoch may come after its first word: then it is told again, with what its streams measure. */
function isOtherwise(known: DeviceState, event: Extract<CareEvent, { kind: 'epoch' }>): boolean {
  const after = describedBy(known, event, known.heardWallMs);
  const wordsOf = ({ kind, streams }: Pick<DeviceState, 'kind' | 'streams'>) =>
    [kind, ...streams.map(({ stream, codes, unread }) => `${stream}:${codes}:${unread == null}`)].join(' ');
  return wordsOf(after) !== wordsOf(known);
}

/** Event time that rules may use: a clock that runs ahead would age everything else. */
function believed(atMs: number, nowMs: number, speed: number): number {
  return atMs > nowMs + limits.skewMs * Math.max(speed, 1) ? nowMs : atMs;
}

/** A streamed value that a score needs, and that nobody may judge by; a sensor off the body or at fault says so itself. */
function isUnusable({ charted, code, screening }: Reading): boolean {
  if (charted || screening.verdict === 'accepted' || !takesPart(code)) return false;
  if (screening.verdict === 'doubtful') return !mayJudgeBy(screening.reason);
  return screening.reason !== 'off-body' && screening.reason !== 'no-contact' && screening.reason !== 'sensor-fault';
}

function lagOf(atMs: number, nowMs: number, speed: number): number {
  const lagMs = Math.max(0, nowMs - atMs);
  return lagMs > limits.lagMs * Math.max(speed, 1) ? 0 : lagMs;
}

function readings(work: Work, event: Extract<CareEvent, { kind: 'readings' }>, command: Observe): void {
  const { nowMs, wallMs, speed } = command;
  const device = work.twin.devices[event.device];
  if (wasSeen(device, event.eh, event.seq)) return;
  const history = event.readings.some((reading) => reading.history);
  const held: Held[] = [];
  const unusable: number[] = [];
  let newestMs = 0;
  let delayMs: number | null = null;
  for (const reading of event.readings.slice(0, limits.readingsPerFrame)) {
    const effectiveMs = reading.clockUntrusted && !history ? nowMs : believed(reading.atMs, nowMs, speed);
    newestMs = Math.max(newestMs, effectiveMs);
    if (!reading.charted && !reading.clockUntrusted && !history) delayMs = (nowMs - reading.atMs) / (speed || 1);
    if (!history && isUnusable(reading)) unusable.push(reading.code);
    if (reading.screening.verdict === 'invalid') continue;
    const stream = device?.streams.find(
      (known) => known.charted === reading.charted && known.codes.includes(reading.code),
    );
    // At many times real speed a frame is a long time in transit by the data's clock: a fifth of two wall seconds.
    const intervalMs = reading.charted ? null : Math.max(stream?.intervalMs ?? 60_000, 400 * speed);
    held.push({
      id: reading.id,
      device: event.device,
      eh: event.eh,
      seq: event.seq,
      code: reading.code,
      text: reading.text,
      value: reading.value,
      unit: reading.unit,
      atMs: reading.atMs,
      effectiveMs,
      grade: reading.grade,
      charted: reading.charted,
      doubt: reading.screening.verdict === 'doubtful' ? reading.screening.reason : null,
      intervalMs,
    });
  }
  const isProof = !history && held.some((one) => one.grade !== 'provisional' && takesPart(one.code));
  const measured: TwinEvent = {
    kind: 'measured',
    device: event.device,
    eh: event.eh,
    seq: event.seq,
    history,
    nowMs: newestMs,
    wallMs,
    delayMs,
    // When a person wrote something down says nothing about the way.
    lagMs: event.readings[0]?.charted ? 0 : lagOf(newestMs, nowMs, speed),
    held,
    ...(unusable.length > 0 ? { unusable } : {}),
  };
  // Before its own time only: what a reading says counts at its time.
  if (!history) catchUp(work, newestMs - 1);
  if (isProof) clearing(work, measured);
  else emit(work, measured);
  const judged = history ? undefined : held.find((one) => takesPart(one.code) && mayJudge(one));
  if (judged === undefined) return;
  if (judged.charted) raising(work, work.twin.nowMs, newestMs);
  else raising(work, ruleTimeMs(work.twin, nowMs, speed), newestMs + behindMs(work.twin, judged));
}

function tick(work: Work, command: Extract<TwinCommand, { kind: 'tick' }>): void {
  const ruleNowMs = ruleTimeMs(work.twin, command.nowMs, command.speed);
  if (Object.keys(work.twin.slots).length > 0) {
    catchUp(work, ruleNowMs);
    raising(work, ruleNowMs, ruleNowMs);
    clearing(work, null, ruleNowMs);
  }
  technical(work, command);
}

const alertKey = (rule: string, device: string | null) => `${rule} ${device ?? ''}`;

function technical(work: Work, command: Extract<TwinCommand, { kind: 'tick' }>): void {
  const holding = new Map(silenceConditions(work.twin, command).map((c) => [alertKey(c.rule, c.device), c]));
  for (const alert of work.twin.open) {
    if (alert.priority !== 'technical') continue;
    const key = alertKey(alert.rule, alert.device);
    const now = holding.get(key);
    if (now === undefined || !tellsOf(alert.parts, now.parts)) {
      // What goes on about more than was told is a new call, in words of its own: one alert names all of it.
      emit(work, { kind: 'cleared', alert: alert.id, atMs: command.nowMs });
      continue;
    }
    holding.delete(key);
    const { parts, reason, plainReason } = now;
    const isAsTold = alert.parts !== undefined && tellsOf(parts, alert.parts);
    if (!isAsTold) emit(work, { kind: 'reworded', alert: alert.id, parts, reason, plainReason });
  }
  for (const { rule, device, cause, reason, plainReason, parts } of holding.values()) {
    raise(work, {
      rule,
      priority: 'technical',
      device,
      cause,
      reason,
      plainReason,
      parts,
      raisedAtMs: command.nowMs,
      contributors: [],
      readingId: null,
    });
  }
}

/** Whether an alert about `told` says it of all of `now`; null is everything. */
function tellsOf(told: Alert['parts'], now: readonly string[] | null): boolean {
  return told == null || (now?.every((part) => told.includes(part)) ?? false);
}

/** "2026-11-23 06:47". */
const minuteOf = (ms: number) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

/** A past gap in the watch: told once, nothing to answer. */
function systemOff(work: Work, command: Extract<TwinCommand, { kind: 'system-off' }>): void {
  emit(work, command);
  const { fromMs, toMs } = command;
  raise(work, {
    rule: 'system-off',
    priority: 'technical',
    device: null,
    cause: null,
    reason: `The system was off for ${durationWords(toMs - fromMs)}, from ${minuteOf(fromMs)} to ${minuteOf(toMs)} UTC`,
    plainReason: 'The system was switched off for a time.',
    raisedAtMs: toMs,
    contributors: [],
    readingId: null,
  });
  const alert = work.twin.open.at(-1);
  if (alert?.rule === 'system-off') emit(work, { kind: 'cleared', alert: alert.id, atMs: toMs });
}

function acknowledge(work: Work, command: Extract<TwinCommand, { kind: 'acknowledge' }>): void {
  const alert = work.twin.open.find((open) => open.id === command.alert);
  if (alert === undefined || alert.state !== 'active') return;
  emit(work, {
    kind: 'acknowledged',
    alert: alert.id,
    by: command.by.slice(0, limits.personChars),
    role: command.role,
    atMs: command.nowMs,
    comment: command.comment.slice(0, limits.commentChars),
  });
}

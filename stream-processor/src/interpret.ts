import { equalBytes } from '@pulseseal/crypto';
import { codeEntry, units } from '@pulseseal/firmware-profiles';
import {
  BEAT_FLAG,
  BEAT_STATE,
  cardHash,
  type Data,
  decimalText,
  demand,
  FRAME_TYPE,
  type Frame,
  type Grade,
  type Item,
  parseBeat,
  parseCard,
  parseData,
  type Reading,
  Refusal,
  readingId,
} from '@pulseseal/protocol';
import type { Context } from './context.ts';
import { announce } from './describe.ts';
import type { Epoch } from './epoch.ts';
import { noteMissing } from './frames.ts';
import { limits } from './limits.ts';
import { screen } from './screening.ts';

/** What an opened frame says, as facts. A payload that makes no sense is refused; its frame stays part of the segment. */
export function interpret(ctx: Context, epoch: Epoch, frame: Frame, payload: Uint8Array, arrivedMs: number): void {
  try {
    if (frame.ft === FRAME_TYPE.heartbeat) heartbeat(ctx, epoch, frame, payload, arrivedMs);
    else if (frame.ft === FRAME_TYPE.card) card(ctx, epoch, frame, payload);
    else data(ctx, epoch, frame, payload, arrivedMs);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    ctx.report(epoch.patient, epoch.device, error.refusal, 'frame');
  }
}

const eventTimeMs = (epoch: Epoch, frame: Frame): number => epoch.open.clock.t0Ms + frame.dt;

/** Later than the link's usual delay by more than the bound: true, but too old to ring. */
function isLate(ctx: Context, epoch: Epoch, frame: Frame, arrivedMs: number): boolean {
  const delayMs = arrivedMs - eventTimeMs(epoch, frame);
  const leastMs = Math.min(epoch.leastDelayMs ?? delayMs, delayMs);
  epoch.leastDelayMs = leastMs;
  const late = delayMs - leastMs > ctx.settings.lateMs * ctx.settings.speed;
  if (late) ctx.counts.note('late');
  return late;
}

function heartbeat(ctx: Context, epoch: Epoch, frame: Frame, payload: Uint8Array, arrivedMs: number): void {
  const beat = parseBeat(payload);
  const own = epoch.open.streams.filter((stream) => stream.id !== 0);
  demand(beat.streams.length === own.length && beat.streams.every((s, i) => s.st === own[i]!.id), 'scope-mismatch');
  epoch.sensors.beat(beat, frame.seq);
  noteCounts(ctx, epoch, frame, beat.streams);
  ctx.emit({
    kind: 'heartbeat',
    patient: epoch.patient,
    device: epoch.device,
    eh: epoch.ehHex,
    seq: frame.seq,
    atMs: eventTimeMs(epoch, frame),
    arrivedMs,
    battery: beat.batteryPercent,
    state: BEAT_STATE[beat.state],
    streams: beat.streams.map((s) => ({
      stream: s.st,
      last: s.last,
      count: s.count,
      contact: (s.flags & BEAT_FLAG.contact) !== 0,
      fault: (s.flags & BEAT_FLAG.fault) !== 0,
      paused: (s.flags & BEAT_FLAG.paused) !== 0,
    })),
    history: epoch.history || isLate(ctx, epoch, frame, arrivedMs),
  });
}

/** The counts inside the heartbeat show a dropped stream also to a reader of some scopes (SPEC clause PAY-3). */
function noteCounts(
  ctx: Context,
  epoch: Epoch,
  frame: Frame,
  streams: readonly { readonly st: number; readonly last: number; readonly count: number }[],
): void {
  const counts = new Map<number, { last: number; count: number }>();
  for (const { st, last, count } of streams) {
    if (!epoch.scopes.has(epoch.streams.get(st)!.scope)) continue;
    counts.set(st, { last, count });
    if (last > 0 && last < frame.seq) noteMissing(ctx, epoch, last, st);
  }
  epoch.beats.push({ seq: frame.seq, sg: frame.sg, atWallMs: ctx.wallMs(), counts });
  if (epoch.beats.length > limits.segments) epoch.beats.shift();
}

function card(ctx: Context, epoch: Epoch, frame: Frame, payload: Uint8Array): void {
  const { scope } = epoch.streams.get(frame.st)!;
  const expected = epoch.open.cardHashes.get(scope);
  demand(expected !== undefined && equalBytes(cardHash(payload, ctx.crypto), expected), 'card-mismatch');
  learnCard(ctx, epoch, scope, payload);
}

/** Keeps a card whose hash was checked; frames that waited for it speak now. */
export function learnCard(ctx: Context, epoch: Epoch, scope: number, bytes: Uint8Array): void {
  if (epoch.cards.has(scope)) return;
  epoch.cards.set(scope, { bytes: bytes.slice(), card: parseCard(bytes) });
  // Scope 0 has no card. An epoch that was told before its cards came is told again.
  if (epoch.isAnnounced || epoch.cards.size >= epoch.scopes.size - 1) announce(ctx, epoch);
  const waiting = epoch.waiting.splice(0);
  for (const one of waiting) {
    if (epoch.streams.get(one.frame.st)!.scope === scope) interpret(ctx, epoch, one.frame, one.payload, one.arrivedMs);
    else epoch.waiting.push(one);
  }
}

function data(ctx: Context, epoch: Epoch, frame: Frame, payload: Uint8Array, arrivedMs: number): void {
  const stream = epoch.streams.get(frame.st)!;
  const known = epoch.cards.get(stream.scope);
  if (known === undefined) {
    ctx.counts.note('without-card');
    if (epoch.waiting.length >= limits.withoutCard) epoch.waiting.shift();
    epoch.waiting.push({ frame, payload, arrivedMs });
    return;
  }
  const items = known.card.streams.get(frame.st);
  demand(items !== undefined, 'card-mismatch');
  const parsed = parseData(payload, stream.streamClass);
  if (parsed.kind === 'values') values(ctx, epoch, frame, items, parsed.values, arrivedMs);
  else wave(ctx, epoch, frame, items, parsed, arrivedMs);
}

function gradeOf(epoch: Epoch, frame: Frame): Grade {
  const segment = epoch.segments.get(frame.sg);
  if (epoch.isDisputed || segment?.state !== 'sealed') return 'provisional';
  return segment.isAnchored ? 'anchored' : 'sealed';
}

function values(
  ctx: Context,
  epoch: Epoch,
  frame: Frame,
  items: readonly Item[],
  sent: ReadonlyMap<number, number>,
  arrivedMs: number,
): void {
  demand(sent.size <= limits.readingsPerFrame, 'count-exceeded');
  for (const index of sent.keys()) demand(items[index] !== undefined, 'card-mismatch');
  const history = epoch.history || isLate(ctx, epoch, frame, arrivedMs);
  const grade = gradeOf(epoch, frame);
  const bare: Reading[] = [...sent].map(([index, integer]) => {
    const item = items[index]!;
    const text = decimalText(integer, item.scale);
    return {
      id: readingId(epoch.device, epoch.eh, frame.seq, index),
      patient: epoch.patient,
      device: epoch.device,
      code: item.code,
      text,
      value: Number(text),
      unit: unitText(item),
      atMs: eventTimeMs(epoch, frame),
      arrivedMs,
      grade,
      charted: item.rateMilliHz === 0,
      screening: { verdict: 'accepted' },
      history,
      clockUntrusted: epoch.clockUntrusted,
    };
  });
  const readings = bare.map((reading) => {
    const { sensors } = epoch;
    const screening = screen(reading, {
      companions: bare,
      previous: sensors.previous(reading.code),
      recent: sensors.recent(reading.code),
      sensor: sensors.stateFor(frame.st, reading.code),
    });
    if (screening.verdict !== 'invalid') sensors.keep(reading);
    return { ...reading, screening };
  });
  const { patient, device, ehHex: eh } = epoch;
  ctx.emit({ kind: 'readings', patient, device, eh, seq: frame.seq, readings });
}

const ucumOf: ReadonlyMap<number, string> = new Map(
  Object.values(units)
    .map((unit) => [unit.mdc, unit.ucum] as const)
    .reverse(),
);

/** The code table's own spelling when the device's unit is the table's; else the device's. */
function unitText(item: Item): string {
  const entry = codeEntry(item.code);
  if (entry?.mdcUnit === item.unit) return entry.ucum;
  return ucumOf.get(item.unit) ?? `mdc:${item.unit}`;
}

/** One block of each item, one after another in card order. */
function wave(
  ctx: Context,
  epoch: Epoch,
  frame: Frame,
  items: readonly Item[],
  block: Extract<Data, { kind: 'block' }>,
  arrivedMs: number,
): void {
  const expected = items.reduce((sum, item) => sum + item.block, 0);
  demand(expected === block.samples.length, 'wrong-length');
  const history = epoch.history || isLate(ctx, epoch, frame, arrivedMs);
  const grade = gradeOf(epoch, frame);
  let from = 0;
  for (const item of items) {
    const samples = block.samples.subarray(from, from + item.block);
    from += item.block;
    const rateHz = item.rateMilliHz / 1000;
    const entry = codeEntry(item.code);
    const isKnown = entry !== undefined && entry.mdcUnit === item.unit;
    const sensor = epoch.sensors.stateFor(frame.st, item.code);
    const isUsable = epoch.sensors.wave(item.code, samples, rateHz, block.quality);
    const isSound = isKnown && isUsable && sensor.worn && sensor.contact && !sensor.fault;
    ctx.emit({
      kind: 'wave',
      block: {
        // One id names the whole block (index 0), also where it holds several channels.
        id: readingId(epoch.device, epoch.eh, frame.seq, 0),
        patient: epoch.patient,
        device: epoch.device,
        code: item.code,
        unit: unitText(item),
        scale: item.scale,
        rateHz,
        atMs: eventTimeMs(epoch, frame),
        samples: Array.from(samples),
        grade,
        quality: isSound ? block.quality : 0,
        history,
      },
    });
  }
}

import type { CareEvent, Reading, ShownAlert, WaveBlock } from '@pulseseal/protocol';
import type { CancelTimer } from '@pulseseal/runtime';
import { shownAlert } from './board-view.ts';
import { step } from './decide.ts';
import type { Desk, Viewer } from './desk.ts';
import { createDesk } from './desk.ts';
import type { TwinCommand, TwinEvent } from './events.ts';
import { twinFailure } from './failures.ts';
import type { LoginNote } from './journal-record.ts';
import { snapshotRecords } from './journal-record.ts';
import { createKeeper } from './keeper.ts';
import { limits, silence, slices } from './limits.ts';
import type { TwinPorts } from './ports.ts';
import { replayInto } from './replay.ts';
import type { PatientEntry, TwinSettings } from './settings.ts';
import { alivePeriodMs, checkTwinSettings, defaultCheckpointRecords } from './settings.ts';
import { inSlices } from './slices.ts';
import type { Twin } from './state.ts';
import { newTwin } from './state.ts';

export interface AlertChange {
  readonly patient: string;
  /** As a clinician sees it. */
  readonly alert: ShownAlert;
  readonly change: 'raised' | 'acknowledged' | 'cleared';
}

/** One value as it came or rose in grade. */
export type ReadingNote = Pick<Reading, 'id' | 'patient' | 'code' | 'text' | 'value' | 'unit' | 'atMs' | 'grade'>;

type Listen<T> = (listener: (item: T) => void) => () => void;

export interface TwinService extends Desk {
  /** Resolves when the events' effects are synced: only then may the caller move its cursor. Repeating is harmless. */
  handle(events: readonly CareEvent[]): Promise<void>;
  /** Throws `alert-unknown` or `alert-cleared`; resolves when the answer is synced. Answering twice keeps the first. */
  acknowledge(alert: string, viewer: Viewer, comment: string): Promise<ShownAlert>;
  watch(entry: PatientEntry): Promise<void>;
  /** Resolves when it stands in the journal: only then may the code be told. */
  noteLogin(note: LoginNote): Promise<void>;
  twin(patient: string): Twin | undefined;
  patientIds(): Iterable<string>;
  readonly onAlert: Listen<AlertChange>;
  readonly onReading: Listen<ReadingNote>;
  readonly onWave: Listen<WaveBlock>;
  /** A patient's picture changed. */
  readonly onPatient: Listen<string>;
  /** Alerts raised since the start, by rule. */
  raisedCounts(): Readonly<Record<string, number>>;
  readonly isHealthy: boolean;
  nowMs(): number;
  readonly speed: number;
  stop(): Promise<void>;
}

function createListeners<T>() {
  const all = new Set<(item: T) => void>();
  const on: Listen<T> = (listener) => {
    all.add(listener);
    return () => {
      all.delete(listener);
    };
  };
  const tell = (item: T) => {
    for (const listener of all) listener(item);
  };
  return { on, tell };
}

/** Rebuilds the twins from the journal, notes how long the system was off, and watches. */
export async function createTwinService(ports: TwinPorts, settings: TwinSettings): Promise<TwinService> {
  checkTwinSettings(settings);
  const { wall, data, journal, logger, metrics } = ports;
  const speed = settings.speed ?? 1;
  const checkpointRecords = settings.checkpointRecords ?? defaultCheckpointRecords;
  const twins = new Map<string, Twin>();
  const entries = new Map<string, PatientEntry>();
  const raised: Record<string, number> = {};
  const alertsHeard = createListeners<AlertChange>();
  const readingsHeard = createListeners<ReadingNote>();
  const wavesHeard = createListeners<WaveBlock>();
  const patientsHeard = createListeners<string>();
  const counts = {
    events: metrics.counter('twin_events_total', 'Facts taken from the stream processor', 'kind'),
    refused: metrics.counter('twin_refused_total', 'Facts not taken, by reason', 'reason'),
    alerts: metrics.counter('twin_alerts_total', 'Alerts raised', 'rule'),
    tickErrors: metrics.counter('twin_tick_errors_total', 'Timer runs whose events were not synced'),
  };
  // Wall time that goes on evenly: a stepped clock must neither hide silence nor feign it.
  const wallOriginMs = wall.nowMs() - wall.monotonicMs();
  const wallMs = () => wallOriginMs + wall.monotonicMs();
  const edge = { heardWallMs: wallMs(), processorLagMs: 0 };

  const { lastAliveMs, lastNumber } = await replayInto(twins, ports);
  const keeper = createKeeper(journal, logger, lastNumber + 1);

  const twinOf = (patient: string): Twin | undefined => {
    const known = twins.get(patient);
    if (known !== undefined) return known;
    if (twins.size >= limits.patients) return undefined;
    const made = newTwin({ patient });
    twins.set(patient, made);
    return made;
  };
  const entryOf = (patient: string): PatientEntry => entries.get(patient) ?? { patient, name: patient, bed: '' };
  const run = (patient: string, command: TwinCommand): readonly TwinEvent[] => {
    const before = twinOf(patient);
    if (before === undefined) {
      counts.refused.add(1, 'too-many-patients');
      return [];
    }
    const { twin, events } = step(before, command);
    if (events.length === 0) return events;
    // First to the journal's queue: when it is full nothing happened, and the caller hands the event over again.
    keeper.add({ p: patient, e: events });
    twins.set(patient, twin);
    tell(twin, events);
    return events;
  };
  const tell = (twin: Twin, events: readonly TwinEvent[]) => {
    for (const event of events) {
      if (event.kind === 'raised') {
        raised[event.alert.rule] = (raised[event.alert.rule] ?? 0) + 1;
        counts.alerts.add(1, event.alert.rule);
        tellAlert(twin, event.alert.id, 'raised', event.alert);
      } else if (event.kind === 'acknowledged' || event.kind === 'cleared') tellAlert(twin, event.alert, event.kind);
      else if (event.kind === 'graded') tellGraded(twin, event);
    }
    patientsHeard.tell(twin.patient);
  };
  const tellAlert = (twin: Twin, id: string, change: AlertChange['change'], asRaised?: Twin['open'][number]) => {
    const alert = asRaised ?? [...twin.open, ...twin.cleared].find((known) => known.id === id);
    if (alert !== undefined) alertsHeard.tell({ patient: twin.patient, alert: shownAlert(twin, alert), change });
  };
  const tellGraded = (twin: Twin, event: Extract<TwinEvent, { kind: 'graded' }>) => {
    for (const key in twin.slots) {
      const held = twin.slots[key]!.sealed;
      const isOf = held !== null && held.device === event.device && held.eh === event.eh && held.grade === event.grade;
      if (isOf && held.seq >= event.first && held.seq < event.first + event.count) {
        readingsHeard.tell({ ...pick(held), patient: twin.patient });
      }
    }
  };
  const take = (event: CareEvent) => {
    counts.events.add(1, event.kind);
    if (event.kind === 'edge-alive') {
      edge.heardWallMs = wallMs();
      edge.processorLagMs = event.processorLagMs;
      return;
    }
    const patient = event.kind === 'wave' ? event.block.patient : event.patient;
    run(patient, { kind: 'observe', event, nowMs: data.nowMs(), wallMs: wallMs(), speed });
    if (event.kind === 'wave') wavesHeard.tell(event.block);
    else if (event.kind === 'readings') for (const reading of event.readings) readingsHeard.tell(reading);
  };
  const tick = (patients: readonly string[]) => {
    const nowMs = data.nowMs();
    const watched = settings.watchesGateway === false ? null : edge;
    const at = wallMs();
    for (const patient of patients) run(patient, { kind: 'tick', nowMs, wallMs: at, speed, edge: watched });
  };
  const noteAlive = () => {
    const at = wallMs();
    if (at - aliveAtMs < alivePeriodMs) return;
    aliveAtMs = at;
    keeper.add({ alive: { dataMs: data.nowMs() } });
  };
  /** A failure is counted and the watch goes on: what is not synced yet is kept and tried again. */
  const guarded = (task: () => void): boolean => {
    let isDone = true;
    try {
      task();
    } catch {
      isDone = false;
      counts.tickErrors.add();
    }
    keeper.flush().catch(() => counts.tickErrors.add());
    return isDone;
  };
  let cancelTicks: CancelTimer = () => {};
  const look = () => {
    cancelTicks();
    cancelTicks = inSlices(wall, [...twins.keys()], slices.ticks, (patients, isLast) => {
      guarded(() => {
        tick(patients);
        if (!isLast) return;
        noteAlive();
        if (keeper.sinceCheckpoint >= checkpointRecords && !isCheckpointing) checkpoint();
      });
      return true;
    });
  };
  let cancelCheckpoint: CancelTimer = () => {};
  let isCheckpointing = false;
  /** One that does not get to its end does not count: the next one begins anew. */
  const checkpoint = () => {
    keeper.addPhase('begin');
    // A replay that starts here must know when the system last lived, or its time off would be the devices' silence.
    keeper.add({ alive: { dataMs: data.nowMs() } });
    isCheckpointing = true;
    cancelCheckpoint = inSlices(wall, [...twins.keys()], slices.snapshots, (patients, isLast) => {
      const isDone = guarded(() => {
        for (const patient of patients) for (const record of snapshotRecords(twins.get(patient)!)) keeper.add(record);
        if (isLast) keeper.addPhase('end');
      });
      isCheckpointing = isDone && !isLast;
      return isDone;
    });
  };
  const watch = (entry: PatientEntry) => {
    const scale = entry.scale ?? 1;
    const ageYears = entry.ageYears ?? null;
    entries.set(entry.patient, entry);
    const twin = twinOf(entry.patient);
    if (twin === undefined) throw twinFailure('too-many-patients');
    if (twin.scale !== scale || twin.ageYears !== ageYears) run(entry.patient, { kind: 'subject', scale, ageYears });
  };

  let aliveAtMs = Number.NEGATIVE_INFINITY;
  for (const entry of settings.patients) watch(entry);
  if (lastAliveMs !== null) {
    const toMs = Math.max(lastAliveMs, data.nowMs());
    for (const patient of twins.keys())
      run(patient, { kind: 'system-off', fromMs: lastAliveMs, toMs, wallMs: wallMs() });
  }
  keeper.add({ alive: { dataMs: data.nowMs() } });
  await keeper.flush();
  const cancel = wall.every(silence.periodMs, look);

  const desk = createDesk(twins, entryOf, data, speed);

  return {
    async handle(events) {
      for (const event of events) take(event);
      await keeper.flush();
    },
    async acknowledge(id, viewer, comment) {
      for (const twin of twins.values()) {
        if (!desk.maySee(viewer, twin.patient)) continue;
        if (twin.cleared.some((alert) => alert.id === id)) throw twinFailure('alert-cleared');
        if (!twin.open.some((alert) => alert.id === id)) continue;
        const { person, role } = viewer;
        run(twin.patient, { kind: 'acknowledge', alert: id, by: person, role, comment, nowMs: data.nowMs() });
        await keeper.flush();
        const now = twins.get(twin.patient)!;
        const alert = [...now.open, ...now.cleared].find((known) => known.id === id)!;
        return desk.alert(shownAlert(now, alert), viewer)!;
      }
      throw twinFailure('alert-unknown');
    },
    async watch(entry) {
      watch(entry);
      await keeper.flush();
    },
    async noteLogin(note) {
      keeper.add({ login: { ...note, atMs: wall.nowMs() } });
      await keeper.flush();
    },
    twin: (patient) => twins.get(patient),
    patientIds: () => twins.keys(),
    ...desk,
    onAlert: alertsHeard.on,
    onReading: readingsHeard.on,
    onWave: wavesHeard.on,
    onPatient: patientsHeard.on,
    raisedCounts: () => ({ ...raised }),
    get isHealthy() {
      return !keeper.isFailing;
    },
    nowMs: () => data.nowMs(),
    speed,
    async stop() {
      for (const stopped of [cancel, cancelTicks, cancelCheckpoint]) stopped();
      keeper.add({ alive: { dataMs: data.nowMs() } });
      await keeper.flush();
      await journal.close();
    },
  };
}

function pick(held: {
  id: string;
  code: number;
  text: string;
  value: number;
  unit: string;
  atMs: number;
  grade: Reading['grade'];
}) {
  const { id, code, text, value, unit, atMs, grade } = held;
  return { id, code, text, value, unit, atMs, grade };
}

import type { BoardSnapshot, CareEvent, Reading, Role, ShownAlert, ShownPatient, WaveBlock } from '@pulseseal/protocol';
import type { Count } from '@pulseseal/runtime';
import { apply } from './apply.ts';
import { alertUrgency, shownAlert, shownPatient } from './board-view.ts';
import { caregiverAlert, caregiverPatient } from './caregiver-view.ts';
import { step, wayMs } from './decide.ts';
import type { TwinCommand, TwinEvent } from './events.ts';
import { twinFailure } from './failures.ts';
import { decodeRecord, snapshotRecords } from './journal-record.ts';
import { createKeeper } from './keeper.ts';
import { limits, silence } from './limits.ts';
import type { TwinPorts } from './ports.ts';
import type { PatientEntry, TwinSettings } from './settings.ts';
import { alivePeriodMs, checkTwinSettings, defaultCheckpointRecords } from './settings.ts';
import type { Twin } from './state.ts';
import { newTwin } from './state.ts';

/** Who looks. A caregiver sees only own people. */
export interface Viewer {
  readonly person: string;
  readonly role: Role;
  readonly patients: 'all' | readonly string[];
}

export interface AlertChange {
  readonly patient: string;
  /** As a clinician sees it. */
  readonly alert: ShownAlert;
  readonly change: 'raised' | 'acknowledged' | 'cleared';
}

/** One value as it came or rose in grade. */
export type ReadingNote = Pick<Reading, 'id' | 'patient' | 'code' | 'text' | 'value' | 'unit' | 'atMs' | 'grade'>;

type Listen<T> = (listener: (item: T) => void) => () => void;

export interface TwinService {
  /** Resolves when the events' effects are synced: only then may the caller move its cursor. Repeating is harmless. */
  handle(events: readonly CareEvent[]): Promise<void>;
  /** Throws `alert-unknown` or `alert-cleared`; resolves when the answer is synced. Answering twice keeps the first. */
  acknowledge(alert: string, viewer: Viewer, comment: string): Promise<ShownAlert>;
  watch(entry: PatientEntry): Promise<void>;
  twin(patient: string): Twin | undefined;
  board(viewer: Viewer): BoardSnapshot;
  patient(patient: string, viewer: Viewer): ShownPatient | undefined;
  alert(alert: ShownAlert, viewer: Viewer): ShownAlert | undefined;
  alerts(viewer: Viewer): ShownAlert[];
  maySee(viewer: Viewer, patient: string): boolean;
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
  const tick = () => {
    const nowMs = data.nowMs();
    const watched = settings.watchesGateway === false ? null : edge;
    const at = wallMs();
    for (const patient of twins.keys()) run(patient, { kind: 'tick', nowMs, wallMs: at, speed, edge: watched });
    if (at - aliveAtMs >= alivePeriodMs) {
      aliveAtMs = at;
      keeper.add({ alive: { dataMs: nowMs } });
    }
    if (keeper.sinceCheckpoint >= checkpointRecords) keeper.addCheckpoint([...twins.values()].flatMap(snapshotRecords));
  };
  const safeTick = () => {
    try {
      tick();
    } catch {
      count(counts.tickErrors);
    }
    keeper.flush().catch(() => count(counts.tickErrors));
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
  const cancel = wall.every(silence.periodMs, safeTick);

  const maySee = (viewer: Viewer, patient: string) =>
    viewer.patients === 'all' ? viewer.role === 'clinician' : viewer.patients.includes(patient);
  const shown = (patient: string, viewer: Viewer): ShownPatient | undefined => {
    const twin = twins.get(patient);
    if (twin === undefined || !maySee(viewer, patient)) return undefined;
    const nowMs = Math.max(twin.nowMs, data.nowMs() - wayMs * speed);
    const full = shownPatient(twin, entryOf(patient), nowMs);
    return viewer.role === 'clinician' ? full : caregiverPatient(full, alertUrgency(twin));
  };
  const alertFor = (alert: ShownAlert, viewer: Viewer) => {
    if (!maySee(viewer, alert.patient)) return undefined;
    return viewer.role === 'clinician' ? alert : caregiverAlert(alert);
  };

  return {
    async handle(events) {
      for (const event of events) take(event);
      await keeper.flush();
    },
    async acknowledge(id, viewer, comment) {
      for (const twin of twins.values()) {
        if (!maySee(viewer, twin.patient)) continue;
        if (twin.cleared.some((alert) => alert.id === id)) throw twinFailure('alert-cleared');
        if (!twin.open.some((alert) => alert.id === id)) continue;
        const { person, role } = viewer;
        run(twin.patient, { kind: 'acknowledge', alert: id, by: person, role, comment, nowMs: data.nowMs() });
        await keeper.flush();
        const now = twins.get(twin.patient)!;
        const alert = [...now.open, ...now.cleared].find((known) => known.id === id)!;
        return alertFor(shownAlert(now, alert), viewer)!;
      }
      throw twinFailure('alert-unknown');
    },
    async watch(entry) {
      watch(entry);
      await keeper.flush();
    },
    twin: (patient) => twins.get(patient),
    board(viewer) {
      const patients = [...twins.keys()].flatMap((patient) => shown(patient, viewer) ?? []);
      patients.sort((a, b) => b.urgency - a.urgency || a.bed.localeCompare(b.bed));
      return { role: viewer.role, person: viewer.person, nowMs: data.nowMs(), speed, patients };
    },
    patient: shown,
    alert: alertFor,
    alerts: (viewer) =>
      [...twins.values()].flatMap((twin) =>
        [...twin.open, ...twin.cleared].flatMap((alert) => alertFor(shownAlert(twin, alert), viewer) ?? []),
      ),
    maySee,
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
      cancel();
      keeper.add({ alive: { dataMs: data.nowMs() } });
      await keeper.flush();
      await journal.close();
    },
  };
}

interface Replayed {
  /** Data time of the last sign of life; null for an empty journal. */
  readonly lastAliveMs: number | null;
  readonly lastNumber: number;
}

async function replayInto(twins: Map<string, Twin>, ports: TwinPorts): Promise<Replayed> {
  let lastAliveMs: number | null = null;
  let lastNumber = 0;
  let records = 0;
  const pieces = new Map<string, string[]>();
  const { damaged } = await ports.journal.replay((bytes) => {
    const record = decodeRecord(bytes);
    if (record.n <= lastNumber) return;
    lastNumber = record.n;
    records++;
    if ('alive' in record) {
      lastAliveMs = Math.max(lastAliveMs ?? 0, record.alive.dataMs);
      return;
    }
    if ('snap' in record) {
      const { p, piece, of, text } = record.snap;
      const known = piece === 0 ? [] : (pieces.get(p) ?? []);
      known.push(text);
      if (known.length < of) pieces.set(p, known);
      else {
        pieces.delete(p);
        twins.set(p, JSON.parse(known.join('')) as Twin);
      }
      return;
    }
    let twin = twins.get(record.p) ?? newTwin({ patient: record.p });
    for (const event of record.e) twin = apply(twin, event);
    twins.set(record.p, twin);
  });
  if (damaged > 0)
    ports.logger.error({ damaged }, 'records of the twin journal are damaged; the watch goes on without them');
  if (records > 0) ports.logger.info({ records, patients: twins.size }, 'twins rebuilt from the journal');
  return { lastAliveMs, lastNumber };
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

const count = (counter: Count) => counter.add();

import { codes } from '@pulseseal/firmware-profiles';
import type { CareEvent, Grade, Reading, Screening } from '@pulseseal/protocol';
import type { Twin, TwinCommand, TwinEvent } from '../src/mod.ts';
import { newTwin, step } from '../src/mod.ts';

export const startMs = 1_700_000_000_000 - (1_700_000_000_000 % 60_000);

const units = new Map<number, string>([
  [codes.spo2, '%'],
  [codes.bodyTemperature, 'Cel'],
  [codes.nibpSystolic, 'mm[Hg]'],
]);

export interface Said {
  readonly code: number;
  readonly text: string;
  readonly charted?: boolean;
  readonly history?: boolean;
  readonly screening?: Screening;
  readonly clockUntrusted?: boolean;
}

/** A patient with a strap, a band and a hub, whose clocks stand still until a test moves them. */
export function createBedside(patient = 'p1', subject: { scale?: 1 | 2; ageYears?: number } = {}) {
  let twin: Twin = newTwin({ patient, ...subject });
  let nowMs = startMs;
  let seq = 0;
  const events: TwinEvent[] = [];
  const edge = { heardWallMs: startMs, processorLagMs: 0 };
  const run = (command: TwinCommand): TwinEvent[] => {
    const next = step(twin, command);
    twin = next.twin;
    events.push(...next.events);
    return next.events;
  };
  const observe = (event: CareEvent) => run({ kind: 'observe', event, nowMs, wallMs: nowMs, speed: 1 });
  const world = {
    get twin() {
      return twin;
    },
    get nowMs() {
      return nowMs;
    },
    get seq() {
      return seq;
    },
    events,
    edge,
    edgeLives: true,
    run,
    observe,
    open: () => twin.open.filter((alert) => alert.priority !== 'technical').map((alert) => alert.rule),
    openTechnical: () => twin.open.filter((alert) => alert.priority === 'technical').map((alert) => alert.rule),
    alert: (rule: string) => twin.open.find((alert) => alert.rule === rule),
    /** Rules of the physiological alerts raised so far. */
    raised: () =>
      events.flatMap((e) => (e.kind === 'raised' && e.alert.priority !== 'technical' ? [e.alert.rule] : [])),
    technical: () =>
      events.flatMap((e) => (e.kind === 'raised' && e.alert.priority === 'technical' ? [e.alert.rule] : [])),
    pass(ms: number) {
      nowMs += ms;
    },
    /** Goes on from a kept twin, as after a restart. */
    resume(kept: Twin, atMs: number, nextSeq: number) {
      twin = kept;
      nowMs = atMs;
      seq = nextSeq;
    },
    epoch(
      device: string,
      kind: string,
      streams: { stream: number; name: string; codes: number[]; ms: number | null; charted?: boolean }[],
      epoch = 1,
    ) {
      observe({
        kind: 'epoch',
        patient,
        device,
        eh: `e${epoch}`,
        boot: 1,
        epoch,
        atMs: nowMs,
        heartbeatMs: 5000,
        segmentMs: 60_000,
        deviceKind: kind,
        streams: streams.map((s) => ({
          stream: s.stream,
          name: s.name,
          codes: s.codes,
          streamClass: 1,
          expectedIntervalMs: s.ms,
          charted: s.charted ?? false,
        })),
        history: false,
      });
    },
    strap() {
      world.epoch('strap', 'chest-strap', [
        { stream: 1, name: 'heart', codes: [codes.heartRate], ms: 1000 },
        { stream: 2, name: 'breathing', codes: [codes.respirationRate], ms: 60_000 },
      ]);
    },
    band() {
      world.epoch('band', 'wrist-band', [
        { stream: 1, name: 'oximetry', codes: [codes.spo2, codes.pulseRate], ms: 1000 },
      ]);
    },
    hub() {
      world.epoch('hub', 'bedside-hub', [
        { stream: 1, name: 'blood pressure', codes: [codes.nibpSystolic], ms: null, charted: true },
        { stream: 2, name: 'temperature', codes: [codes.bodyTemperature], ms: null, charted: true },
        { stream: 3, name: 'oxygen', codes: [codes.oxygenInUse], ms: null, charted: true },
        { stream: 4, name: 'consciousness', codes: [codes.consciousness], ms: null, charted: true },
      ]);
    },
    frame(
      device: string,
      said: readonly Said[],
      options: { grade?: Grade; atMs?: number; seq?: number; eh?: string } = {},
    ): CareEvent {
      const eh = options.eh ?? 'e1';
      const number = options.seq ?? seq++;
      return {
        kind: 'readings',
        patient,
        device,
        eh,
        seq: number,
        readings: said.map(
          (one, index): Reading => ({
            id: `${device}.${eh}.${number}.${index}`,
            patient,
            device,
            code: one.code,
            text: one.text,
            value: Number(one.text),
            unit: units.get(one.code) ?? '/min',
            atMs: options.atMs ?? nowMs,
            arrivedMs: nowMs,
            grade: options.grade ?? 'provisional',
            charted: one.charted ?? false,
            screening: one.screening ?? { verdict: 'accepted' },
            history: one.history ?? false,
            clockUntrusted: one.clockUntrusted ?? false,
          }),
        ),
      };
    },
    say(
      device: string,
      said: readonly Said[],
      options: { grade?: Grade; atMs?: number; seq?: number; eh?: string } = {},
    ) {
      return observe(world.frame(device, said, options));
    },
    beat(
      device: string,
      state: 'worn' | 'off-body' | 'charging' | 'shutdown' = 'worn',
      streams: { stream: number; last?: number; contact?: boolean; fault?: boolean; paused?: boolean }[] = [],
      options: { seq?: number; eh?: string; atMs?: number } = {},
    ) {
      return observe({
        kind: 'heartbeat',
        patient,
        device,
        eh: options.eh ?? twin.devices[device]?.eh ?? 'e1',
        seq: options.seq ?? seq++,
        atMs: options.atMs ?? nowMs,
        arrivedMs: nowMs,
        battery: 80,
        state,
        streams: streams.map((s) => ({
          stream: s.stream,
          last: s.last ?? 0,
          count: 0,
          contact: s.contact ?? true,
          fault: s.fault ?? false,
          paused: s.paused ?? false,
        })),
        history: false,
      });
    },
    grade(device: string, first: number, count: number, grade: Grade = 'sealed') {
      return observe({ kind: 'graded', patient, device, eh: 'e1', sg: 0, first, count, grade });
    },
    tick() {
      if (world.edgeLives) edge.heardWallMs = nowMs;
      return run({ kind: 'tick', nowMs, wallMs: nowMs, speed: 1, edge });
    },
    /** Runs `seconds` of a life: each second `each` speaks, then the timer ticks. */
    live(seconds: number, each: (second: number) => void) {
      for (let s = 0; s < seconds; s++) {
        nowMs += 1000;
        each(s);
        world.tick();
      }
    },
  };
  return world;
}

export type Bedside = ReturnType<typeof createBedside>;

/** A whole normal set of charted values. */
export function chartNormal(world: Bedside, grade: Grade = 'sealed') {
  world.say(
    'hub',
    [
      { code: codes.nibpSystolic, text: '122', charted: true },
      { code: codes.bodyTemperature, text: '36.8', charted: true },
      { code: codes.oxygenInUse, text: '0', charted: true },
      { code: codes.consciousness, text: '0', charted: true },
    ],
    { grade },
  );
}

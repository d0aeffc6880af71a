import type { LiveMessage, WaveBlock } from '@pulseseal/protocol';
import type { CancelTimer, Clock } from '@pulseseal/runtime';
import type { Viewer } from './desk.ts';
import { slices } from './limits.ts';
import type { TwinService } from './service.ts';
import { inSlices } from './slices.ts';

/** Bounds of what waits for a slow client. Waves go first, then pictures; alerts never, then the client itself. */
export const liveLimits = {
  waveBufferBytes: 256 * 1024,
  patientBufferBytes: 1024 * 1024,
  closeBufferBytes: 8 * 1024 * 1024,
  clients: 200,
  /** Places of these that only clinicians may take: relatives never lock the ward out of its alarms. */
  cliniciansOnly: 50,
  /** Tabs of one session, and those that it has lost and that are not yet found dead. */
  clientsPerSession: 8,
  /** Pictures and ticks: the eye needs no more. */
  periodMs: 1000,
  /** Values expire and times grow without an event: every patient is drawn at least so often, in data time. */
  redrawMs: 15_000,
} as const;

/** One connected client, whatever carries it. */
export interface LiveClient {
  /** Tells sessions apart; never sent. */
  readonly session: string;
  readonly viewer: Viewer;
  /** Patient whose ECG is wanted, or null. */
  readonly wave: string | null;
  readonly bufferedBytes: () => number;
  readonly send: (text: string) => void;
  readonly close: (reason: 'too-slow' | 'expired' | 'stopping') => void;
  readonly isExpired: () => boolean;
}

export interface LiveHub {
  /** False when there is no room, for anybody, this role or this session. The first message is the whole board. */
  join(client: LiveClient): boolean;
  leave(client: LiveClient): void;
  readonly size: number;
  stop(): void;
}

/** Brings alerts at once, pictures of changed patients and a tick every second, silent ones slowly, and ECG to who asked for it. */
export function createLiveHub(service: TwinService, wall: Clock): LiveHub {
  const clients = new Map<LiveClient, { readonly stale: Set<string> }>();
  let changed = new Set<string>();

  const text = (message: LiveMessage) => JSON.stringify(message);
  const deliver = (client: LiveClient, message: string) => {
    if (client.bufferedBytes() > liveLimits.closeBufferBytes) {
      clients.delete(client);
      client.close('too-slow');
      return;
    }
    client.send(message);
  };
  const stops = [
    service.onPatient((patient) => changed.add(patient)),
    service.onAlert(({ alert }) => {
      for (const client of clients.keys()) {
        const shown = service.alert(alert, client.viewer);
        if (shown !== undefined) deliver(client, text({ type: 'alert', alert: shown }));
      }
    }),
    service.onWave((block) => {
      const message = waveMessage(block);
      if (message === undefined) return;
      let line: string | undefined;
      for (const client of clients.keys()) {
        if (client.wave !== block.patient || client.viewer.role !== 'clinician') continue;
        if (!service.maySee(client.viewer, block.patient)) continue;
        if (client.bufferedBytes() > liveLimits.waveBufferBytes) continue;
        line ??= text(message);
        client.send(line);
      }
    }),
  ];
  let cancelDrawing: CancelTimer = () => {};
  const redrawTurns = Math.max(1, Math.floor(liveLimits.redrawMs / liveLimits.periodMs / service.speed));
  let turn = 0;
  /** Each beat another part of the ward, so that no beat has to draw all of it. */
  const redrawPart = () => {
    turn = (turn + 1) % redrawTurns;
    let index = 0;
    for (const patient of service.patientIds()) if (index++ % redrawTurns === turn) changed.add(patient);
  };
  const beat = () => {
    redrawPart();
    const now = changed;
    changed = new Set();
    const tick = text({ type: 'tick', nowMs: service.nowMs() });
    // Those that wait longest first; what a round did not come to leads the next one.
    const due = new Set<string>();
    for (const [client, { stale }] of clients) {
      if (client.isExpired()) {
        clients.delete(client);
        client.close('expired');
        continue;
      }
      for (const patient of now) stale.add(patient);
      for (const patient of stale) due.add(patient);
      deliver(client, tick);
    }
    cancelDrawing();
    cancelDrawing = inSlices(wall, [...due], slices.pictures, (patients) => {
      for (const patient of patients) tellPicture(patient);
      return true;
    });
  };
  /** One drawing serves all clinicians, who see the same. */
  const tellPicture = (patient: string) => {
    const drawn = new Map<string, string | undefined>();
    for (const [client, { stale }] of clients) {
      if (!stale.has(patient) || client.bufferedBytes() > liveLimits.patientBufferBytes) continue;
      stale.delete(patient);
      if (!service.maySee(client.viewer, patient)) continue;
      const { role } = client.viewer;
      if (!drawn.has(role)) drawn.set(role, drawing(patient, client.viewer));
      const shown = drawn.get(role);
      if (shown !== undefined) deliver(client, shown);
    }
  };
  const drawing = (patient: string, viewer: Viewer) => {
    const shown = service.patient(patient, viewer);
    return shown === undefined ? undefined : text({ type: 'patient', patient: shown });
  };
  stops.push(wall.every(liveLimits.periodMs, beat));
  const hasRoom = ({ session, viewer }: LiveClient): boolean => {
    const places = liveLimits.clients - (viewer.role === 'clinician' ? 0 : liveLimits.cliniciansOnly);
    if (clients.size >= places) return false;
    let own = 0;
    for (const client of clients.keys()) if (client.session === session) own++;
    return own < liveLimits.clientsPerSession;
  };

  return {
    join(client) {
      if (!hasRoom(client)) return false;
      clients.set(client, { stale: new Set() });
      client.send(text({ type: 'snapshot', board: service.board(client.viewer) }));
      return true;
    },
    leave(client) {
      clients.delete(client);
    },
    get size() {
      return clients.size;
    },
    stop() {
      for (const stop of stops) stop();
      cancelDrawing();
      for (const client of clients.keys()) client.close('stopping');
      clients.clear();
    },
  };
}

/** ECG in volts; other waveforms have no place on the mm paper. */
const millivolts = new Map([
  ['uV', 0.001],
  ['mV', 1],
]);

function waveMessage(block: WaveBlock): LiveMessage | undefined {
  const perUnit = millivolts.get(block.unit);
  if (perUnit === undefined || block.history) return undefined;
  const [m, e, offset] = block.scale;
  return {
    type: 'wave',
    patient: block.patient,
    code: block.code,
    rateHz: block.rateHz,
    atMs: block.atMs,
    millivoltPerBit: m * 10 ** e * perUnit,
    samples: offset === 0 ? block.samples : block.samples.map((sample) => sample + offset),
  };
}

import type { BoardSnapshot, LiveMessage } from '@pulseseal/protocol';
import type { Ports, SocketHandle } from '../ports.ts';
import type { Settings } from '../settings.ts';
import { applyMessage, parseLiveMessage } from './apply.ts';
import { type BoardClock, createBoardClock } from './board-clock.ts';

export type WaveMessage = Extract<LiveMessage, { type: 'wave' }>;

/** `silentSinceMs`: wall time of the last message, for the banner. */
export type FeedLink =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'resuming'; readonly silentSinceMs: number }
  | { readonly kind: 'silent'; readonly silentSinceMs: number; readonly reconnecting: boolean };

export interface FeedState {
  readonly board: BoardSnapshot | null;
  readonly link: FeedLink;
  /** Messages this board could not read. */
  readonly unreadable: number;
}

/** The one store: the WebSocket's messages as an immutable snapshot for `useSyncExternalStore`. */
export interface Feed {
  readonly clock: BoardClock;
  subscribe(listener: () => void): () => void;
  getSnapshot(): FeedState;
  /** Waves do not pass through React: 250 samples a second belong to the canvas. */
  subscribeWave(listener: (wave: WaveMessage) => void): () => void;
  /** Asks the server for this patient's ECG on the open socket: `{"wave": patient}` or `{"wave": null}`. */
  selectWave(patient: string | null): void;
  /** Puts in what the server answered to a request before the feed repeats it. */
  accept(message: LiveMessage): void;
  close(): void;
}

/** @param onRefused is called when the server no longer takes the token. */
export function createFeed(ports: Ports, token: string, limits: Settings, onRefused: () => void): Feed {
  const clock = createBoardClock(ports);
  const listeners = new Set<() => void>();
  const waveListeners = new Set<(wave: WaveMessage) => void>();
  let state: FeedState = { board: null, link: { kind: 'connecting' }, unreadable: 0 };
  let socket: SocketHandle | undefined;
  let wavePatient: string | null = null;
  let attempts = 0;
  let connected = false;
  let socketSinceMs = 0;
  let lastHeardMs = clock.elapsedMs();
  let lastHeardWallMs = ports.wallMs();
  let wokeMs = Number.NEGATIVE_INFINITY;
  let pendingBoard: BoardSnapshot | null = null;
  let cancelPaint: (() => void) | undefined;
  let cancelReconnect: (() => void) | undefined;
  let closed = false;

  const emit = (next: FeedState): void => {
    state = next;
    for (const listener of listeners) listener();
  };
  const paint = (): void => {
    cancelPaint?.();
    cancelPaint = undefined;
    if (pendingBoard !== state.board) emit({ ...state, board: pendingBoard });
  };

  const accept = (message: LiveMessage): void => {
    if (message.type === 'wave') {
      for (const listener of waveListeners) listener(message);
      return;
    }
    if (message.type === 'tick') clock.set(message.nowMs);
    if (message.type === 'snapshot') clock.set(message.board.nowMs, message.board.speed);
    pendingBoard = applyMessage(pendingBoard, message);
    if (message.type === 'patient') cancelPaint ??= ports.after(limits.paintEveryMs, paint);
    else paint();
  };

  const heard = (text: string): void => {
    const message = parseLiveMessage(text);
    if (message === undefined) {
      emit({ ...state, unreadable: state.unreadable + 1 });
      return;
    }
    lastHeardMs = clock.elapsedMs();
    lastHeardWallMs = ports.wallMs();
    attempts = 0;
    accept(message);
    judgeLink();
  };

  const judgeLink = (): void => {
    const quietMs = clock.elapsedMs() - lastHeardMs;
    const next: FeedLink =
      quietMs < limits.silentAfterMs
        ? state.board === null
          ? { kind: 'connecting' }
          : { kind: 'live' }
        : clock.elapsedMs() - wokeMs < limits.resumeGraceMs
          ? { kind: 'resuming', silentSinceMs: lastHeardWallMs }
          : { kind: 'silent', silentSinceMs: lastHeardWallMs, reconnecting: !connected };
    if (JSON.stringify(next) !== JSON.stringify(state.link)) emit({ ...state, link: next });
  };

  const connect = (): void => {
    if (closed) return;
    // What a socket that was given up still says is nobody's any more.
    const isOurs = () => socket === own;
    const own = ports.openSocket(token, {
      opened() {
        if (!isOurs()) return;
        connected = true;
        if (wavePatient !== null) own.send(JSON.stringify({ wave: wavePatient }));
      },
      message: (text) => {
        if (isOurs()) heard(text);
      },
      closed() {
        if (isOurs()) retry();
      },
    });
    socket = own;
    socketSinceMs = clock.elapsedMs();
  };

  const retry = (): void => {
    socket = undefined;
    connected = false;
    if (closed) return;
    cancelReconnect = ports.after(backoffMs(attempts, limits, ports.random()), connect);
    attempts += 1;
    // A refused handshake looks like a lost network to a browser; only a plain request tells them apart.
    ports.request('/api/board', { token }).then(
      (reply) => {
        if (closed || reply.status !== 401) return;
        cancelReconnect?.();
        onRefused();
      },
      () => {},
    );
  };

  /** A half-open connection never says that it ended. Who has just woken waits until the old one had its chance. */
  const replaceDead = (): void => {
    const nowMs = clock.elapsedMs();
    if (socket === undefined || nowMs - wokeMs < limits.resumeGraceMs) return;
    if (nowMs - Math.max(lastHeardMs, socketSinceMs) < limits.deadAfterMs) return;
    socket.close();
    retry();
  };

  const stopBeat = ports.every(limits.heartbeatMs, () => {
    if (clock.beat() > 0) wokeMs = clock.elapsedMs();
    replaceDead();
    judgeLink();
  });
  connect();

  return {
    clock,
    accept,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getSnapshot: () => state,
    subscribeWave(listener) {
      waveListeners.add(listener);
      return () => waveListeners.delete(listener);
    },
    selectWave(patient) {
      wavePatient = patient;
      socket?.send(JSON.stringify({ wave: patient }));
    },
    close() {
      closed = true;
      stopBeat();
      cancelPaint?.();
      cancelReconnect?.();
      socket?.close();
    },
  };
}

/** Doubling with full jitter above one half, bounded. */
export function backoffMs(attempt: number, limits: Settings, random: number): number {
  const ceiling = Math.min(limits.reconnectMaxMs, limits.reconnectFirstMs * 2 ** Math.min(attempt, 10));
  return ceiling / 2 + (ceiling / 2) * random;
}

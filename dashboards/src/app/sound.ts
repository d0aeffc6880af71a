import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';

export interface AudioOut {
  tone(startS: number, lengthS: number, frequencyHz: number, volume: number): void;
  running(): boolean;
}

/** `off`: nobody allowed it yet. `paused` returns by itself. Each state is shown; silence is never a hidden state. */
export type SoundState =
  | { readonly kind: 'off' }
  | { readonly kind: 'on' }
  | { readonly kind: 'paused'; readonly leftS: number };

export interface Sound {
  subscribe(listener: () => void): () => void;
  getSnapshot(): SoundState;
  /** From a click or key press only: browsers demand it. Plays one soft tone as proof. */
  allow(): void;
  pause(): void;
  resume(): void;
  /** The unacknowledged high alerts at this moment. A new one ends a pause: silence never hides a new high alert. */
  setHighAlerts(ids: readonly string[]): void;
}

/** One burst of the high signal: three tones, a breath, two tones (IEC 60601-1-8, general high priority). Start in s. */
const burst: readonly number[] = [0, 0.25, 0.5, 0.95, 1.2];
const secondBurstS = 2.2;
const toneLengthS = 0.18;
/** C5: inside 150 to 1,000 Hz, with four harmonics in 300 to 4,000 Hz. */
const frequencyHz = 523;

export function createSound(
  ports: Pick<Ports, 'monotonicMs' | 'every'>,
  openAudio: () => AudioOut,
  limits: Settings,
): Sound {
  const listeners = new Set<() => void>();
  let state: SoundState = { kind: 'off' };
  let audio: AudioOut | undefined;
  let pausedUntilMs = 0;
  let known: ReadonlySet<string> = new Set();
  let ringing = false;
  let nextRingMs = 0;

  const emit = (next: SoundState): void => {
    if (JSON.stringify(next) === JSON.stringify(state)) return;
    state = next;
    for (const listener of listeners) listener();
  };
  const beat = (): void => {
    const nowMs = ports.monotonicMs();
    if (audio === undefined) return;
    if (pausedUntilMs > nowMs) {
      emit({ kind: 'paused', leftS: Math.ceil((pausedUntilMs - nowMs) / 1000) });
      return;
    }
    // A browser may suspend audio again; then sound is off, whatever the button once said.
    emit(audio.running() ? { kind: 'on' } : { kind: 'off' });
    if (ringing && nowMs >= nextRingMs) {
      nextRingMs = nowMs + limits.soundRepeatMs;
      for (const offsetS of [0, secondBurstS])
        for (const startS of burst) audio.tone(offsetS + startS, toneLengthS, frequencyHz, 0.5);
    }
  };
  ports.every(limits.heartbeatMs, beat);

  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getSnapshot: () => state,
    allow() {
      audio = openAudio();
      pausedUntilMs = 0;
      audio.tone(0, 0.12, frequencyHz, 0.15);
      nextRingMs = ports.monotonicMs() + 1_000;
      emit({ kind: 'on' });
    },
    pause() {
      pausedUntilMs = ports.monotonicMs() + limits.soundPauseMs;
      beat();
    },
    resume() {
      pausedUntilMs = 0;
      nextRingMs = 0;
      beat();
    },
    setHighAlerts(ids) {
      if (ids.some((id) => !known.has(id))) {
        pausedUntilMs = 0;
        nextRingMs = 0;
      }
      known = new Set(ids);
      ringing = ids.length > 0;
      beat();
    },
  };
}

import { useSyncExternalStore } from 'react';
import { clockText } from '../format/age.ts';
import type { Counts } from '../order.ts';
import { PriorityMark, priorityWords } from '../shared/marks.tsx';
import { ThemeToggle } from '../shared/theme-toggle.tsx';
import { Who } from '../shared/who.tsx';
import type { Sound } from '../sound.ts';
import { useBoardTime, useFeed } from '../store/context.ts';
import type { ThemeControl } from '../theme/theme.ts';

export function TopBar(props: {
  readonly counts: Counts;
  readonly theme: ThemeControl;
  readonly sound: Sound;
  readonly openHelp: () => void;
}) {
  const { board } = useFeed();
  const time = useBoardTime((nowMs) => (nowMs === undefined ? '' : clockText(nowMs)));
  return (
    <header className="top">
      <h1 className="brand">
        <svg viewBox="0 0 24 24" aria-hidden="true" className="brand-mark">
          <path d="M12 1.8 20.5 5V11.5C20.5 17 17 20.6 12 22.4 7 20.6 3.5 17 3.5 11.5V5Z" className="brand-shield" />
          <path d="M5.5 12.4H9L10.6 8.4 13.2 16 14.8 12.4H18.5" className="brand-pulse" />
        </svg>
        <span className="brand-name">PulseSeal</span>
        <span className="sr-only"> ward board</span>
      </h1>
      <ul className="counts" aria-label="Patients by most urgent open alert">
        {(['high', 'medium', 'low', 'technical'] as const).map((priority) => (
          <li key={priority} data-zero={props.counts[priority] === 0 || undefined}>
            <PriorityMark priority={priority} />
            <strong>{props.counts[priority]}</strong> {priorityWords[priority].toLowerCase()}
          </li>
        ))}
        <li>
          <PriorityMark priority="calm" />
          <strong>{props.counts.calm}</strong> without alert
        </li>
        {props.counts.resting > 0 && (
          <li>
            <strong>{props.counts.resting}</strong> not measured
          </li>
        )}
      </ul>
      <div className="top-right">
        <SoundControl sound={props.sound} />
        <ThemeToggle theme={props.theme} />
        <button type="button" className="button quiet" onClick={props.openHelp}>
          Keys<span className="sr-only"> and help</span>
        </button>
        <Who />
        <p className="clock">
          <span className="sr-only">Time of the readings </span>
          <time>{time}</time>
          {board !== null && board.speed !== 1 && <span className="clock-speed"> ×{board.speed}</span>}
        </p>
      </div>
    </header>
  );
}

function SoundControl(props: { readonly sound: Sound }) {
  const { sound } = props;
  const state = useSyncExternalStore(sound.subscribe, sound.getSnapshot);
  if (state.kind === 'off') {
    return (
      <button type="button" className="button" data-sound="off" onClick={sound.allow}>
        <Speaker crossed /> Sound off · Allow
      </button>
    );
  }
  if (state.kind === 'paused') {
    const minutes = `${Math.floor(state.leftS / 60)}:${String(state.leftS % 60).padStart(2, '0')}`;
    return (
      <button type="button" className="button" data-sound="paused" onClick={sound.resume}>
        <Speaker crossed /> Sound paused {minutes} · Resume
      </button>
    );
  }
  return (
    <button type="button" className="button quiet" data-sound="on" onClick={sound.pause}>
      <Speaker /> Sound on · Pause 2 min
    </button>
  );
}

function Speaker(props: { readonly crossed?: boolean }) {
  return (
    <svg viewBox="0 0 20 20" className="button-icon" aria-hidden="true">
      <path d="M2.5 7.5H6L10.5 3.5V16.5L6 12.5H2.5Z" fill="currentColor" />
      {props.crossed ? (
        <path d="M13.2 7.2 18 12.8M18 7.2 13.2 12.8" stroke="currentColor" strokeWidth="1.8" />
      ) : (
        <path d="M13.2 7Q15.4 10 13.2 13M15.8 5Q19.4 10 15.8 15" stroke="currentColor" strokeWidth="1.7" fill="none" />
      )}
    </svg>
  );
}

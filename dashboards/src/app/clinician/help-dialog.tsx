import { useEffect, useRef } from 'react';
import { GradeMark, gradeMeanings } from '../shared/marks.tsx';
import type { Shortcuts } from './shortcuts.ts';

const keys: readonly (readonly [keys: string, does: string])[] = [
  ['J  or  ↓', 'next alert'],
  ['K  or  ↑', 'alert before'],
  ['Enter', 'open the patient'],
  ['A', 'acknowledge the alert in focus, or the most urgent one'],
  ['Esc', 'close what is open'],
  ['?', 'this list'],
];

export function HelpDialog(props: {
  readonly shown: boolean;
  readonly close: () => void;
  readonly shortcuts: Shortcuts;
}) {
  const { shown, close, shortcuts } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (shown) dialog.current?.showModal();
    else dialog.current?.close();
  }, [shown]);
  return (
    <dialog ref={dialog} className="help" aria-labelledby="help-title" onClose={close}>
      <h2 id="help-title">Keys and marks</h2>
      <dl>
        {keys.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <h3>How far a reading is proved</h3>
      <dl>
        {(['provisional', 'sealed', 'anchored'] as const).map((grade) => (
          <div key={grade}>
            <dt>
              <GradeMark grade={grade} word />
            </dt>
            <dd>{gradeMeanings[grade]}</dd>
          </div>
        ))}
      </dl>
      <label className="help-switch">
        <input
          type="checkbox"
          checked={shortcuts.enabled}
          onChange={(event) => shortcuts.enable(event.target.checked)}
        />
        Single letters work as keys
      </label>
      <p className="hint">
        Research software, not a medical device and not a certified alarm system. Sound follows the pattern of IEC
        60601-1-8 for high alerts only; a pause ends after two minutes, or when a new high alert begins.
      </p>
      <button type="button" className="button primary" onClick={close}>
        Close
      </button>
    </dialog>
  );
}

import { useId, useState } from 'react';
import { settings } from '../settings.ts';

/** For who arrives without a login address, or with a spent one. */
export function SignIn(props: {
  readonly message: string | null;
  readonly enter: (code: string, person: string) => Promise<void>;
}) {
  const [code, setCode] = useState('');
  const [person, setPerson] = useState('');
  const id = useId();
  return (
    <main className="gate">
      <form
        className="gate-card"
        onSubmit={(event) => {
          event.preventDefault();
          void props.enter(code.trim(), person.trim());
        }}
      >
        <h1>PulseSeal</h1>
        {props.message !== null && (
          <p role="alert" className="notice">
            {props.message}
          </p>
        )}
        <p className="notice gate-blind">
          <strong>Nobody is watched on this page.</strong> It shows no alert and makes no sound until somebody signs in.
        </p>
        <label htmlFor={`${id}-person`}>Your name (written beside what you acknowledge)</label>
        <input
          id={`${id}-person`}
          autoComplete="name"
          required
          maxLength={settings.maxPersonChars}
          value={person}
          onChange={(event) => setPerson(event.target.value)}
        />
        <label htmlFor={`${id}-code`}>One-time code</label>
        <input
          id={`${id}-code`}
          autoComplete="one-time-code"
          spellCheck={false}
          required
          maxLength={256}
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
        <button type="submit" className="button primary">
          Sign in
        </button>
        <p className="hint">
          A code stands in each login address and works once. You get a new one from a colleague who is signed in (a
          click on the name at the top of the board), or on the machine that runs the system:{' '}
          <kbd>npx pulseseal login</kbd>
        </p>
      </form>
    </main>
  );
}

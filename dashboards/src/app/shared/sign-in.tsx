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
        <p className="hint">The code stands in the login address that the system printed when it started.</p>
      </form>
    </main>
  );
}

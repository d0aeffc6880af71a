import { useId, useState } from 'react';
import { makeLogin, type NewLogin } from '../new-login.ts';
import { useApp, useFeed } from '../store/context.ts';

/** A way in for somebody else, or for another screen: without it, the last tab that closes leaves nobody watching. */
export function NewLoginForm() {
  const app = useApp();
  const { board } = useFeed();
  const [patient, setPatient] = useState('');
  const [made, setMade] = useState<NewLogin | string | null>(null);
  const id = useId();
  return (
    <form
      className="name-form new-login"
      onSubmit={async (event) => {
        event.preventDefault();
        setMade(await makeLogin(app, patient === '' ? null : patient));
      }}
    >
      <div className="name-field">
        <label htmlFor={`${id}-whom`}>Let somebody else in, or another screen</label>
        <select
          id={`${id}-whom`}
          value={patient}
          onChange={(event) => {
            setPatient(event.target.value);
            // An address for another one must not stand beside this choice.
            setMade(null);
          }}
        >
          <option value="">A colleague: the whole ward</option>
          {board?.patients.map((shown) => (
            <option key={shown.patient} value={shown.patient}>
              Family of {shown.bed} {shown.name}
            </option>
          ))}
        </select>
      </div>
      {typeof made === 'string' && (
        <p role="alert" className="notice">
          {made}
        </p>
      )}
      {made !== null && typeof made !== 'string' && (
        <div className="name-field" role="status">
          <label htmlFor={`${id}-address`}>
            Open this address there, or type the code <code>{made.code}</code>. It works once, within 10 minutes.
          </label>
          <input
            id={`${id}-address`}
            readOnly
            value={`${window.location.origin}/${made.fragment}`}
            onFocus={(event) => event.target.select()}
          />
        </div>
      )}
      <button type="submit" className="button">
        Make a login address
      </button>
    </form>
  );
}

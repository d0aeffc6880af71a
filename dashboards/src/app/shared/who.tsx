import { useEffect, useRef, useState } from 'react';
import { useApp } from '../store/context.ts';
import { NameField } from './name-field.tsx';
import { NewLoginForm } from './new-login.tsx';

/** Who is signed in, and the way to say that it is somebody else now. */
export function Who() {
  const { session, signOut } = useApp();
  const [asking, setAsking] = useState(false);
  return (
    <div className="who">
      {session.person === '' ? (
        <button type="button" className="link" onClick={() => setAsking(true)}>
          Who are you?
        </button>
      ) : (
        <button type="button" className="link who-name" onClick={() => setAsking(true)}>
          {session.person}
          <span className="sr-only">, change the name</span>
        </button>
      )}
      <button type="button" className="link" onClick={signOut}>
        Sign out
      </button>
      {asking && <NameDialog close={() => setAsking(false)} />}
    </div>
  );
}

function NameDialog(props: { readonly close: () => void }) {
  const { close } = props;
  const { name, session } = useApp();
  const [person, setPerson] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    field.current?.focus();
  }, []);
  return (
    <dialog ref={dialog} className="help" aria-label="Who are you?" onClose={close}>
      <form
        className="name-form"
        onSubmit={async (event) => {
          event.preventDefault();
          const refused = await name(person);
          if (refused === null) dialog.current?.close();
          setProblem(refused);
        }}
      >
        <NameField
          label="Your name, written beside what you acknowledge"
          field={field}
          value={person}
          change={setPerson}
        />
        {problem !== null && (
          <p role="alert" className="notice">
            {problem}
          </p>
        )}
        <div className="answer-end">
          <button type="submit" className="button primary">
            This is me
          </button>
          <button type="button" className="button quiet" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      </form>
      {session.role === 'clinician' && session.person !== '' && <NewLoginForm />}
    </dialog>
  );
}

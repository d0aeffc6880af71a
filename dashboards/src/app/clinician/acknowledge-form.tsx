import type { ShownAlert } from '@pulseseal/protocol';
import { useEffect, useId, useRef, useState } from 'react';
import { acknowledge } from '../acknowledge.ts';
import { settings } from '../settings.ts';
import { NameField } from '../shared/name-field.tsx';
import { useApp } from '../store/context.ts';

const quick = ['Calling the patient', 'Going to see', 'Doctor informed', 'Re-check in 30 min'] as const;

/** Who takes it, and what they will do. Opens in place: it never covers the list it stands in. */
export function AcknowledgeForm(props: { readonly alert: ShownAlert; readonly done: () => void }) {
  const { alert, done } = props;
  const app = useApp();
  const [comment, setComment] = useState('');
  // Asked for as long as this form is open, also while the name is on its way.
  const [asksName] = useState(app.session.person === '');
  const [person, setPerson] = useState('');
  const [sending, setSending] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const nameField = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => {
    (nameField.current ?? input.current)?.focus();
    input.current?.closest('.alert')?.scrollIntoView({ block: 'nearest' });
  }, []);
  const send = async (text: string): Promise<void> => {
    // The feed may bring the answer first, and this form is gone then.
    const list = input.current?.closest('.alerts');
    if (asksName && person.trim() === '') {
      setProblem('Write your name first: it stands beside what you acknowledge.');
      nameField.current?.focus();
      return;
    }
    setSending(true);
    const refused = (asksName ? await app.name(person) : null) ?? (await acknowledge(app, alert, text));
    setSending(false);
    setProblem(refused);
    if (refused !== null) return;
    done();
    window.requestAnimationFrame(() => {
      const next = list?.querySelector<HTMLElement>('[data-state="active"] .alert-open');
      (next ?? list?.querySelector<HTMLElement>('.alert-open'))?.focus();
    });
  };
  return (
    <form
      className="answer"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!sending) void send(comment);
      }}
    >
      {asksName && (
        <NameField
          label="Your name (once, kept for this session)"
          value={person}
          change={setPerson}
          field={nameField}
        />
      )}
      <label htmlFor={id}>
        {asksName ? (
          'What will be done'
        ) : (
          <>
            Acknowledge as <strong>{app.session.person}</strong>
          </>
        )}
      </label>
      <input
        ref={input}
        id={id}
        value={comment}
        maxLength={settings.maxCommentChars}
        placeholder="What will be done?"
        onChange={(event) => setComment(event.target.value)}
      />
      <div className="answer-quick">
        {quick.map((text) => (
          <button key={text} type="button" className="button chip" disabled={sending} onClick={() => void send(text)}>
            {text}
          </button>
        ))}
      </div>
      {problem !== null && (
        <p role="alert" className="notice">
          {problem}
        </p>
      )}
      <div className="answer-end">
        <button type="submit" className="button primary" aria-disabled={sending}>
          {sending ? 'Sending …' : 'Acknowledge'}
        </button>
        <button type="button" className="button quiet" onClick={done}>
          Cancel
        </button>
      </div>
    </form>
  );
}

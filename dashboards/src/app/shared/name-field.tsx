import { type RefObject, useId } from 'react';
import { settings } from '../settings.ts';

/** Asks who is there: what is acknowledged carries a person. */
export function NameField(props: {
  readonly label: string;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly field: RefObject<HTMLInputElement | null>;
}) {
  const id = useId();
  return (
    <div className="name-field">
      <label htmlFor={id}>{props.label}</label>
      <input
        ref={props.field}
        id={id}
        value={props.value}
        required
        maxLength={settings.maxPersonChars}
        autoComplete="name"
        spellCheck={false}
        onChange={(event) => props.change(event.target.value)}
      />
    </div>
  );
}

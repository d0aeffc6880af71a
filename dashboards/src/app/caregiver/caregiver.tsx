import type { ShownAlert, ShownPatient } from '@pulseseal/protocol';
import { useEffect, useRef, useState } from 'react';
import { acknowledge } from '../acknowledge.ts';
import { plainAge } from '../format/age.ts';
import { comparePatients, leadingAlert } from '../order.ts';
import { FeedBanner } from '../shared/feed-banner.tsx';
import { PriorityMark } from '../shared/marks.tsx';
import { NameField } from '../shared/name-field.tsx';
import { ThemeToggle } from '../shared/theme-toggle.tsx';
import { Who } from '../shared/who.tsx';
import { useApp, useBoardTime, useFeed } from '../store/context.ts';
import type { ThemeControl } from '../theme/theme.ts';

/** The family's view: own people, plain words, no value and no score, whatever the feed may carry. */
export function Caregiver(props: { readonly theme: ThemeControl }) {
  const { board, link } = useFeed();
  const people = (board?.patients ?? []).toSorted(comparePatients);
  return (
    <div className="home">
      <header className="home-top">
        <h1>{people.length > 1 ? 'Your people' : 'Your family'}</h1>
        <div className="home-tools">
          <ThemeToggle theme={props.theme} />
          <Who />
        </div>
      </header>
      <FeedBanner link={link} plain />
      <main aria-live="polite">
        {board === null && <p className="home-wait">Looking …</p>}
        {board !== null && people.length === 0 && <p className="home-wait">Nobody has shared anything with you yet.</p>}
        {people.map((person) => (
          <Person key={person.patient} person={person} current={link.kind === 'live'} />
        ))}
      </main>
      <p className="home-note">
        In an emergency call the emergency number. This page is research software and does not replace a call.
      </p>
    </div>
  );
}

function Person(props: { readonly person: ShownPatient; readonly current: boolean }) {
  const { person, current } = props;
  const lead = leadingAlert(person);
  const heardMs = Math.max(0, ...person.devices.map((device) => device.lastHeardMs));
  const heard = useBoardTime((nowMs) => (nowMs === undefined || heardMs === 0 ? '' : plainAge(nowMs - heardMs)));
  const isMeasured = current && heard !== '' && person.restingSinceMs === null;
  const mood = moodOf(lead, isMeasured);
  const advice = adviceOf(lead);
  return (
    <article className="person" data-mood={mood} data-priority={lead?.priority}>
      <div className="person-head">
        <PriorityMark priority={lead?.priority ?? 'calm'} acknowledged={lead?.state === 'acknowledged'} />
        <h2>{person.name}</h2>
      </div>
      <p className="person-words">{wordsOf(person, lead, isMeasured)}</p>
      {advice !== '' && lead?.state === 'active' && <p className="person-advice">{advice}</p>}
      <p className="person-heard">
        {heard === '' ? 'Nothing heard yet' : `Heard ${heard}`}
        {mood === 'calm' && person.plainHeadline !== '' && `. ${person.plainHeadline}`}
      </p>
      {lead !== undefined && <Answer alert={lead} />}
    </article>
  );
}

type Mood = 'calm' | 'help' | 'taken' | 'technical' | 'unknown';

function moodOf(lead: ShownAlert | undefined, current: boolean): Mood {
  if (lead === undefined) return current ? 'calm' : 'unknown';
  if (lead.priority === 'technical') return 'technical';
  return lead.state === 'active' ? 'help' : 'taken';
}

/** What a person at home can do, beside the ward. */
function adviceOf(lead: ShownAlert | undefined): string {
  switch (lead?.priority) {
    case 'high':
      return 'If you are there, stay. If breathing is hard or they cannot be woken, call the emergency number.';
    case 'medium':
    case 'low':
      return 'Ring them or look in when you can.';
    case 'technical':
      return technicalAdvice[lead.cause ?? ''] ?? '';
    default:
      return '';
  }
}

const technicalAdvice: Readonly<Record<string, string>> = {
  'off-body': 'This is about the device, not about the person. Help to put it on again.',
  'sensor-fault': 'This is about the device, not about the person. The ward will see to it.',
  'device-gone': 'Is it charged, switched on and at home?',
  'gateway-unreachable': 'Are power and internet on at home?',
  charging: 'It should be put on again when it is charged.',
};

/** "All is well" is said only while the feed is alive and something is measured: silence is not good news. */
function wordsOf(person: ShownPatient, lead: ShownAlert | undefined, current: boolean): string {
  if (lead !== undefined) return lead.plainReason;
  if (person.restingSinceMs !== null) return person.plainHeadline;
  return current ? 'All is well' : 'We cannot tell right now';
}

function Answer(props: { readonly alert: ShownAlert }) {
  const { alert } = props;
  const app = useApp();
  const [sending, setSending] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [asksName, setAsksName] = useState(false);
  const [name, setName] = useState('');
  const nameField = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (asksName) nameField.current?.focus();
  }, [asksName]);
  const by = alert.acknowledged;
  const when = useBoardTime((nowMs) => (nowMs === undefined || by === null ? '' : plainAge(nowMs - by.atMs)));
  if (by !== null) {
    return (
      <p className="person-taken">
        {by.role === 'caregiver' ? `${by.by} has it` : 'The ward is looking after it'} ({when}).
      </p>
    );
  }
  const send = async (): Promise<void> => {
    if (sending) return;
    if (app.session.person === '' && name.trim() === '') {
      setAsksName(true);
      nameField.current?.focus();
      return;
    }
    setSending(true);
    const unnamed = app.session.person === '' ? await app.name(name) : null;
    setProblem(unnamed ?? (await acknowledge(app, alert, 'I have it')));
    setSending(false);
  };
  return (
    <form
      className="person-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {asksName && app.session.person === '' && (
        <NameField
          label="Your name, so that everybody knows who has it"
          value={name}
          change={setName}
          field={nameField}
        />
      )}
      <button type="submit" className="person-answer" aria-disabled={sending}>
        {sending ? 'Sending …' : 'I have it'}
      </button>
      {problem !== null && (
        <p role="alert" className="notice">
          {problem}
        </p>
      )}
    </form>
  );
}

import type { ShownAlert, ShownPatient } from '@pulseseal/protocol';
import { useState } from 'react';
import { acknowledge } from '../acknowledge.ts';
import { plainAge } from '../format/age.ts';
import { comparePatients, leadingAlert } from '../order.ts';
import { FeedBanner } from '../shared/feed-banner.tsx';
import { PriorityMark } from '../shared/marks.tsx';
import { ThemeToggle } from '../shared/theme-toggle.tsx';
import { useApp, useBoardTime, useFeed } from '../store/context.ts';
import type { ThemeControl } from '../theme/theme.ts';

/** The family's view: own people, plain words, no value and no score, whatever the feed may carry. */
export function Caregiver(props: { readonly theme: ThemeControl }) {
  const { session, signOut } = useApp();
  const { board, link } = useFeed();
  const people = (board?.patients ?? []).toSorted(comparePatients);
  return (
    <div className="home">
      <header className="home-top">
        <h1>{people.length > 1 ? 'Your people' : 'Your family'}</h1>
        <div className="home-tools">
          <span>{session.person}</span>
          <ThemeToggle theme={props.theme} />
          <button type="button" className="button quiet" onClick={signOut}>
            Sign out
          </button>
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
  const mood = moodOf(lead, current && heard !== '');
  return (
    <article className="person" data-mood={mood} data-priority={lead?.priority}>
      <div className="person-head">
        <PriorityMark priority={lead?.priority ?? 'calm'} acknowledged={lead?.state === 'acknowledged'} />
        <h2>{person.name}</h2>
      </div>
      <p className="person-words">{wordsOf(lead, current && heard !== '')}</p>
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

/** "All is well" is said only while the feed is alive: silence is not good news. */
function wordsOf(lead: ShownAlert | undefined, current: boolean): string {
  if (lead !== undefined) return lead.plainReason;
  return current ? 'All is well' : 'We cannot tell right now';
}

function Answer(props: { readonly alert: ShownAlert }) {
  const { alert } = props;
  const app = useApp();
  const [sending, setSending] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const by = alert.acknowledged;
  const when = useBoardTime((nowMs) => (nowMs === undefined || by === null ? '' : plainAge(nowMs - by.atMs)));
  if (by !== null) {
    return (
      <p className="person-taken">
        {by.role === 'caregiver' ? `${by.by} has it` : 'The ward is looking after it'} ({when}).
      </p>
    );
  }
  return (
    <>
      <button
        type="button"
        className="person-answer"
        aria-disabled={sending}
        onClick={async () => {
          if (sending) return;
          setSending(true);
          setProblem(await acknowledge(app, alert, 'I have it'));
          setSending(false);
        }}
      >
        {sending ? 'Sending …' : 'I have it'}
      </button>
      {problem !== null && (
        <p role="alert" className="notice">
          {problem}
        </p>
      )}
    </>
  );
}

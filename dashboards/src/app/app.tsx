import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from 'react';
import { Caregiver } from './caregiver/caregiver.tsx';
import type { Ports } from './ports.ts';
import { endSession, login, namePerson, parseLoginFragment, type Session, savedSession } from './session.ts';
import { settings } from './settings.ts';
import { SignIn } from './shared/sign-in.tsx';
import type { Sound } from './sound.ts';
import { AppContextHolder } from './store/context.ts';
import { createFeed } from './store/feed.ts';
import type { ThemeControl } from './theme/theme.ts';

// The caregiver's phone does not load the ward's board.
const Board = lazy(() => import('./clinician/board.tsx').then((module) => ({ default: module.Board })));

interface AppProps {
  readonly ports: Ports;
  readonly theme: ThemeControl;
  readonly sound: Sound;
  readonly fragment: string;
}

type Phase =
  | { readonly kind: 'signing-in' }
  | { readonly kind: 'signed-out'; readonly message: string | null }
  | { readonly kind: 'signed-in'; readonly session: Session };

export function App(props: AppProps) {
  const { ports, fragment } = props;
  const [phase, setPhase] = useState<Phase>(() => {
    if (parseLoginFragment(fragment) !== undefined) return { kind: 'signing-in' };
    const session = savedSession(ports);
    return session === undefined ? { kind: 'signed-out', message: null } : { kind: 'signed-in', session };
  });
  const enter = useCallback(
    async (code: string, person: string) => {
      setPhase({ kind: 'signing-in' });
      const result = await login(ports, code, person);
      setPhase(
        result.ok ? { kind: 'signed-in', session: result.session } : { kind: 'signed-out', message: result.message },
      );
    },
    [ports],
  );
  const leave = useCallback(
    (message: string | null) => {
      const token = savedSession(ports)?.token;
      if (token !== undefined) endSession(ports, token);
      setPhase({ kind: 'signed-out', message });
    },
    [ports],
  );
  useEffect(() => {
    const asked = parseLoginFragment(fragment);
    if (asked !== undefined) void enter(asked.code, asked.person ?? '');
  }, [fragment, enter]);

  if (phase.kind === 'signing-in')
    return (
      <main className="gate" aria-busy="true">
        Signing in …
      </main>
    );
  if (phase.kind === 'signed-out') return <SignIn message={phase.message} enter={enter} />;
  const renamed = (session: Session) => setPhase({ kind: 'signed-in', session });
  return <SignedIn {...props} session={phase.session} leave={leave} renamed={renamed} />;
}

interface SignedInProps extends AppProps {
  readonly session: Session;
  readonly leave: (message: string | null) => void;
  readonly renamed: (session: Session) => void;
}

function SignedIn(props: SignedInProps) {
  const { ports, session, leave, renamed, theme, sound } = props;
  const { token } = session;
  const feed = useMemo(
    () => createFeed(ports, token, settings, () => leave('Your session ended. Ask for a new login address.')),
    [ports, token, leave],
  );
  useEffect(() => () => feed.close(), [feed]);
  const context = {
    ports,
    feed,
    session,
    signOut: () => leave(null),
    async name(person: string) {
      const named = await namePerson(ports, session, person);
      if (typeof named === 'string') return named;
      renamed(named);
      return null;
    },
  };
  return (
    <AppContextHolder value={context}>
      {session.role === 'caregiver' ? (
        <Caregiver theme={theme} />
      ) : (
        <Suspense
          fallback={
            <main className="gate" aria-busy="true">
              Opening the board …
            </main>
          }
        >
          <Board theme={theme} sound={sound} />
        </Suspense>
      )}
    </AppContextHolder>
  );
}

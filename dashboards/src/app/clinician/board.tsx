import type { ShownAlert } from '@pulseseal/protocol';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { arrange, countPatients, openAlerts } from '../order.ts';
import { FeedBanner } from '../shared/feed-banner.tsx';
import { Legend } from '../shared/marks.tsx';
import type { Sound } from '../sound.ts';
import { useApp, useFeed } from '../store/context.ts';
import type { ThemeControl } from '../theme/theme.ts';
import { AlertList } from './alert-list.tsx';
import { Announcer } from './announcer.tsx';
import { HelpDialog } from './help-dialog.tsx';
import { NoUrgent } from './no-urgent.tsx';
import { PatientRow, RowHeads } from './patient-row.tsx';
import { Resting } from './resting.tsx';
import { SessionEnds } from './session-ends.tsx';
import { useShortcuts } from './shortcuts.ts';
import { TopBar } from './top-bar.tsx';
import { UrgentCard } from './urgent-card.tsx';

// Charts, ECG and the proof checker load when the first patient is opened.
const PatientPanel = lazy(() => import('./patient-panel.tsx').then((module) => ({ default: module.PatientPanel })));

/** The ward: whom to see first on the left, everybody else in the middle, what to answer on the right. */
export function Board(props: { readonly theme: ThemeControl; readonly sound: Sound }) {
  const { sound } = props;
  const { feed } = useApp();
  const { board, link } = useFeed();
  const [opened, setOpened] = useState<string | null>(null);
  const [answering, setAnswering] = useState<string | null>(null);
  const [help, setHelp] = useState(false);
  const opener = useRef<HTMLElement | null>(null);
  const patients = board?.patients ?? none;
  const isLow = useSyncExternalStore(watchLowScreen, () => lowScreen().matches);
  const arrangement = useMemo(() => arrange(patients, isLow), [patients, isLow]);
  const alerts = useMemo(() => openAlerts(patients), [patients]);
  const counts = useMemo(() => countPatients(patients), [patients]);
  const cards = arrangement.first.length + arrangement.next.length;
  const shown = patients.find((patient) => patient.patient === opened);

  const open = useCallback((patient: string) => {
    opener.current = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    setOpened(patient);
  }, []);
  const close = useCallback(() => {
    setOpened(null);
    opener.current?.focus();
  }, []);
  const answer = useCallback((alert: ShownAlert | null) => setAnswering(alert?.id ?? null), []);

  useEffect(() => feed.selectWave(opened), [feed, opened]);
  useEffect(() => {
    sound.setHighAlerts(
      alerts.filter((alert) => alert.priority === 'high' && alert.state === 'active').map((alert) => alert.id),
    );
  }, [alerts, sound]);
  // Without the board nothing shows what rings, and nothing could stop it.
  useEffect(() => () => sound.setHighAlerts([]), [sound]);
  const shortcuts = useShortcuts({ alerts, answering, setAnswering, opened, close, help, setHelp });

  return (
    <div className="board" data-link={link.kind}>
      <TopBar counts={counts} theme={props.theme} sound={sound} openHelp={() => setHelp(true)} />
      <FeedBanner link={link} />
      <SessionEnds />
      <Announcer alerts={alerts} patients={patients} />
      <main className="ward">
        <section className="first" aria-labelledby="first-title">
          <h2 id="first-title" className="zone-title">
            See first
            {arrangement.overflow > 0 && <em>and {arrangement.overflow} more on top of the list</em>}
          </h2>
          <div className="cards" data-few={cards <= 2 || undefined}>
            {arrangement.first.map((patient) => (
              <UrgentCard key={patient.patient} patient={patient} size="large" open={open} answer={answer} />
            ))}
            {arrangement.next.map((patient) => (
              <UrgentCard key={patient.patient} patient={patient} size="small" open={open} answer={answer} />
            ))}
            {board !== null && cards === 0 && <NoUrgent patients={arrangement.rows} open={open} />}
            {board === null && <p className="waiting">Waiting for the first readings …</p>}
          </div>
        </section>
        <section className="others" aria-labelledby="others-title">
          <h2 id="others-title" className="zone-title">
            {cards > 0 ? 'Everybody else' : 'All patients'}
            <em>{arrangement.rows.length} patients, highest possible NEWS2 first</em>
          </h2>
          <div className="rows-box">
            <RowHeads />
            <ul className="rows" style={rowsStyle(arrangement.rows.length)}>
              {arrangement.rows.map((patient) => (
                <PatientRow key={patient.patient} patient={patient} open={open} />
              ))}
            </ul>
            {arrangement.resting.length > 0 && <Resting patients={arrangement.resting} open={open} />}
          </div>
          <Legend />
          {shown !== undefined && (
            <Suspense fallback={<div className="panel" aria-busy="true" />}>
              <PatientPanel key={shown.patient} patient={shown} close={close} />
            </Suspense>
          )}
        </section>
        <AlertList alerts={alerts} patients={patients} answering={answering} answer={answer} open={open} />
      </main>
      <HelpDialog shown={help} close={() => setHelp(false)} shortcuts={shortcuts} />
    </div>
  );
}

const none = [] as const;

const lowScreen = (): MediaQueryList => window.matchMedia('(min-width: 1181px) and (max-height: 860px)');

function watchLowScreen(changed: () => void): () => void {
  const query = lowScreen();
  query.addEventListener('change', changed);
  return () => query.removeEventListener('change', changed);
}

const rowsStyle = (count: number) => ({ '--count': count, '--rows': Math.max(count, 14) }) as React.CSSProperties;

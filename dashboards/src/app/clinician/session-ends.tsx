import { useSyncExternalStore } from 'react';
import { shortClockText } from '../format/age.ts';
import { settings } from '../settings.ts';
import { useApp } from '../store/context.ts';

/** Says in time that this board will stop watching. */
export function SessionEnds() {
  const { ports, session, feed } = useApp();
  const isSoon = useSyncExternalStore(
    feed.clock.subscribe,
    () => session.expiresAtMs - ports.wallMs() < settings.sessionEndsSoonMs,
  );
  if (!isSoon) return null;
  return (
    <p className="feed-banner" role="status" data-kind="resuming">
      This session ends at {shortClockText(session.expiresAtMs)}
      <span className="feed-banner-more"> · then nobody is watched here: click your name and make a new login</span>
    </p>
  );
}

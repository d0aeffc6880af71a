/** Age in the largest unit that keeps it honest: `3 s`, `12 min`, `5 h 10`, `2 d`. Rounds down; never negative. */
export function formatAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} d`;
  const rest = minutes % 60;
  return hours < 10 && rest > 0 ? `${hours} h ${String(rest).padStart(2, '0')}` : `${hours} h`;
}

/** The same for somebody at home: `just now`, `3 seconds ago`, `2 hours ago`. */
export function plainAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 2) return 'just now';
  if (seconds < 100) return `${seconds} seconds ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return `${minutes} minutes ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours ago` : `${Math.floor(hours / 24)} days ago`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const shortClock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const full = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

/** `hh:mm:ss` of this machine's time zone. */
export const clockText = (atMs: number): string => clock.format(atMs);
/** `hh:mm` of this machine's time zone. */
export const shortClockText = (atMs: number): string => shortClock.format(atMs);
export const fullTimeText = (atMs: number): string => full.format(atMs);

import { useSyncExternalStore } from 'react';
import type { ThemeControl } from '../theme/theme.ts';

export function ThemeToggle(props: { readonly theme: ThemeControl }) {
  const { theme } = props;
  const current = useSyncExternalStore(theme.subscribe, theme.current);
  const other = current === 'dark' ? 'light' : 'dark';
  return (
    <button type="button" className="button quiet" onClick={() => theme.choose(other)}>
      <svg viewBox="0 0 20 20" className="button-icon" aria-hidden="true">
        <circle cx="10" cy="10" r="7.2" fill="none" stroke="currentColor" strokeWidth="1.8" />
        <path d="M10 2.8A7.2 7.2 0 0 1 10 17.2Z" fill="currentColor" />
      </svg>
      {other === 'dark' ? 'Dark' : 'Light'}
      <span className="sr-only"> theme</span>
    </button>
  );
}

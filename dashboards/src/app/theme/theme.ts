import type { TextStore } from '../ports.ts';
import { type ThemeName, themes } from './tokens.ts';

export type ThemeChoice = ThemeName | 'system';

export interface ThemeControl {
  choice(): ThemeChoice;
  current(): ThemeName;
  choose(choice: ThemeChoice): void;
  subscribe(listener: () => void): () => void;
}

/** Writes the tokens as CSS custom properties, follows the system unless a person chose. */
export function createTheme(root: HTMLElement, prefersDark: MediaQueryList, store: TextStore): ThemeControl {
  const listeners = new Set<() => void>();
  const saved = store.get('theme');
  let choice: ThemeChoice = saved === 'light' || saved === 'dark' ? saved : 'system';
  const current = (): ThemeName => (choice === 'system' ? (prefersDark.matches ? 'dark' : 'light') : choice);
  const apply = (): void => {
    const name = current();
    for (const [token, colour] of Object.entries(themes[name])) root.style.setProperty(`--${token}`, colour);
    root.style.colorScheme = name;
    root.dataset.theme = name;
    for (const listener of listeners) listener();
  };
  prefersDark.addEventListener('change', apply);
  apply();
  return {
    choice: () => choice,
    current,
    choose(next) {
      choice = next;
      store.set('theme', next === 'system' ? null : next);
      apply();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

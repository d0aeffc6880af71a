import { createContext, useContext, useSyncExternalStore } from 'react';
import { formatAge } from '../format/age.ts';
import type { Ports } from '../ports.ts';
import type { Session } from '../session.ts';
import type { Feed, FeedState } from './feed.ts';

export interface AppContext {
  readonly ports: Ports;
  readonly feed: Feed;
  readonly session: Session;
  readonly signOut: () => void;
  /** Says who acts from now on. @returns null when it was taken, else what to tell the person. */
  readonly name: (person: string) => Promise<string | null>;
}

export const AppContextHolder = createContext<AppContext | null>(null);

export function useApp(): AppContext {
  const app = useContext(AppContextHolder);
  if (app === null) throw new Error('the board is used outside a session');
  return app;
}

export function useFeed(): FeedState {
  const { feed } = useApp();
  return useSyncExternalStore(feed.subscribe, feed.getSnapshot);
}

/** A text or number that follows board time. The component repaints only when the result changes. */
export function useBoardTime<T extends string | number | boolean>(derive: (nowMs: number | undefined) => T): T {
  const { feed } = useApp();
  return useSyncExternalStore(feed.clock.subscribe, () => derive(feed.clock.nowMs()));
}

export function useAge(atMs: number): string {
  return useBoardTime((nowMs) => (nowMs === undefined ? '' : formatAge(nowMs - atMs)));
}

export type Freshness = 'fresh' | 'stale' | 'expired';

export function freshness(
  nowMs: number | undefined,
  value: { readonly staleAtMs: number; readonly expiresAtMs: number },
): Freshness {
  if (nowMs === undefined) return 'fresh';
  if (nowMs >= value.expiresAtMs) return 'expired';
  return nowMs >= value.staleAtMs ? 'stale' : 'fresh';
}

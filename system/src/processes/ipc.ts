/** Words between the supervisor and a zone's process. Structured clone: bytes and maps travel as they are. */
export type ToZone =
  | { readonly kind: 'start'; readonly settings: unknown }
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly value: unknown }
  | { readonly kind: 'stop' };

export type FromZone =
  | { readonly kind: 'ready'; readonly value: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly text: string }
  | { readonly kind: 'event'; readonly name: string; readonly value: unknown }
  | { readonly kind: 'fatal'; readonly text: string };

export const ZONES = ['ledger', 'edge', 'care', 'body'] as const;
export type ZoneName = (typeof ZONES)[number];

/** What a zone's module gives its host once it runs. */
export interface RunningZone {
  /** Told to the supervisor with `ready`. */
  readonly ready: unknown;
  readonly calls: Readonly<Record<string, (value: never) => Promise<unknown>>>;
  stop(): Promise<void>;
}

export type Emit = (name: string, value: unknown) => void;
export type ZoneModule<Settings> = (settings: Settings, emit: Emit) => Promise<RunningZone>;

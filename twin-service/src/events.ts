import type { CareEvent, Grade, Role } from '@pulseseal/protocol';
import type { Alert, Held } from './state.ts';

type Care<K extends CareEvent['kind']> = Extract<CareEvent, { kind: K }>;

/** What happened to a twin. The journal holds these; `apply` over them in order is the twin. */
export type TwinEvent =
  | {
      readonly kind: 'measured';
      readonly device: string;
      readonly eh: string;
      readonly seq: number;
      readonly history: boolean;
      readonly nowMs: number;
      readonly wallMs: number;
      /** Delay of the way in wall milliseconds; null where it says nothing (charted, history). */
      readonly delayMs: number | null;
      /** How far `nowMs` lies behind the clock, data time; 0 where that says nothing. Absent in older journals. */
      readonly lagMs?: number;
      readonly held: readonly Held[];
      /** Codes that a score needs and that this live frame states in no way that may be judged; absent = none. */
      readonly unusable?: readonly number[];
    }
  /** A waveform's stream was heard; its samples pass by. */
  | {
      readonly kind: 'heard';
      readonly device: string;
      readonly code: number;
      readonly wallMs: number;
      readonly atMs: number;
    }
  | { readonly kind: 'epoch'; readonly care: Care<'epoch'>; readonly wallMs: number }
  | {
      readonly kind: 'heartbeat';
      readonly care: Care<'heartbeat'>;
      readonly wallMs: number;
      readonly nowMs: number;
      readonly delayMs: number;
      /** As in `measured`. */
      readonly lagMs?: number;
    }
  | {
      readonly kind: 'graded';
      readonly device: string;
      readonly eh: string;
      readonly first: number;
      readonly count: number;
      readonly grade: Grade;
      readonly wallMs: number;
    }
  | { readonly kind: 'gap'; readonly device: string; readonly count: number; readonly proved: boolean }
  | { readonly kind: 'refused'; readonly device: string; readonly refusal: string; readonly wallMs: number }
  | { readonly kind: 'link'; readonly device: string; readonly state: Care<'link'>['state'] }
  /** A rule's condition began (or is no longer so: null), data time. */
  | { readonly kind: 'condition'; readonly rule: string; readonly sinceMs: number | null }
  /** Sealed readings show that an alert's condition is over (or not: null). */
  | { readonly kind: 'over'; readonly rule: string; readonly sinceMs: number | null }
  | { readonly kind: 'raised'; readonly alert: Alert }
  | {
      readonly kind: 'acknowledged';
      readonly alert: string;
      readonly by: string;
      readonly role: Role;
      readonly atMs: number;
      readonly comment: string;
    }
  | { readonly kind: 'cleared'; readonly alert: string; readonly atMs: number }
  /** A technical alert goes on about fewer parts: nobody is called again. */
  | {
      readonly kind: 'reworded';
      readonly alert: string;
      readonly parts: readonly string[] | null;
      readonly reason: string;
      readonly plainReason: string;
    }
  /** The service was not running between the two data times. */
  | { readonly kind: 'system-off'; readonly fromMs: number; readonly toMs: number; readonly wallMs: number }
  | { readonly kind: 'subject'; readonly scale: 1 | 2; readonly ageYears: number | null };

/** What one asks of a twin. */
export type TwinCommand =
  | {
      readonly kind: 'observe';
      readonly event: CareEvent;
      readonly nowMs: number;
      readonly wallMs: number;
      readonly speed: number;
    }
  | {
      readonly kind: 'tick';
      /** Data time. */
      readonly nowMs: number;
      readonly wallMs: number;
      readonly speed: number;
      /** Facts about the way that belong to no patient. Null: no gateway stands behind this twin. */
      readonly edge: { readonly heardWallMs: number; readonly processorLagMs: number } | null;
    }
  | {
      readonly kind: 'acknowledge';
      readonly alert: string;
      readonly by: string;
      readonly role: Role;
      readonly comment: string;
      readonly nowMs: number;
    }
  | { readonly kind: 'system-off'; readonly fromMs: number; readonly toMs: number; readonly wallMs: number }
  | { readonly kind: 'subject'; readonly scale: 1 | 2; readonly ageYears: number | null };

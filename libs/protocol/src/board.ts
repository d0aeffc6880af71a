/**
 * What the twin service says to boards and phones: REST bodies and WebSocket messages, all JSON.
 * No number without unit, age and grade; no score without its bounds.
 */
import type { Grade, ReadingId, ScreeningReason, SilenceCause } from './events.ts';

export type AlertPriority = 'high' | 'medium' | 'low' | 'technical';
export type AlertState = 'active' | 'acknowledged' | 'cleared';
export type Role = 'clinician' | 'caregiver';

/** One value as shown: with unit, time, grade and state of freshness. */
export interface ShownValue {
  readonly code: number;
  /** Field's standard short name: HR, RR, SpO2, BP, Temp, O2, ACVPU. */
  readonly name: string;
  readonly value: number;
  readonly text: string;
  readonly unit: string;
  readonly atMs: number;
  readonly grade: Grade;
  readonly readingId: ReadingId;
  readonly charted: boolean;
  /** Greyed at 2, crossed out at 5 expected intervals (charted: grey at 4 h, expired at 6 h). */
  readonly staleAtMs: number;
  readonly expiresAtMs: number;
  readonly doubt: ScreeningReason | null;
  /** NEWS2 points of this value alone, null when it takes no part. */
  readonly points: number | null;
}

/** NEWS2 (Royal College of Physicians 2017). */
export interface ShownNews2 {
  readonly total: number;
  readonly lower: number;
  readonly upper: number;
  readonly partial: boolean;
  readonly missing: readonly string[];
  readonly risk: 'low' | 'low-medium' | 'medium' | 'high';
  readonly single3: boolean;
  readonly scale: 1 | 2;
}

/** Minute medians of up to 24 h, oldest first; null = nothing measured in that minute. */
export interface Sparkline {
  readonly code: number;
  readonly name: string;
  readonly unit: string;
  readonly stepMs: number;
  readonly endMs: number;
  readonly values: readonly (number | null)[];
}

export interface ShownAlert {
  readonly id: string;
  readonly patient: string;
  readonly rule: string;
  readonly priority: AlertPriority;
  readonly state: AlertState;
  /** In plain words, most important first: for the clinician. In a patient's picture with the numbers of now, while it goes on. */
  readonly reason: string;
  /** In plain words without numbers or scores: for the caregiver. */
  readonly plainReason: string;
  readonly cause: SilenceCause | null;
  readonly raisedAtMs: number;
  readonly acknowledged: {
    readonly by: string;
    readonly role: Role;
    readonly atMs: number;
    readonly comment: string;
  } | null;
  readonly clearedAtMs: number | null;
  readonly readingId: ReadingId | null;
}

export interface ShownDevice {
  readonly device: string;
  readonly kind: string;
  readonly battery: number | null;
  readonly state: 'worn' | 'off-body' | 'charging' | 'shutdown' | 'unknown';
  readonly lastHeardMs: number;
  readonly link: 'session' | 'no-session' | 'not-forwarded' | 'unknown';
}

export interface ShownPatient {
  readonly patient: string;
  readonly name: string;
  readonly bed: string;
  /** Sort key, most urgent first: open high, medium, then NEWS2 upper, low, technical; negative = at rest. */
  readonly urgency: number;
  readonly headline: string;
  readonly plainHeadline: string;
  readonly values: readonly ShownValue[];
  readonly news2: ShownNews2 | null;
  readonly sparklines: readonly Sparkline[];
  readonly devices: readonly ShownDevice[];
  readonly alerts: readonly ShownAlert[];
  /** Time since which every device is switched off as it announced under its signature; null while any is awaited. */
  readonly restingSinceMs: number | null;
}

export interface BoardSnapshot {
  readonly role: Role;
  readonly person: string;
  readonly nowMs: number;
  /** Speed of data time against wall time; ages are in data time. */
  readonly speed: number;
  readonly patients: readonly ShownPatient[];
}

/** Messages of `WS /api/live`. The caregiver role receives no values, scores or waves. */
export type LiveMessage =
  | { readonly type: 'snapshot'; readonly board: BoardSnapshot }
  | { readonly type: 'patient'; readonly patient: ShownPatient }
  | { readonly type: 'alert'; readonly alert: ShownAlert }
  | {
      readonly type: 'wave';
      readonly patient: string;
      readonly code: number;
      readonly rateHz: number;
      readonly atMs: number;
      readonly millivoltPerBit: number;
      readonly samples: readonly number[];
    }
  /** Every second: the server's data time. Silence for 5 s means the feed is dead. */
  | { readonly type: 'tick'; readonly nowMs: number };

/** `POST /api/login` */
export interface LoginRequest {
  readonly code: string;
  /** May be empty: who says no name looks, and is asked for it before an alert is acknowledged. */
  readonly person: string;
}
export interface LoginReply {
  readonly token: string;
  readonly role: Role;
  readonly person: string;
  readonly expiresAtMs: number;
}

/** `POST /api/logins`: a clinician lets somebody else in, or another tab. */
export interface NewLoginRequest {
  readonly role: Role;
  /** For a caregiver, whom to show; a clinician sees all. */
  readonly patients?: readonly string[];
}
export interface NewLoginReply {
  /** Works once. */
  readonly code: string;
  readonly role: Role;
  readonly expiresAtMs: number;
}

/**
 * REST: `POST /api/login`, `POST /api/person` {person}, `POST /api/logins` {role, patients}, `GET /api/board`,
 * `GET /api/patients/:patient`, `GET /api/alerts?state=`, `POST /api/alerts/:id/acknowledge` {comment}, `GET /api/readings/:id/proof` (application/cbor),
 * `WS /api/live?wave=<patient>`; all but login with `Authorization: Bearer` (WebSocket: subprotocol `pulseseal.<token>`).
 */
export interface AcknowledgeRequest {
  readonly comment: string;
}

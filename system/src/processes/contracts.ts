import type { StoreChoice } from '../start/options.ts';
import type { LedgerAddress, ZoneSettings } from './zone.ts';

/** What the supervisor tells each zone and what it learns from them: pseudonyms, public keys and places, no secrets. */

export interface Person {
  readonly patient: string;
  readonly name: string;
  readonly bed: string;
  readonly ageYears: number | null;
  /** Recording that is replayed, and the data time at which it began. */
  readonly record: string | null;
}

export interface EdgeZoneSettings extends ZoneSettings {
  readonly ledger: LedgerAddress;
  readonly brokerPort: number;
  readonly metricsPort: number;
  readonly store: StoreChoice;
  /** What care sends to the edge, to follow. */
  readonly fromCareDir: string;
}

export interface EdgeReady {
  /** Encoded COSE key of the gateway. */
  readonly gatewayKey: Uint8Array;
  readonly gateway: Uint8Array;
  readonly tenant: string;
  readonly broker: string;
  readonly brokerPort: number;
  readonly metrics: string;
  readonly feedDir: string;
  readonly journalDir: string;
}

export interface CareZoneSettings extends ZoneSettings {
  readonly ledger: LedgerAddress;
  readonly gateway: Uint8Array;
  readonly feedDir: string;
  readonly journalDir: string;
  readonly boardPort: number;
  readonly metricsPort: number;
  readonly staticDir: string;
  /** The whole data folder, for the evidence of a proof (read only). */
  readonly dataDir: string;
  readonly speed: number;
}

export interface CareReady {
  readonly board: string;
  readonly clinicianCode: string;
  readonly metrics: string;
}

/** Invites the ward as a recipient for one patient: handed from person to person, as a QR code would be. */
export interface Invitation {
  readonly patient: string;
  readonly rid: Uint8Array;
  readonly prekeyId: number;
  readonly prekey: Uint8Array;
  readonly identityKey: Uint8Array;
  readonly expiresMs: number;
}

/** The patient accepted: the ward pins the owner key from now on. */
export interface Acceptance {
  readonly patient: string;
  readonly rid: Uint8Array;
  readonly owner: Uint8Array;
}

export interface BodyZoneSettings extends ZoneSettings {
  readonly ledger: LedgerAddress;
  readonly gateway: Uint8Array;
  readonly brokerPort: number;
  readonly metricsPort: number;
  readonly agentPort: number;
  readonly replay: string | null;
  readonly patients: number;
  readonly seed: number;
}

export interface BodyReady {
  readonly people: readonly Person[];
  readonly metrics: string;
  readonly agent: string;
  readonly notes: readonly string[];
}

/** A body lives since this data time. */
export interface BodyBegan {
  readonly patient: string;
  readonly originMs: number;
}

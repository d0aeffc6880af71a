import { twinFailure } from './failures.ts';
import type { News2Scale } from './news2.ts';

/** Whom the service watches, as the ward knows them. */
export interface PatientEntry {
  readonly patient: string;
  readonly name: string;
  readonly bed: string;
  /** 2 only where a competent clinician prescribed an 88-92 % target. Default 1. */
  readonly scale?: News2Scale;
  readonly ageYears?: number | null;
}

export interface TwinSettings {
  readonly patients: readonly PatientEntry[];
  /** Data time against wall time. Default 1. */
  readonly speed?: number;
  /** Whether a gateway's sign of life is expected. Default true. */
  readonly watchesGateway?: boolean;
  /** Records after which all twins are written whole, so that a restart replays no more than these. Default 100,000. */
  readonly checkpointRecords?: number;
}

/** Three to four seconds of replay; half an hour of twelve patients. */
export const defaultCheckpointRecords = 100_000;

/** A journal that does not take records holds at most this many before events are refused: minutes of a full disk. */
export const maxUnsynced = 50_000;

/** How often the journal notes that the service lives: the error of "system off". */
export const alivePeriodMs = 5000;

export function checkTwinSettings(settings: TwinSettings): void {
  const speed = settings.speed ?? 1;
  if (!(speed > 0 && speed <= 100_000)) throw twinFailure('setting-out-of-range', 'speed is not in 0..100000');
}

import type { Role } from '@pulseseal/protocol';
import type { TwinEvent } from './events.ts';
import { twinFailure } from './failures.ts';
import type { Twin } from './state.ts';

/** Who made a login for whom; the code itself is in no record. */
export interface LoginNote {
  readonly by: string;
  readonly role: Role;
  readonly patients: 'all' | readonly string[];
}

/** One record of the journal: what one command did to one twin, a sign of life, or an act about no patient. */
export type JournalRecord =
  | { readonly p: string; readonly e: readonly TwinEvent[] }
  | { readonly alive: { readonly dataMs: number } }
  /** Somebody let somebody in: kept for who asks later, without effect on a twin. */
  | { readonly login: LoginNote & { readonly atMs: number } }
  /** A piece of a whole twin: what came before it need not be replayed. */
  | { readonly snap: { readonly p: string; readonly piece: number; readonly of: number; readonly text: string } };

/** A day's trends of a patient with four devices are 300 kB; a record of the log takes 256 KiB. */
const pieceChars = 60_000;

/** A twin as records. */
export function snapshotRecords(twin: Twin): JournalRecord[] {
  const text = JSON.stringify(twin);
  const of = Math.ceil(text.length / pieceChars);
  return Array.from({ length: of }, (_, piece) => ({
    snap: { p: twin.patient, piece, of, text: text.slice(piece * pieceChars, (piece + 1) * pieceChars) },
  }));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** `n` rises by one with each record: one that was written twice because a sync failed half-way counts once. */
export function encodeRecord(record: JournalRecord, n: number): Uint8Array {
  return encoder.encode(JSON.stringify({ n, ...record }));
}

/** The journal is the service's own and checksummed below, so only its form is looked at. */
export function decodeRecord(bytes: Uint8Array): JournalRecord & { readonly n: number } {
  try {
    return JSON.parse(decoder.decode(bytes)) as JournalRecord & { readonly n: number };
  } catch (cause) {
    throw twinFailure('journal-damaged', 'not a record', cause);
  }
}

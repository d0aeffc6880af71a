import type { TwinEvent } from './events.ts';
import { twinFailure } from './failures.ts';

/** One record of the journal: what one command did to one twin, or a sign of life. */
export type JournalRecord =
  | { readonly p: string; readonly e: readonly TwinEvent[] }
  | { readonly alive: { readonly dataMs: number } };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeRecord(record: JournalRecord): Uint8Array {
  return encoder.encode(JSON.stringify(record));
}

/** The journal is the service's own and checksummed below, so only its form is looked at. */
export function decodeRecord(bytes: Uint8Array): JournalRecord {
  try {
    return JSON.parse(decoder.decode(bytes)) as JournalRecord;
  } catch (cause) {
    throw twinFailure('journal-damaged', 'not a record', cause);
  }
}

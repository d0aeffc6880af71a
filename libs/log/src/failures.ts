import { failures } from '@pulseseal/runtime';

export type LogFailureCode =
  | 'disk-full'
  | 'disk-read-only'
  | 'disk-error'
  | 'log-full'
  | 'log-failed'
  | 'log-closed'
  | 'log-locked'
  | 'log-settings'
  | 'record-too-large'
  | 'record-damaged'
  | 'position-unknown'
  | 'position-trimmed'
  | 'segment-version'
  | 'seal-missing'
  | 'seal-unexpected'
  | 'seal-wrong-key';

export const logFailure = failures<LogFailureCode>({
  'disk-full': {
    kind: 'broken',
    text: 'The disk has no space left. Free space, then recover the log; nothing acknowledged is lost.',
  },
  'disk-read-only': {
    kind: 'broken',
    text: 'The disk became read-only. Look at the system log, mount it for writing, then recover the log.',
  },
  'disk-error': {
    kind: 'broken',
    text: 'The disk refused a read, write or sync. Look at the system log; recover or reopen the log once the disk answers.',
  },
  'log-full': { kind: 'retry-later', text: 'Too many bytes wait for the disk. Append again when some are synced.' },
  'log-failed': { kind: 'broken', text: 'An earlier write failed. Recover or reopen the log before appending.' },
  'log-closed': { kind: 'refused', text: 'The log is closed. Open it again.' },
  'log-locked': {
    kind: 'broken',
    text: 'Another process, or this one, already writes this log. Stop it, or name another folder.',
  },
  'log-settings': { kind: 'refused', text: 'A setting of the log is out of range. Correct it.' },
  'record-too-large': { kind: 'refused', text: 'The record is larger than this log takes. Split it.' },
  'record-damaged': {
    kind: 'broken',
    text: 'The record does not match its checksum. Restore it from a copy; the records behind it are readable.',
  },
  'position-unknown': { kind: 'refused', text: 'No record begins at this position, or it is not synced yet.' },
  'position-trimmed': { kind: 'refused', text: 'Retention removed this position. Go on from the start position.' },
  'segment-version': {
    kind: 'broken',
    text: 'A segment was written by another version of the log. Use the version that wrote it.',
  },
  'seal-missing': { kind: 'refused', text: 'The log is sealed at rest. Give its key.' },
  'seal-unexpected': { kind: 'refused', text: 'The log is not sealed at rest, but a key was given. Leave it out.' },
  'seal-wrong-key': { kind: 'refused', text: 'The log was sealed with another key. Give the right one.' },
});

const errorCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

/** The named failure for an error of the operating system. The errno is the detail; a path never is. */
export function diskFailure(error: unknown, doing: string) {
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return logFailure('disk-full', `${doing}: ${code}`, error);
  if (code === 'EROFS') return logFailure('disk-read-only', `${doing}: ${code}`, error);
  return logFailure('disk-error', `${doing}: ${code === '' ? 'unknown' : code}`, error);
}

export const isAbsent = (error: unknown): boolean => errorCode(error) === 'ENOENT';

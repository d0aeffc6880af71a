/** A recording that cannot be read: which one and why, with the next step. */
export class RecordingRefused extends Error {
  constructor(record: string, reason: string) {
    super(`recording ${record}: ${reason}`);
    this.name = 'RecordingRefused';
  }
}

const words: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'is absent'],
  ['EACCES', 'may not be read: its permissions forbid it'],
  ['EPERM', 'may not be read: its permissions forbid it'],
  ['EISDIR', 'is a folder'],
  ['ELOOP', 'is a loop of links'],
  ['Z_BUF_ERROR', 'is cut: its gzip does not end'],
  ['Z_DATA_ERROR', 'is damaged: its gzip does not unpack'],
]);

/** Why something was not read, in plain words where the disk or zlib has only a code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'is not readable';
  return words.get('code' in error ? error.code : undefined) ?? error.message;
}

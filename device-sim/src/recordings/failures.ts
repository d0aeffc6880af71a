/** A recording that cannot be read: which one and why, with the next step. */
export class RecordingRefused extends Error {
  constructor(record: string, reason: string) {
    super(`recording ${record}: ${reason}`);
    this.name = 'RecordingRefused';
  }
}

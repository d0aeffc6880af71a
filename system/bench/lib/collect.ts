/**
 * The most thorough collection, which also gives empty pages back: an ordinary one leaves the heap as large as the
 * traffic before it was. Does nothing without `--expose-gc`.
 */
export function collect(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** What the readers need of a disk. */
export interface RecordingFiles {
  /** Paths of the files and folders in a folder, sorted; links are left out. */
  list(dir: string): Promise<readonly { readonly path: string; readonly folder: boolean }[]>;
  /** A whole file of at most `maxBytes`; throws when it is longer. */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
  /** Lines of a text file, plain or gzip (told by its first bytes), without line ends. */
  lines(path: string): AsyncIterable<string>;
}

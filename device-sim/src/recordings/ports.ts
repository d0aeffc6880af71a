/** What the readers need of a disk. */
export interface RecordingFiles {
  /** Files, folders and links in a folder, sorted by path; pipes and devices are left out. */
  list(dir: string): Promise<readonly { readonly path: string; readonly kind: 'file' | 'folder' | 'link' }[]>;
  /** A whole file of at most `maxBytes`; throws when it is longer or no plain file. */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
  /** Lines of a text file, plain or gzip (told by its first bytes), without line ends. */
  lines(path: string): AsyncIterable<string>;
}

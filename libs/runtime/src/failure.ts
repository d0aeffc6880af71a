/** How a caller may go on after a failure. */
export type FailureKind =
  /** The input is wrong; the same input will always be refused. */
  | 'refused'
  /** A bound was reached; the same call may pass later. */
  | 'retry-later'
  /** Disk, network or configuration broke; a person must act. */
  | 'broken';

export interface FailureEntry {
  readonly kind: FailureKind;
  /** What happened and what to do next, one sentence each. */
  readonly text: string;
}

/** One closed table per package: code -> kind and text. */
export type FailureTable<Code extends string> = Readonly<Record<Code, FailureEntry>>;

/** An error with a code out of one table. `detail` is for logs: it must hold no secret and no vital sign. */
export class Failure<Code extends string = string> extends Error {
  readonly code: Code;
  readonly kind: FailureKind;
  readonly detail: string;

  constructor(code: Code, entry: FailureEntry, detail = '', cause?: unknown) {
    super(
      detail === '' ? `${code}: ${entry.text}` : `${code}: ${entry.text} (${detail})`,
      cause === undefined ? {} : { cause },
    );
    this.name = 'Failure';
    this.code = code;
    this.kind = entry.kind;
    this.detail = detail;
  }
}

/** The thrower of one table. */
export function failures<Code extends string>(
  table: FailureTable<Code>,
): (code: Code, detail?: string, cause?: unknown) => Failure<Code> {
  return (code, detail, cause) => new Failure(code, table[code], detail, cause);
}

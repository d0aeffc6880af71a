/** Bounds of what is read from a folder of recordings; a foreign file beyond them is skipped by name. */
export const recordingLimits = {
  /** Folders below the given one. */
  maxDepth: 8,
  /** Files looked at. */
  maxFiles: 100_000,
  /** Text of a WFDB header. */
  maxHeaderBytes: 65_536,
  /** Signals of a record; the protocol carries 64 streams. */
  maxSignals: 64,
  /** Samples of a record over all signals: 24 h of two signals at 500 Hz are 86 million. */
  maxSamples: 200_000_000,
  /** A signal file of that many samples. */
  maxFileBytes: 400_000_000,
  /** A CSV line; the widest known form has some 200 characters. */
  maxLineLength: 65_536,
  /** Rows kept of one ICU stay; the longest known has about 2,500. */
  maxStayRows: 200_000,
  /** Phases of the resampler: 250/360 has 25; odd rates have some hundreds. */
  maxPhases: 10_000,
} as const;

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
  /** Numbers of a CSV over all columns, at some 30 B each: a gzip of a megabyte can unpack to a gigabyte of rows. */
  maxCsvSamples: 25_000_000,
  /** Readings kept of a file of falls, at some 100 B each; the longest known has 220,000. */
  maxMoves: 5_000_000,
  maxTrials: 100_000,
  /** A signal file of that many samples. */
  maxFileBytes: 400_000_000,
  /** A CSV line; the widest known form has some 200 characters. */
  maxLineLength: 65_536,
  /** Rows kept of one ICU stay; the longest known has about 2,500. */
  maxStayRows: 200_000,
  /** Charted minutes of a stay: a year. */
  maxMinute: 527_040,
  /** A number above is no age, and scores hang on it. */
  maxAgeYears: 130,
  /** Trials of one fall subject one after another; the longest known have 3 min. */
  maxFallMs: 86_400_000,
  /** Acceleration in g; no body survives more. */
  maxGravity: 1_000,
  /** Below, a signal is a trend and no waveform. */
  minRateHz: 1,
  maxRateHz: 100_000,
  /** ADC steps of a unit: one step of a kilovolt, and all of 16 bits below any step of a profile. */
  minGain: 1e-6,
  maxGain: 1e12,
  /** A sample beyond this many times what a frame holds is a fault of the file; up to it, it is one of the ADC's limit. */
  maxOverrange: 100,
  /** Phases of the resampler: 250/360 has 25. A time between two of them falls on the nearer, at 250 Hz within 1 us. */
  maxPhases: 2_000,
  /** Filter taps of all phases of a signal: 8 MB. */
  maxTaps: 1_000_000,
  /** Names listed in one note. */
  maxNamed: 20,
} as const;

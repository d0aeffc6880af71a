/** Every bound of the twin service in one place, with its reason. */
export const limits = {
  /** Slots (code, device, kind) of one patient: four devices with ten values each, twice over. One that expired makes room. */
  slots: 80,
  /** One that rests or is silent for long makes room. */
  devices: 16,
  streamsPerDevice: 32,
  /** Kinds of refusal of one device that an alert can name at once. */
  refusalsPerDevice: 16,
  /** Epochs of a device whose seen sequence numbers are kept: the present one, two overlapping, one recovered. */
  epochsPerDevice: 4,
  /** Chunks of 1,024 sequence numbers an epoch: 2^18 frames, an hour at 72 frames/s. */
  seenChunks: 256,
  /** Provisional values of a slot waiting for their close: 300 frames of the longest segment, three segments late. */
  pendingPerSlot: 1024,
  /** 24 h of minutes. */
  trendMinutes: 1440,
  trends: 32,
  /** Samples of one minute that its median sees: 1 Hz twice over. */
  samplesPerMinute: 120,
  /** Beyond them technical ones wait for their turn; physiological ones, one a rule, always open. */
  openAlerts: 64,
  /** Cleared alerts that stay visible; older ones are in the journal. */
  clearedAlerts: 50,
  systemOff: 8,
  commentChars: 500,
  personChars: 80,
  patients: 5000,
  /** Readings in one frame: an item index is one byte and no profile comes near. */
  readingsPerFrame: 64,
  /** A device clock may run this far ahead before its event times are no longer believed (SPEC: skew bound 5 s). */
  skewMs: 5000,
  /** What is on its way for longer is history to the processor (60 s and the skew), or of a clock that is wrong. */
  lagMs: 65_000,
} as const;

/** How long values hold. */
export const validity = {
  /** Charted by a person or cuff: greyed after 4 h, expired after 6 h (NEWS2 minimum interval at low risk is 4-6 h). */
  chartedGreyMs: 4 * 3_600_000,
  chartedMs: 6 * 3_600_000,
  /** Streamed: greyed after 2, expired after 5 expected intervals, never sooner than a late packet comes at 1 Hz. */
  greyIntervals: 2,
  intervals: 5,
  minGreyMs: 2000,
  minMs: 5000,
  /** A streamed code whose interval nobody stated. */
  unknownIntervalMs: 60_000,
} as const;

/** Silence limits, wall time (protocol, suppression detection). */
export const silence = {
  periodMs: 1000,
  /** Heartbeats that may be missed. */
  heartbeats: 3,
  minMs: 15_000,
  gatewayMs: 15_000,
  processorLagMs: 15_000,
  offBodyMs: 5000,
  streamIntervals: 3,
  /** A value that a score needs, and that only doubtful readings state (clinical tables: sensor off or artefact in 60 s). */
  noSignalMs: 60_000,
  /** A close may come this long after its segment's end. */
  unsealedGraceMs: 30_000,
  /** Growth of the way's delay over its running minimum, and where it counts as over. */
  delayMs: 10_000,
  delayOverMs: 5000,
  /** A refusal alarm clears this long after the last refusal. */
  refusedHoldMs: 300_000,
  /** After this a silent device may give its place to another: an epoch of the shipped profiles, so who comes back opens one. It is told for as long that one found no place. */
  forgetMs: 3_600_000,
  /** A stream's frames are noted at most this often: the twin's journal need not hold every wave block. */
  noteMs: 4000,
} as const;

/** Jobs over all twins, cut so that a reading never waits for more than a few milliseconds of one. */
export const slices = {
  /** A second's look at every twin: 5,000 within the second. */
  ticks: { atOnce: 64, gapMs: 10 },
  /** Whole twins for a checkpoint: each with a day of trends is a millisecond of work or two. */
  snapshots: { atOnce: 2, gapMs: 10 },
  /** Pictures for boards: 1,500 changed patients within the second. */
  pictures: { atOnce: 16, gapMs: 10 },
} as const;

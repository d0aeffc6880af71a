/** Every bound of this package, with its reason. */
export const limits = {
  /** Messages of one turn: about 10 ms of work, so timers keep their period. */
  batchMessages: 256,
  /** Epochs of a checkpoint that are encoded between two turns: about 2 ms of work with a minute of frames in each. */
  checkpointEpochs: 32,
  /** A checkpoint that took long is made more seldom: at most this part of the time is spent on writing it. */
  checkpointShare: 40,
  /** Messages after which one is due all the same: half a minute of 1,000 devices, some seconds to take again. */
  takenBeforeCheckpoint: 32_768,
  /** Largest frame a gateway may allow (beacon field 8). */
  frameBytes: 16_384,
  /** Devices watched by one processor. */
  devices: 8_192,
  /** One current epoch and the one before it, whose last frames and receipts are under way. */
  liveEpochs: 2,
  /** Recovered epochs come by bulk, one after another; their closes and receipts overlap a little. */
  historyEpochs: 4,
  /** Segments of an epoch with state in memory, and how far a ratchet runs ahead of proof. */
  segments: 64,
  /** Steps of one chain at most, when a close moves it. */
  chainSteps: 4_096,
  /** Segment keys held beside a chain for late frames: the window before and behind the newest segment. */
  segmentKeys: 128,
  /** Frames that wait for an epoch or a close, a recipient pseudonym or device. */
  heldFrames: 4_096,
  /** Their bytes: 4,096 vitals, or half a minute of every waveform. */
  heldBytes: 8 * 1024 * 1024,
  /** Openings and wraps that wait for each other or for a manifest, a recipient pseudonym. */
  pendingEpochs: 8,
  /** Manifests, beacons and endorsements kept, a recipient pseudonym and kind. */
  documents: 16,
  /** Frames opened before the card of their scope came, a device. */
  withoutCard: 1_024,
  /** Known missing numbers, an epoch. */
  missing: 4_096,
  /** Epochs taken as history, a device. */
  historyTaken: 10_000,
  /** Granted epochs that wait to be fetched: two years of one an hour, kept on disk. */
  waitingGrants: 17_568,
  /** Closes, leaf tables and receipts that wait for an earlier close, an epoch. */
  waitingProofs: 64,
  /** Closes kept as received: heads go to the ledger every 10 s, so older ones are anchored, or the ledger is away. */
  wholeCloses: 4,
  /** Second closes kept until the first is here again, an epoch: one is enough to dispute a device. */
  secondCloses: 4,
  /** Leaf tables are large: 4,096 x 32 B. */
  waitingTables: 2,
  /** Ranges of one ask or gap event. */
  ranges: 256,
  /** Frames asked for in a minute, a recipient pseudonym. */
  askedFramesPerMinute: 4_096,
  /** Asks that wait for their second, a recipient pseudonym. */
  waitingAsks: 32,
  /** Positions between the last acknowledgement and the newest message; beyond it held frames stop it no longer. */
  unacknowledged: 65_536,
  /** Reported refusals remembered so that one cause is told once in a while. */
  reported: 4_096,
  /** Values kept for the rate-of-change rule: the longest window (10 s) at ten a second. */
  recentValues: 128,
  /** Readings of one frame. */
  readingsPerFrame: 256,
} as const;

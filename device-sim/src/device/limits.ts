/** Bounds of a device, each with its reason. Where the SPEC fixes the number, its clause stands in brackets. */
export const deviceLimits = {
  /** Largest message on any link [ENC-6]. */
  maxMessageBytes: 192 * 1024,
  /** Content of one bulk message [ENC-6]; the envelope must fit in 64 kB too. */
  maxBulkBytes: 60 * 1024,
  /** Bulk messages in flight: each is a large journal write at the gateway. */
  maxBulkInFlight: 2,
  /** Frames published and not yet answered: hides one round trip, bounds what a reconnect resends. */
  windowFrames: 16,
  /** Of the window, what backlog may use while current frames wait: current first, backlog never starves. */
  windowBacklog: 4,
  /** A publish unanswered this long is sent again, same bytes. */
  publishTimeoutMs: 5_000,
  /** A frame answered but not covered by progress is sent again after this, doubling to the second number. */
  progressTimeoutMs: 10_000,
  progressTimeoutMaxMs: 80_000,
  /** Samples that wait while an epoch opens (a few KEM operations): beyond, the newest is refused and counted. */
  maxPendingSamples: 16_384,
  /** Samples kept until the first `accept` of a boot, five minutes of a strap: `lost` is answered once a minute. */
  maxSalvageSamples: 1_024,
  /** Forward limit on counters a gateway's resync may cause, over what the device remembers [TIME-4]. */
  resyncJump: 2 ** 20,
  /** Beacon serials may rise by this at once: a stolen gateway key must not burn the number range. */
  beaconSerialJump: 2 ** 20,
  /** Frames of one epoch [ENC-6]. */
  maxEpochFrames: 2 ** 24 - 1,
  /** Items of one repair [ENC-6]. */
  maxRepairItems: 4_096,
  /** A nack for the same thing is answered at most this often. */
  nackIntervalMs: 4_500,
  /** Forced new epochs (rekey, refused frame) at most one in this time, each. */
  forcedEpochIntervalMs: 600_000,
  /** For clock steps so many in it: a step and its correction must not stop the stream, and nothing is sealed meanwhile. */
  clockStepsAtOnce: 3,
  /** `lost` is sent at most this often. */
  lostIntervalMs: 60_000,
  /** Keys of the previous epoch are kept this long after the next `accept`. */
  previousEpochKeysMs: 600_000,
  /** Beacon and manifest are verified at most this often per source when new; the first three at once. */
  verifyIntervalMs: 60_000,
  verifyBurst: 3,
  /** `opening` unanswered this long is sent again, doubling to the second number. */
  openRetryMs: 3_000,
  openRetryMaxMs: 30_000,
  /** By so much wall and monotonic clock differ from reading to reading, and drift in minutes: no step. */
  wallJitterMs: 5,
  /** Wall and monotonic clock apart by this: suspended, or a snapshot [FRAME-7]. */
  suspendMs: 2_000,
  /** Gateways of which the highest serial is kept. */
  maxGateways: 8,
  /** Epochs that may wait for bulk; older ones are given up, counted as dropped. */
  maxSpoolEpochs: 256,
  /** What a leaf without its frame counts in the spool: its hash and half of its record's heads. */
  leafBytes: 48,
  /** Items of a lane before those that are no longer owed are looked for: a short outage of a patch. */
  laneItems: 4_096,
  /** Openings and keys kept for an agent that was away. */
  maxAgentEpochs: 16,
  /** Acknowledgements are written down at most this often: a lost one costs a harmless resend. */
  ackFlushMs: 500,
  /** Smallest limits of a beacon that a device obeys. */
  minFrameBytes: 2_048,
  minSegmentFrames: 64,
  minSegmentMs: 10_000,
  /** The spool file is rewritten when it is this many times its live content and above this size. */
  compactFactor: 2,
  compactBytes: 256 * 1024,
  /** Account lines: rewritten as totals when the file passes this. */
  compactAckBytes: 1024 * 1024,
} as const;

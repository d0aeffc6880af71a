/** Bounds of a fleet, each with its reason. */
export const fleetLimits = {
  /** A body is pulled when this much wall time of it is due: a heartbeat is never late by more. */
  pullMs: 250,
  /** How often the driver looks; short, so that a fast run feeds evenly. */
  tickMs: 50,
  /** Wall time of one turn: the rest of the process must get its share of the core. */
  turnMs: 25,
  /** Samples that one pull should give: larger bursts only fill queues. */
  samplesPerPull: 64,
  /** Frames not yet acknowledged at which a body stands still. */
  pressureFrames: 384,
  /** What the device of a recording that ended may take to hand in its rest. */
  endDrainMs: 60_000,
  /** A person whose devices are not all there after this begins with those that are. */
  beginTogetherMs: 10_000,
  maxMembers: 10_000,
} as const;

/** Bounds of a profile, each from the wire protocol (clause in brackets) or from what a wearable can carry. */
export const profileLimits = {
  /** Stream and scope numbers [5]; stream 0 and scope 0 are liveness. */
  maxNumber: 1023,
  /** Streams of one device, stream 0 included [5]. */
  maxStreams: 64,
  /** Scopes of one device, scope 0 included [5]. */
  maxScopes: 32,
  /** Frames of a segment [8, limits]; a device goes no lower than 64. */
  minSegmentFrames: 64,
  maxSegmentFrames: 4096,
  /** Segment length that gateways accept [8, limits]. */
  minSegmentMs: 10_000,
  maxSegmentMs: 120_000,
  maxEpochMs: 86_400_000,
  minHeartbeatMs: 1000,
  maxHeartbeatMs: 60_000,
  /** Samples of one block: a frame may have 16,384 bytes [8, limits], less its envelope. */
  maxFrameSamples: 8000,
  /** Items of one stream: what a card and a values frame carry comfortably. */
  maxItems: 64,
  /** Pad buckets above this waste more than they hide. */
  maxPadBytes: 1024,
  /** Text of names; they stand in tables and logs. */
  maxTextLength: 64,
  /** A JSON profile longer than this is not a profile. */
  maxJsonLength: 262_144,
} as const;

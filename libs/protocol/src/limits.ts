/** Every bound of the wire, with its reason (SPEC clause ENC-6). */
export const LIMITS = {
  /** 2^53 - 1: what a double holds exactly; no implementation needs big integers. */
  integer: Number.MAX_SAFE_INTEGER,
  /** End of the year 9999: the last time that RFC 3339 can print. */
  timeMs: 253_402_300_799_999,
  /** Beacon serials and prekey ids stand as 4 bytes in a wrap's kid. */
  serial: 2 ** 32 - 1,
  /** A beacon's end is the only word of its gateway on when an epoch was opened: a longer one would say nothing. */
  beaconLifeMs: 86_400_000,
  /** An epoch of at most 2^24 frames keeps `seq` in 5 bytes and the leaf table of an epoch in memory. */
  seq: 2 ** 24,
  segment: 2 ** 24,
  streamId: 1023,
  scopeId: 1023,
  recipients: 16,
  suites: 16,
  gateways: 8,
  streams: 64,
  scopes: 32,
  /** No AEAD key seals more; the receiver holds the leaves of a segment. */
  segmentFrames: 4096,
  inlineLeaves: 1024,
  /** Leaves of the largest segment (4,096 x 34 B) and the largest manifest fit. */
  messageBytes: 196_608,
  bulkBytes: 65_536,
  /** Resync and restart: further than any lost flash counter, nearer than the end. */
  counterJump: 2 ** 20,
  /** Words for a log line, never parsed. */
  errTextBytes: 64,
  /** edge lists at most every device of one patient many times over. */
  edgeEpochs: 1024,
  /** Of one wrap in `keys`: 32 scopes make 2.5 kB. */
  wrapBytes: 4_096,
  /** Of a signed `open`: 16 recipients, 32 scopes, 64 streams make 9 kB. */
  openBytes: 16_384,
  /** Channels of one stream, values of one frame. */
  items: 256,
  /** No tree of 2^53 leaves has a longer path. */
  merklePath: 64,
  blockSigners: 32,
  /** 16 recipients, 32 signers, a card of every item: far below. */
  proofBytes: 512 * 1024,
} as const;

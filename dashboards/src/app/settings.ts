/** Every bound of the board, with its reason. */
export const settings = {
  /** The server ticks every second; five missed ticks are not jitter. */
  silentAfterMs: 5_000,
  /** A socket that brought nothing for so long is dead, whether it says so or not (roaming, a lost NAT entry): another is opened. */
  deadAfterMs: 10_000,
  /** After a sleeping tab wakes, the first seconds say "resuming", not "dead". */
  resumeGraceMs: 5_000,
  /** How often silence is judged and ages are renewed. */
  heartbeatMs: 500,
  reconnectFirstMs: 500,
  /** A ward must not wait longer than this after its server came back. */
  reconnectMaxMs: 8_000,
  /** Many patient updates in one moment are painted once. */
  paintEveryMs: 100,
  /** A board message beyond this is not one of ours. */
  maxMessageChars: 16_000_000,
  maxPatients: 500,
  maxAlertsPerPatient: 200,
  /** What the ECG strip can show at once, with room for the next block. */
  waveBufferS: 30,
  maxWaveSamples: 20_000,
  /** A limited pause returns by itself (IEC 60601-1-8 practice). */
  soundPauseMs: 120_000,
  /** Between two repetitions of the signal for an unacknowledged high alert (IEC 60601-1-8: 2.5 to 15 s). */
  soundRepeatMs: 8_000,
  maxCommentChars: 500,
  maxPersonChars: 80,
  /** A proof is about 40 kB; four recipients more change little. */
  maxProofBytes: 4_000_000,
  maxTrustFileBytes: 1_000_000,
  /** How often a proof that is not there yet is asked for: heads go to the ledger every 10 s. */
  proofAgainMs: 10_000,
  requestTimeoutMs: 10_000,
  /** A shift's handover: time enough to make a new login before this session leaves the ward unwatched. */
  sessionEndsSoonMs: 1_800_000,
} as const;

export type Settings = typeof settings;

/** Bounds of an agent, each with its reason. */
export const agentLimits = {
  /** Devices of one person; more is a mistake. */
  maxDevices: 16,
  /** Epochs in the vault: more than a year of one device at an epoch an hour. */
  maxVaultEpochs: 16_384,
  /** Largest message on the local link (protocol 5). */
  maxMessageBytes: 192 * 1024,
  /** Versions of a manifest whose bytes are kept: an epoch may have been opened under an older one. */
  keptManifests: 8,
  /** Openings that wait for their `keys`. */
  maxPendingOpenings: 8,
  /** What the ledger or the gateway did not take is tried again this often. */
  retryMs: 5_000,
  /** Life of an endorsement; renewed by the agent with a manifest. */
  endorseLifeS: 5 * 365 * 86_400,
  /** Life of a manifest. Prekeys of recipients end sooner, so it is re-issued before. */
  manifestLifeMs: 30 * 86_400_000,
  /** A local link that speaks nonsense this often is closed. */
  maxLinkRefusals: 32,
  /** Records of the vault file. */
  maxRecordBytes: 64 * 1024,
} as const;

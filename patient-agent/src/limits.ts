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
  /** Life of an endorsement. */
  endorseLifeS: 5 * 365 * 86_400,
  /** So long before its end it is made anew: an agent that was off for a year of it is still in time. */
  endorseRenewMs: 365 * 86_400_000,
  /** Versions that a ledger which is away may lack before nothing is renewed by itself: a year of them. */
  maxUnregistered: 128,
  /** Life of a manifest. */
  manifestLifeMs: 30 * 86_400_000,
  /** How often the agent looks whether something must be renewed: often against the life of a manifest, and cheap. */
  renewalLookMs: 3_600_000,
  /** Releases that wait for the gateway, a device: a year of epochs of an hour. */
  maxOwedReleases: 8_784,
  /** A local link that speaks nonsense this often is closed. */
  maxLinkRefusals: 32,
  /** Records of the vault file. */
  maxRecordBytes: 64 * 1024,
} as const;

/** Bounds of the bodies. */
export const bodyLimits = {
  /** Data time of one `advance`: at 500 samples a second an hour is 4 MB, enough for any speed at any tick. */
  maxAdvanceMs: 3_600_000,
  /** Generated people of one circle; beyond it names repeat with a number. */
  maxPatients: 5000,
} as const;

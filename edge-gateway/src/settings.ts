import { MAX_VERIFICATIONS } from './limits.ts';

/** One table of what an operator may set: name, unit, default, range, meaning. */

export interface SettingEntry {
  readonly unit: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly meaning: string;
}

export const SETTINGS = {
  maxFrameBytes: {
    unit: 'B',
    value: 16_384,
    least: 2_048,
    most: 65_536,
    meaning: 'largest frame, stated in the beacon',
  },
  maxCount: {
    unit: 'frames',
    value: 4_096,
    least: 64,
    most: 4_096,
    meaning: 'most frames of a segment, stated in the beacon',
  },
  maxSegmentMs: {
    unit: 'ms',
    value: 120_000,
    least: 10_000,
    most: 120_000,
    meaning: 'longest segment, stated in the beacon',
  },
  skewMs: {
    unit: 'ms',
    value: 5_000,
    least: 1_000,
    most: 600_000,
    meaning: 'clock difference above which data is flagged',
  },
  maxRecipients: {
    unit: 'recipients',
    value: 16,
    least: 1,
    most: 16,
    meaning: 'most recipients of a manifest, stated in the beacon',
  },
  beaconLifeMs: {
    unit: 'ms',
    value: 86_400_000,
    least: 60_000,
    most: 86_400_000,
    meaning: 'validity of a beacon; the next one comes at half of it',
  },
  keyGraceMs: {
    unit: 'ms',
    value: 600_000,
    least: 1_000,
    most: 600_000,
    meaning: 'how long an epoch keeps its keys after the next accept',
  },
  earlyFrameMs: {
    unit: 'ms',
    value: 2_000,
    least: 100,
    most: 2_000,
    meaning: 'how long frames wait for their open to be checked',
  },
  nackPeriodMs: { unit: 'ms', value: 5_000, least: 500, most: 60_000, meaning: 'time between two nacks of a segment' },
  keysWaitMs: {
    unit: 'ms',
    value: 2_000,
    least: 200,
    most: 10_000,
    meaning: 'how long wraps may lag behind their open before a nack',
  },
  progressPeriodMs: {
    unit: 'ms',
    value: 1_000,
    least: 1_000,
    most: 60_000,
    meaning: 'least time between two progress messages to a device',
  },
  directProgressPeriodMs: {
    unit: 'ms',
    value: 60_000,
    least: 1_000,
    most: 600_000,
    meaning: 'the same for a device whose own TLS session ends here: its PUBACKs count, and progress costs 250 bytes',
  },
  anchorPeriodMs: {
    unit: 'ms',
    value: 10_000,
    least: 1_000,
    most: 600_000,
    meaning: 'time between two signed tree heads',
  },
  anchorEntries: {
    unit: 'entries',
    value: 1_024,
    least: 1,
    most: 65_536,
    meaning: 'log entries that make a tree head due at once',
  },
  edgePeriodMs: {
    unit: 'ms',
    value: 5_000,
    least: 1_000,
    most: 60_000,
    meaning: 'time between two edge messages to a recipient',
  },
  indexPeriodMs: { unit: 'ms', value: 1_000, least: 50, most: 10_000, meaning: 'how often the index is committed' },
  slowOpensPerS: {
    unit: '1/s',
    value: 150,
    least: 1,
    most: 10_000,
    meaning: 'opens without a tag of the epoch before: about 10 % of a core',
  },
  slowOpensBurst: { unit: 'opens', value: 2_500, least: 1, most: 100_000, meaning: 'a ward that starts at once' },
  newcomersPerHour: {
    unit: '1/h',
    value: 600,
    least: 1,
    most: 3_600_000,
    meaning:
      'endorsements and manifests, together, of owners whom the ledger does not know: each costs a signature check and stays on disk, at most 24 kB',
  },
  newcomersBurst: {
    unit: 'papers',
    value: 5_000,
    least: 2,
    most: 1_000_000,
    meaning: 'a ward that is claimed while the ledger is away: two papers a device',
  },
  framesPerS: { unit: '1/s', value: 2_000, least: 10, most: 1_000_000, meaning: 'publishes of one client' },
  framesBurst: {
    unit: 'frames',
    value: 8_192,
    least: 64,
    most: 4_000_000,
    meaning: 'backlog that a client may send at once',
  },
  loginsPerS: {
    unit: '1/s',
    value: 150,
    least: 1,
    most: 10_000,
    meaning: 'logins checked (two ML-DSA verifications each); one remote address gets at most half',
  },
  loginsBurst: { unit: 'logins', value: 2_500, least: 1, most: 100_000, meaning: 'a ward that connects at once' },
  badLoginsPerS: { unit: '1/s', value: 1, least: 1, most: 1_000, meaning: 'false logins of one remote address' },
  badLoginsBurst: {
    unit: 'logins',
    value: 32,
    least: 1,
    most: 100_000,
    meaning: 'false logins of one remote address at once; beyond, its logins are refused unchecked',
  },
  connectionsPerS: {
    unit: '1/s',
    value: 300,
    least: 1,
    most: 100_000,
    meaning: 'new sockets, before TLS; one remote address gets at most half',
  },
  connectionsBurst: { unit: 'sockets', value: 2_500, least: 1, most: 100_000, meaning: 'a ward that connects at once' },
  maxConnections: { unit: 'sockets', value: 10_000, least: 1, most: 100_000, meaning: 'open sockets' },
  connectTimeoutMs: { unit: 'ms', value: 10_000, least: 500, most: 60_000, meaning: 'time for TLS and for CONNECT' },
  keepaliveLimitS: { unit: 's', value: 300, least: 10, most: 3_600, meaning: 'longest MQTT keep-alive; 0 is refused' },
  refusalsPerWindow: {
    unit: 'refusals',
    value: 3,
    least: 1,
    most: 1_000,
    meaning: 'refused publishes that close a connection',
  },
  refusalWindowMs: {
    unit: 'ms',
    value: 10_000,
    least: 1_000,
    most: 600_000,
    meaning: 'time in which they are counted',
  },
  banMs: {
    unit: 'ms',
    value: 2_000,
    least: 0,
    most: 3_600_000,
    meaning: 'first ban of an identity after that; doubles up to 64 times',
  },
  poolVerifications: {
    unit: 'checks',
    value: MAX_VERIFICATIONS,
    least: 0,
    most: MAX_VERIFICATIONS,
    meaning:
      'signature checks of messages on the thread pool at a time; 0: on the main thread, which costs less where the process has one core',
  },
  maxManifestLagMs: {
    unit: 'ms',
    value: 60_000,
    least: 0,
    most: 3_600_000,
    meaning: 'how old a read of the ledger may be before it is read again',
  },
} as const satisfies Record<string, SettingEntry>;

export type SettingName = keyof typeof SETTINGS;
export type GatewaySettings = { readonly [Name in SettingName]: number } & { readonly tenant: string };

/** Fills in defaults. @throws RangeError naming the setting, its range and its meaning. */
export function gatewaySettings(given: Partial<GatewaySettings> = {}): GatewaySettings {
  const out: Record<string, number> = {};
  for (const [name, entry] of Object.entries(SETTINGS) as [SettingName, SettingEntry][]) {
    const value = given[name] ?? entry.value;
    if (!Number.isSafeInteger(value) || value < entry.least || value > entry.most)
      throw new RangeError(
        `${name} must be ${entry.least} to ${entry.most} ${entry.unit} (${entry.meaning}), got ${value}`,
      );
    out[name] = value;
  }
  return { ...(out as { [Name in SettingName]: number }), tenant: given.tenant ?? 'default' };
}

import { processorFailure } from './failures.ts';

/** All periods are wall time, in milliseconds. */
export interface ProcessorSettings {
  /** How many times faster the data clock runs than the wall clock. */
  readonly speed: number;
  /** A frame is history when it came this much later than the link's usual delay. */
  readonly lateMs: number;
  /** Between t0 and arrival; beyond it the device's clock is not trusted. */
  readonly skewMs: number;
  /** An opening waits this long for manifest, beacon, endorsement and wrap before it is refused. */
  readonly settleMs: number;
  /** After this it asks for them. */
  readonly askAfterMs: number;
  /** A missing frame is told after this time, so that mere reordering is no gap. */
  readonly gapSettleMs: number;
  /** Beyond the segment's own time, a close is overdue. */
  readonly unsealedGraceMs: number;
  /** Keys of a closed segment with missing frames. */
  readonly keysAfterCloseMs: number;
  readonly anchorPollMs: number;
  /** State is saved and the feed acknowledged at least this often. */
  readonly checkpointMs: number;
  readonly tickMs: number;
  /** One cause of refusal of one device is told to the twin once in this time. */
  readonly reportMs: number;
  /** A sink that failed is tried again after this. */
  readonly sinkRetryMs: number;
}

interface Row {
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly meaning: string;
}

export const settingsTable: Readonly<Record<keyof ProcessorSettings, Row>> = {
  speed: { value: 1, least: 0.01, most: 10_000, meaning: 'data time over wall time' },
  lateMs: { value: 60_000, least: 1_000, most: 3_600_000, meaning: 'delay that makes a frame history' },
  skewMs: { value: 5_000, least: 1_000, most: 600_000, meaning: 'clock difference above which data is flagged' },
  settleMs: { value: 10_000, least: 100, most: 120_000, meaning: 'wait for what an opening needs' },
  askAfterMs: { value: 2_000, least: 50, most: 60_000, meaning: 'wait before asking for it' },
  gapSettleMs: { value: 2_000, least: 0, most: 60_000, meaning: 'wait before a gap is told' },
  unsealedGraceMs: { value: 30_000, least: 1_000, most: 600_000, meaning: 'wait for a close beyond its segment' },
  keysAfterCloseMs: { value: 600_000, least: 1_000, most: 3_600_000, meaning: 'life of segment keys after the close' },
  anchorPollMs: { value: 5_000, least: 100, most: 600_000, meaning: 'period of questions to the ledger' },
  checkpointMs: { value: 5_000, least: 0, most: 60_000, meaning: 'period of saved state' },
  tickMs: { value: 500, least: 10, most: 5_000, meaning: 'period of the timer' },
  reportMs: { value: 10_000, least: 0, most: 600_000, meaning: 'one cause is told once in this time' },
  sinkRetryMs: { value: 1_000, least: 10, most: 60_000, meaning: 'pause after a failed hand-over' },
};

/** @throws Failure setting-out-of-range */
export function processorSettings(given: Partial<ProcessorSettings> = {}): ProcessorSettings {
  const out: Record<string, number> = {};
  for (const [name, row] of Object.entries(settingsTable)) {
    const value = given[name as keyof ProcessorSettings] ?? row.value;
    if (!(value >= row.least && value <= row.most)) throw processorFailure('setting-out-of-range', name);
    out[name] = value;
  }
  return out as unknown as ProcessorSettings;
}

import type { Clock, Logger, Metrics } from '@pulseseal/runtime';

/** Where the twins' events are kept. */
export interface TwinJournal {
  /** Resolves when the records are on the disk, all in this order. */
  append(records: readonly Uint8Array[]): Promise<void>;
  /** Hands over every readable record since the last complete checkpoint in order, and says how many were damaged: a watch goes on without them. */
  replay(handler: (record: Uint8Array) => void): Promise<{ readonly damaged: number }>;
  /**
   * `begin`: every twin follows whole, between records of others and its own: what stands before its picture has its
   * effect in it. `end`: all are complete and synced; from now on a replay may start at the beginning, and what stands
   * before may be removed.
   */
  checkpoint(phase: CheckpointPhase): Promise<void>;
  close(): Promise<void>;
}

export type CheckpointPhase = 'begin' | 'end';

/** Who can prove a reading to a stranger; undefined = nobody knows it, or it is not anchored yet. */
export interface ProofSource {
  proof(readingId: string): Promise<Uint8Array | undefined>;
}

export interface TwinPorts {
  /** Silence, sessions and refresh: transport periods. */
  readonly wall: Clock;
  /** Event times, value ages, rule delays: scaled. */
  readonly data: Clock;
  readonly journal: TwinJournal;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

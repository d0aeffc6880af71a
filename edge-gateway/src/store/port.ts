import type { Position } from '@pulseseal/log';

/** One frame as it came. The bytes are the evidence; the other fields only find them. */
export interface StoredRow {
  /** `<dev>` text. */
  readonly device: string;
  /** 16 lower-case hex digits. */
  readonly eh: string;
  readonly segment: number;
  readonly seq: number;
  readonly stream: number;
  readonly arrivedMs: number;
  readonly frame: Uint8Array;
  /** Where the journal holds it. */
  readonly position: Position;
}

export interface StoreQuery {
  readonly device: string;
  readonly stream?: number;
  /** Arrival, inclusive. Default: everything. */
  readonly fromMs?: number;
  /** Exclusive. */
  readonly toMs?: number;
  /** Default and most: 10,000 rows. */
  readonly limit?: number;
}

/**
 * Ciphertext by device, stream and time. Putting a row again changes nothing. Every adapter passes
 * `test/store.contract.ts`.
 */
export interface CiphertextStore {
  /** It never takes a longer frame. Undefined: it takes all. */
  readonly mostFrameBytes?: number;
  /**
   * Resolves when the rows are stored. Rejects with `store-unreachable` and stores any or none of them; with
   * `store-frame-too-long` for what it never takes.
   */
  put(rows: readonly StoredRow[]): Promise<void>;
  /** In order of arrival, then of number. */
  query(query: StoreQuery): Promise<StoredRow[]>;
  frame(device: string, eh: string, seq: number): Promise<StoredRow | undefined>;
  /** In order of number. */
  segment(device: string, eh: string, segment: number): Promise<StoredRow[]>;
  close(): Promise<void>;
}

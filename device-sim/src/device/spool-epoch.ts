import type { RangeSet } from './ranges.ts';

export interface SpoolFrame {
  readonly seq: number;
  readonly sg: number;
  readonly dt: number;
  readonly urgent: boolean;
  /** The frame as it was first sealed, tag included. */
  readonly raw: Uint8Array;
}

export interface SpoolSegment {
  readonly number: number;
  readonly firstSeq: number;
  /** Empty when damage of the flash may have taken what was said of this segment: it is never closed then. */
  kcv: ReadonlyMap<number, Uint8Array>;
  /** Leaf i belongs to seq firstSeq + i. Emptied when the close is durable and the segment old. */
  leaves: Uint8Array[];
  /** Leaves whose frames are gone. */
  loneLeaves: number;
  lastDt: number;
  /** The signed close; forgotten when durable at the gateway, its hash stays. */
  close: Uint8Array | undefined;
  closeHash: Uint8Array | undefined;
}

/** One epoch as the device's memory holds it, until nothing of it is owed. */
export interface SpoolEpoch {
  readonly eh: string;
  readonly ehBytes: Uint8Array;
  readonly oh: Uint8Array;
  readonly boot: number;
  readonly epoch: number;
  /** Carries no gateway MAC: goes by bulk only. */
  readonly offline: boolean;
  open: Uint8Array | undefined;
  keys: Uint8Array | undefined;
  /** Opening and keys are durable at the gateway. */
  accepted: boolean;
  /** The last close is made: no frame will follow. */
  ended: boolean;
  nextSeq: number;
  readonly acked: RangeSet;
  readonly dropped: RangeSet;
  readonly refused: RangeSet;
  readonly segments: Map<number, SpoolSegment>;
  /** In seq order: sealed and neither acknowledged nor dropped. */
  readonly frames: Map<number, SpoolFrame>;
  /** Closes not yet durable at the gateway. */
  readonly openCloses: Set<number>;
  /** Closes that a loss of power may still take. */
  readonly unsyncedCloses: Set<number>;
  /** Hash of the newest close, and its segment: the chain. */
  lastCloseHash: Uint8Array | undefined;
  lastClosed: number;
}

/** The close of a segment, once it is sure to be there after a loss of power: one that is sent and forgotten would be signed anew. */
export function closeToSend(epoch: SpoolEpoch, sg: number): Uint8Array | undefined {
  return epoch.unsyncedCloses.has(sg) ? undefined : epoch.segments.get(sg)?.close;
}

/** Whether anything of this epoch still has to reach the gateway. */
export function isOwed(epoch: SpoolEpoch): boolean {
  return !epoch.accepted || !epoch.ended || epoch.frames.size > 0 || epoch.openCloses.size > 0;
}

import type { Position } from '@pulseseal/log';

/**
 * The index over the journal: where things are and what was decided about them. All of it follows from the journal;
 * it is committed together with the position up to which it is complete, so a start reads only what came after.
 */
export interface Catalogue {
  /** Everything before this position of the journal is in here. */
  readonly cursor: Position;
  /** Writes all changes and the cursor, in one transaction. */
  commit(cursor: Position): void;
  /** Forgets what was not committed. */
  rollback(): void;
  readonly starts: number;
  setStarts(value: number): void;

  device(name: string): DeviceRow | undefined;
  deviceByNumber(number: number): DeviceRow | undefined;
  /** The highest that any record names: a number is never given twice, also when the record that gave it is damaged. */
  readonly lastDeviceNumber: number;
  addDevice(number: number, name: string, thumbprint: Uint8Array): void;
  setEndorse(number: number, position: Position): void;
  setManifest(number: number, position: Position, hash: Uint8Array, version: number): void;
  setStored(number: number, boot: number, epoch: number, oh: Uint8Array): void;
  setRetired(number: number): void;
  /** What the ledger ended: consents by `consentName`, devices by their pseudonym. */
  revokedConsents(): readonly string[];
  addRevoked(consent: string): void;
  manifest(hash: Uint8Array): ManifestRow | undefined;
  /** Every device, for feeds to new readers and for totals. */
  devices(): Iterable<DeviceRow>;

  /**
   * An opening that came again takes the place of one that the disk has spoiled, and its entry in the evidence log.
   * `isMended`: it did.
   */
  addEpoch(epoch: Omit<EpochRow, 'id' | 'isAccepted' | 'entry'>): { readonly id: number; readonly isMended: boolean };
  /** Its id. An epoch whose opening the disk has spoiled gets one by the messages that name it. */
  epochNumber(deviceNumber: number, eh: Uint8Array): number;
  /** The disk has spoiled its opening: from now on it counts as not stored, and so does its (boot, epoch). */
  setSpoiled(id: number): void;
  setAccepted(id: number): void;
  /** Those whose opening is there. */
  epoch(deviceNumber: number, eh: Uint8Array): EpochRow | undefined;
  /** One whose opening is not: its frames are. */
  unopened(deviceNumber: number, eh: Uint8Array): EpochRow | undefined;
  /** Newest first by (boot, epoch). */
  epochs(deviceNumber: number, limit: number): EpochRow[];
  epochById(id: number): EpochRow | undefined;
  epochByHash(eh: Uint8Array): EpochRow | undefined;
  /** Whether an open of this (boot, epoch) is stored. */
  hasPair(deviceNumber: number, boot: number, epoch: number): boolean;
  /** The epoch whose opening stands there. */
  epochAt(position: Position): EpochRow | undefined;
  addKeys(epochId: number, position: Position): void;
  keys(epochId: number): Position[];
  addRepair(epochId: number, position: Position): void;
  repairs(epochId: number): Position[];

  addClose(close: Omit<CloseRow, 'entry'>): void;
  /** In order of segment, then of arrival. */
  closes(epochId: number): CloseRow[];
  closeAt(position: Position): CloseRow | undefined;
  /** Epochs with a segment that is held or logged and neither complete nor disputed. */
  unfinishedEpochs(): EpochRow[];
  setSegmentState(position: Position, state: SegmentState): void;

  addFrame(frame: FramePlace): void;
  /** Places of the frames with first <= seq < end, in order of arrival. */
  frames(epochId: number, first: number, end: number): FramePlace[];
  /** The oldest places of a device between two times of arrival, in order of arrival, then of number. */
  framesBetween(deviceNumber: number, fromMs: number, toMs: number, limit: number, stream?: number): FramePlace[];

  /** The next entry of the evidence log; answers its index. */
  addEntry(position: Position, leaf: Uint8Array): number;
  /** What stands at the entries [from, to), in order. */
  entries(from: number, to: number): EntryRow[];
  readonly entryCount: number;
  entryPosition(index: number): Position | undefined;
  entryAt(position: Position): number | undefined;
  /** Hashes of the tree: level 0 are leaves. */
  node(level: number, index: number): Uint8Array | undefined;
  putNode(level: number, index: number, hash: Uint8Array): void;

  addSth(sth: SthRow): void;
  lastSth(): SthRow | undefined;
  /** The smallest head with at least `size` entries. */
  sthFor(size: number): SthRow | undefined;
  setAnchored(size: number): void;
  readonly anchoredSize: number;
  firstUnanchored(): SthRow | undefined;

  addBeacon(serial: number, hash: Uint8Array, position: Position): void;
  beacon(hash: Uint8Array): BeaconRow | undefined;
  lastBeacon(): BeaconRow | undefined;

  close(): void;
}

export interface DeviceRow {
  readonly number: number;
  readonly name: string;
  readonly thumbprint: Uint8Array;
  readonly endorseAt: Position | undefined;
  readonly manifestAt: Position | undefined;
  readonly boot: number | undefined;
  readonly epoch: number | undefined;
  readonly oh: Uint8Array | undefined;
  readonly isRetired: boolean;
}

export interface ManifestRow {
  readonly deviceNumber: number;
  readonly version: number;
  readonly position: Position;
}

export interface EpochRow {
  readonly id: number;
  readonly deviceNumber: number;
  readonly eh: Uint8Array;
  readonly oh: Uint8Array;
  readonly boot: number;
  readonly epoch: number;
  /** Of its opening; 0 and below: the disk has spoiled it. */
  readonly position: Position;
  readonly isBulk: boolean;
  readonly isAccepted: boolean;
  readonly arrivedMs: number;
  /** Index of its open in the evidence log. */
  readonly entry: number | undefined;
}

/** An opening (`segment` null) or a close in the evidence log. */
export interface EntryRow {
  readonly entry: number;
  readonly epochId: number;
  readonly segment: number | null;
}

/** held: its predecessor is missing; logged: in the evidence log; then complete or disputed. */
export type SegmentState = 'held' | 'logged' | 'complete' | 'disputed';

export interface CloseRow {
  readonly epochId: number;
  readonly segment: number;
  readonly position: Position;
  readonly first: number;
  readonly count: number;
  readonly hash: Uint8Array;
  readonly isLast: boolean;
  readonly state: SegmentState;
  readonly entry: number | undefined;
}

export interface FramePlace {
  readonly epochId: number;
  readonly deviceNumber: number;
  readonly seq: number;
  readonly stream: number;
  readonly position: Position;
  readonly arrivedMs: number;
}

export interface SthRow {
  readonly size: number;
  readonly batch: number;
  readonly position: Position;
  readonly hash: Uint8Array;
  readonly isAnchored: boolean;
}

export interface BeaconRow {
  readonly serial: number;
  readonly hash: Uint8Array;
  readonly position: Position;
}

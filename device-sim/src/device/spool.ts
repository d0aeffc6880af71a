import { deviceLimits } from './limits.ts';
import type { Flash } from './ports.ts';
import { createRangeSet } from './ranges.ts';
import { isOwed, type SpoolEpoch, type SpoolFrame, type SpoolSegment } from './spool-epoch.ts';
import { liveRecords, owesFrames } from './spool-live.ts';
import { decodeRecord, encodeRecord, type SpoolRecord } from './spool-records.ts';
import { nextToGo } from './spool-room.ts';
import { createCloseSync } from './spool-sync.ts';

/** What the device has sealed and may not forget yet. Written to flash before anything is sent. */
export interface Spool {
  /** Oldest first. */
  epochs(): Iterable<SpoolEpoch>;
  get(eh: string): SpoolEpoch | undefined;
  readonly bytes: number;
  readonly frameCount: number;
  begin(start: Omit<Extract<SpoolRecord, { kind: 'epoch' }>, 'kind' | 'accepted' | 'nextSeq'>): SpoolEpoch;
  beginSegment(epoch: SpoolEpoch, sg: number, firstSeq: number, kcv: ReadonlyMap<number, Uint8Array>): SpoolSegment;
  /**
   * Keeps a sealed frame. Makes room by dropping the oldest data, urgent frames last, and what is left of an older epoch
   * when its last frame is gone; answers the frames that were dropped. The new one goes only when nothing else can.
   */
  keep(epoch: SpoolEpoch, frame: SpoolFrame, leaf: Uint8Array): readonly DroppedFrame[];
  /** Keeps a signed close. It is sendable (`closeToSend`) only when a loss of power cannot take it any more. */
  close(epoch: SpoolEpoch, sg: number, raw: Uint8Array, hash: Uint8Array, last: boolean): void;
  /** Runs when the closes kept so far are sendable: at once where nothing has to be waited for. */
  afterSync(run: () => void): void;
  /** Places where the flash had lost records. */
  readonly damaged: number;
  /** Durable at the gateway. Numbers the device never sealed are ignored. */
  acknowledge(epoch: SpoolEpoch, frames: readonly (readonly [number, number])[], closesBelow: number): void;
  acknowledgeClose(epoch: SpoolEpoch, sg: number): void;
  accept(epoch: SpoolEpoch): void;
  refuse(epoch: SpoolEpoch, seq: number): boolean;
  end(epoch: SpoolEpoch): void;
  /** Lets the epoch go, its frames counted: `dropped` when too many epochs wait, `refused` when nobody may take it. */
  giveUp(epoch: SpoolEpoch, why: 'dropped' | 'refused'): void;
  /** Writes acknowledgements down, compacts when worth it, and lets finished epochs go. */
  flush(): void;
  clear(): void;
}

export interface DroppedFrame {
  readonly epoch: SpoolEpoch;
  readonly seq: number;
  readonly sg: number;
}

export interface SpoolSettings {
  readonly bytes: number;
  readonly leafOf: (oh: Uint8Array, raw: Uint8Array) => Uint8Array;
  readonly hash: (bytes: Uint8Array) => Uint8Array;
  /** Newly acknowledged, dropped or refused frames, at each flush. */
  readonly onSettled: (epoch: SpoolEpoch, settled: Settled) => void;
  /** Neither sync nor rewrite worked: closes wait on the device. */
  readonly onSyncFailed: (error: unknown) => void;
  /** Epochs that must not be let go, such as the current one. */
  readonly isCurrent: (epoch: SpoolEpoch) => boolean;
}

export interface Settled {
  readonly acked: readonly (readonly [number, number])[];
  readonly dropped: readonly (readonly [number, number])[];
  readonly refused: readonly (readonly [number, number])[];
}

interface Fresh {
  readonly acked: ReturnType<typeof createRangeSet>;
  readonly dropped: ReturnType<typeof createRangeSet>;
  readonly refused: ReturnType<typeof createRangeSet>;
  readonly closes: number[];
  accepted: boolean;
}

/** Opens the spool: what an earlier run left is there again. */
export function openSpool(flash: Flash, settings: SpoolSettings): Spool {
  const epochs = new Map<string, SpoolEpoch>();
  const fresh = new Map<string, Fresh>();
  let bytes = 0;
  let frameCount = 0;
  /** Something changed since the last flush. */
  let dirty = true;

  let damaged = 0;
  const rewrite = () => flash.rewrite([...epochs.values()].flatMap(liveRecords).map(encodeRecord));
  const closes = createCloseSync({ sync: () => flash.sync(), rewrite, failed: settings.onSyncFailed });
  const write = (record: SpoolRecord) => flash.append(encodeRecord(record));
  const freshOf = (epoch: SpoolEpoch): Fresh => {
    dirty = true;
    let entry = fresh.get(epoch.eh);
    if (entry === undefined) {
      const set = createRangeSet;
      entry = { acked: set(), dropped: set(), refused: set(), closes: [], accepted: false };
      fresh.set(epoch.eh, entry);
    }
    return entry;
  };
  const forget = (epoch: SpoolEpoch, seq: number): SpoolFrame | undefined => {
    const frame = epoch.frames.get(seq);
    if (frame === undefined) return undefined;
    epoch.frames.delete(seq);
    bytes -= frame.raw.length;
    frameCount--;
    standAlone(epoch, frame.sg);
    return frame;
  };
  /** A leaf outlives its frame: what proves the gaps has to fit into the memory too. */
  const standAlone = (epoch: SpoolEpoch, sg: number) => {
    const segment = epoch.segments.get(sg);
    if (segment === undefined) return;
    segment.loneLeaves++;
    bytes += deviceLimits.leafBytes;
  };
  const dropSegment = (epoch: SpoolEpoch, segment: SpoolSegment) => {
    epoch.segments.delete(segment.number);
    bytes -= segment.loneLeaves * deviceLimits.leafBytes;
  };
  const trimLeaves = (epoch: SpoolEpoch) => {
    for (const segment of epoch.segments.values()) {
      if (segment.closeHash === undefined || epoch.openCloses.has(segment.number)) continue;
      // Leaves of the newest four segments answer a nack even after their close is durable.
      if (segment.number > epoch.lastClosed - 4 && !epoch.ended) continue;
      if (owesFrames(epoch, segment)) continue;
      dropSegment(epoch, segment);
    }
  };
  const addEpoch = (record: Extract<SpoolRecord, { kind: 'epoch' }>): SpoolEpoch => {
    const epoch: SpoolEpoch = {
      eh: record.eh,
      ehBytes: record.oh.slice(0, 8),
      oh: record.oh,
      boot: record.boot,
      epoch: record.epoch,
      offline: record.offline,
      open: record.open.length > 0 ? record.open : undefined,
      keys: record.keys.length > 0 ? record.keys : undefined,
      accepted: record.accepted,
      ended: false,
      nextSeq: record.nextSeq,
      acked: createRangeSet(),
      dropped: createRangeSet(),
      refused: createRangeSet(),
      segments: new Map(),
      frames: new Map(),
      openCloses: new Set(),
      unsyncedCloses: new Set(),
      lastCloseHash: undefined,
      lastClosed: -1,
    };
    epochs.set(epoch.eh, epoch);
    bytes += record.open.length + record.keys.length;
    return epoch;
  };
  const addSegment = (epoch: SpoolEpoch, sg: number, firstSeq: number, kcv: ReadonlyMap<number, Uint8Array>) => {
    const segment: SpoolSegment = {
      number: sg,
      firstSeq,
      kcv,
      leaves: [],
      loneLeaves: 0,
      lastDt: 0,
      close: undefined,
      closeHash: undefined,
    };
    epoch.segments.set(sg, segment);
    return segment;
  };
  /** Without its record, which was damaged, nobody can close it; what it holds still goes up. */
  const segmentOf = (epoch: SpoolEpoch, sg: number, firstSeq: number): SpoolSegment =>
    epoch.segments.get(sg) ?? addSegment(epoch, sg, firstSeq, new Map());
  const addLeaf = (epoch: SpoolEpoch, sg: number, seq: number, dt: number, leaf: Uint8Array) => {
    const segment = segmentOf(epoch, sg, seq);
    segment.leaves[seq - segment.firstSeq] = leaf;
    segment.lastDt = Math.max(segment.lastDt, dt);
    epoch.nextSeq = Math.max(epoch.nextSeq, seq + 1);
  };
  const addFrame = (epoch: SpoolEpoch, frame: SpoolFrame, leaf: Uint8Array) => {
    addLeaf(epoch, frame.sg, frame.seq, frame.dt, leaf);
    epoch.frames.set(frame.seq, frame);
    bytes += frame.raw.length;
    frameCount++;
  };
  const addClose = (epoch: SpoolEpoch, sg: number, raw: Uint8Array | undefined, hash: Uint8Array, last: boolean) => {
    const segment = raw === undefined ? epoch.segments.get(sg) : segmentOf(epoch, sg, epoch.nextSeq);
    if (segment !== undefined) {
      segment.close = raw;
      segment.closeHash = hash;
    }
    if (raw !== undefined) {
      epoch.openCloses.add(sg);
      bytes += raw.length;
    }
    if (sg >= epoch.lastClosed) {
      epoch.lastClosed = sg;
      epoch.lastCloseHash = hash;
    }
    epoch.ended ||= last;
  };
  const settleClose = (epoch: SpoolEpoch, sg: number): boolean => {
    if (!epoch.openCloses.delete(sg)) return false;
    const segment = epoch.segments.get(sg);
    if (segment?.close !== undefined) {
      bytes -= segment.close.length;
      segment.close = undefined;
    }
    return true;
  };
  const settleFrames = (epoch: SpoolEpoch, frames: readonly (readonly [number, number])[], into?: Fresh) => {
    for (const [first, given] of frames) {
      const count = Math.min(given, epoch.nextSeq - first);
      if (first < 1 || count <= 0) continue;
      if (epoch.acked.add(first, count) > 0) into?.acked.add(first, count);
      if (count > epoch.frames.size) {
        for (const seq of epoch.frames.keys()) if (seq >= first && seq < first + count) forget(epoch, seq);
      } else for (let seq = first; seq < first + count; seq++) forget(epoch, seq);
    }
  };
  const settleAccepted = (epoch: SpoolEpoch) => {
    epoch.accepted = true;
    bytes -= (epoch.open?.length ?? 0) + (epoch.keys?.length ?? 0);
    epoch.open = undefined;
    epoch.keys = undefined;
  };
  const remove = (epoch: SpoolEpoch) => {
    for (const seq of [...epoch.frames.keys()]) forget(epoch, seq);
    for (const sg of [...epoch.openCloses]) settleClose(epoch, sg);
    settleAccepted(epoch);
    // Of the current epoch the sealer still has the open segment in hand.
    if (!settings.isCurrent(epoch)) for (const segment of epoch.segments.values()) dropSegment(epoch, segment);
    epochs.delete(epoch.eh);
  };

  const replay = (record: SpoolRecord) => {
    if (record.kind === 'epoch') {
      addEpoch(record);
      return;
    }
    const epoch = epochs.get(record.eh);
    if (epoch === undefined) return;
    switch (record.kind) {
      case 'segment':
        addSegment(epoch, record.sg, record.firstSeq, record.kcv);
        return;
      case 'frame':
        addFrame(epoch, record, settings.leafOf(epoch.oh, record.raw));
        return;
      case 'leaf':
        addLeaf(epoch, record.sg, record.seq, record.dt, record.leaf);
        standAlone(epoch, record.sg);
        return;
      case 'close':
        addClose(epoch, record.sg, record.raw, settings.hash(record.raw), record.last);
        return;
      case 'closed':
        addClose(epoch, record.sg, undefined, record.hash, record.last);
        return;
      case 'acked':
        settleFrames(epoch, record.frames);
        for (const sg of record.closes) settleClose(epoch, sg);
        if (record.accepted) settleAccepted(epoch);
        return;
      case 'gone':
        for (const [first, count] of record.frames) {
          epoch[record.why].add(first, count);
          for (let seq = first; seq < first + count; seq++) forget(epoch, seq);
        }
        return;
      case 'done':
        remove(epoch);
        return;
    }
  };
  /** Any record may have been there, a close that was sent among them: what is open then is never closed again. */
  const distrust = () => {
    damaged++;
    for (const epoch of epochs.values())
      for (const segment of epoch.segments.values()) if (segment.closeHash === undefined) segment.kcv = new Map();
  };
  for (const raw of flash.readRecords()) {
    const record = raw === undefined ? undefined : decodeRecord(raw);
    if (record !== undefined) replay(record);
    else distrust();
  }
  // The process may have ended between a close and its sync, and the power may go before the next one.
  for (const epoch of epochs.values()) for (const sg of epoch.openCloses) closes.add(epoch, sg);

  const makeRoom = (into: SpoolEpoch, newest: SpoolFrame): DroppedFrame[] => {
    const dropped: DroppedFrame[] = [];
    while (bytes > settings.bytes) {
      const victim = nextToGo(epochs.values(), into, newest, settings.isCurrent);
      if (victim === undefined) break;
      const { epoch, frame } = victim;
      if (frame === undefined) {
        giveUp(epoch, 'dropped');
        continue;
      }
      forget(epoch, frame.seq);
      epoch.dropped.add(frame.seq, 1);
      freshOf(epoch).dropped.add(frame.seq, 1);
      dropped.push({ epoch, seq: frame.seq, sg: frame.sg });
    }
    return dropped;
  };
  const flush = () => {
    if (!dirty) return;
    dirty = false;
    for (const [eh, entry] of fresh) {
      const epoch = epochs.get(eh);
      if (epoch === undefined) continue;
      const settled: Settled = {
        acked: entry.acked.ranges(),
        dropped: entry.dropped.ranges(),
        refused: entry.refused.ranges(),
      };
      write({ kind: 'acked', eh, accepted: entry.accepted, frames: settled.acked, closes: entry.closes });
      if (settled.dropped.length > 0) write({ kind: 'gone', eh, why: 'dropped', frames: settled.dropped });
      if (settled.refused.length > 0) write({ kind: 'gone', eh, why: 'refused', frames: settled.refused });
      settings.onSettled(epoch, settled);
    }
    fresh.clear();
    for (const epoch of [...epochs.values()]) {
      trimLeaves(epoch);
      if (isOwed(epoch) || settings.isCurrent(epoch)) continue;
      write({ kind: 'done', eh: epoch.eh });
      remove(epoch);
    }
    const worth = flash.spoolBytes() > Math.max(deviceLimits.compactBytes, deviceLimits.compactFactor * bytes);
    if (worth) rewrite();
  };
  const giveUp: Spool['giveUp'] = (epoch, why) => {
    const entry = freshOf(epoch);
    for (const seq of epoch.frames.keys()) {
      epoch[why].add(seq, 1);
      entry[why].add(seq, 1);
    }
    flush();
    write({ kind: 'done', eh: epoch.eh });
    remove(epoch);
  };
  return {
    epochs: () => epochs.values(),
    get: (eh) => epochs.get(eh),
    get bytes() {
      return bytes;
    },
    get frameCount() {
      return frameCount;
    },
    begin(start) {
      const record = { kind: 'epoch', accepted: false, nextSeq: 1, ...start } as const;
      write(record);
      return addEpoch(record);
    },
    beginSegment(epoch, sg, firstSeq, kcv) {
      write({ kind: 'segment', eh: epoch.eh, sg, firstSeq, kcv });
      return addSegment(epoch, sg, firstSeq, kcv);
    },
    keep(epoch, frame, leaf) {
      write({ kind: 'frame', eh: epoch.eh, ...frame });
      addFrame(epoch, frame, leaf);
      return bytes > settings.bytes ? makeRoom(epoch, frame) : [];
    },
    close(epoch, sg, raw, hash, last) {
      dirty = true;
      write({ kind: 'close', eh: epoch.eh, sg, last, raw });
      addClose(epoch, sg, raw, hash, last);
      closes.add(epoch, sg);
    },
    afterSync: closes.after,
    get damaged() {
      return damaged;
    },
    acknowledge(epoch, frames, closesBelow) {
      const entry = freshOf(epoch);
      settleFrames(epoch, frames, entry);
      for (const sg of [...epoch.openCloses]) if (sg < closesBelow && settleClose(epoch, sg)) entry.closes.push(sg);
    },
    acknowledgeClose(epoch, sg) {
      if (settleClose(epoch, sg)) freshOf(epoch).closes.push(sg);
    },
    accept(epoch) {
      if (epoch.accepted) return;
      settleAccepted(epoch);
      freshOf(epoch).accepted = true;
    },
    refuse(epoch, seq) {
      if (forget(epoch, seq) === undefined) return false;
      epoch.refused.add(seq, 1);
      freshOf(epoch).refused.add(seq, 1);
      return true;
    },
    end(epoch) {
      dirty = true;
      epoch.ended = true;
    },
    giveUp,
    flush,
    clear() {
      epochs.clear();
      fresh.clear();
      bytes = 0;
      frameCount = 0;
      flash.rewrite([]);
    },
  };
}

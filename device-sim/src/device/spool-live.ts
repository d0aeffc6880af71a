import type { SpoolEpoch, SpoolSegment } from './spool-epoch.ts';
import type { SpoolRecord } from './spool-records.ts';

/** Whether the gateway lacks anything of the segment. */
export function owesFrames(epoch: SpoolEpoch, segment: SpoolSegment): boolean {
  const end = segment.firstSeq + segment.leaves.length;
  for (let seq = segment.firstSeq; seq < end; seq++) if (!epoch.acked.has(seq)) return true;
  return false;
}

/** The least that says the same: for a rewrite of the spool. */
export function liveRecords(epoch: SpoolEpoch): SpoolRecord[] {
  const { eh } = epoch;
  const none = new Uint8Array(0);
  const records: SpoolRecord[] = [
    {
      kind: 'epoch',
      eh,
      oh: epoch.oh,
      boot: epoch.boot,
      epoch: epoch.epoch,
      offline: epoch.offline,
      accepted: epoch.accepted,
      open: epoch.open ?? none,
      keys: epoch.keys ?? none,
      nextSeq: epoch.nextSeq,
    },
  ];
  if (epoch.lastCloseHash !== undefined && !epoch.segments.has(epoch.lastClosed))
    records.push({ kind: 'closed', eh, sg: epoch.lastClosed, last: epoch.ended, hash: epoch.lastCloseHash });
  for (const segment of epoch.segments.values()) {
    records.push({ kind: 'segment', eh, sg: segment.number, firstSeq: segment.firstSeq, kcv: segment.kcv });
    segment.leaves.forEach((leaf, i) => {
      const seq = segment.firstSeq + i;
      const frame = epoch.frames.get(seq);
      records.push(
        frame === undefined
          ? { kind: 'leaf', eh, sg: segment.number, seq, dt: segment.lastDt, leaf }
          : { kind: 'frame', eh, ...frame },
      );
    });
    const last = epoch.ended && segment.number === epoch.lastClosed;
    if (segment.close !== undefined) records.push({ kind: 'close', eh, sg: segment.number, last, raw: segment.close });
    else if (segment.closeHash !== undefined)
      records.push({ kind: 'closed', eh, sg: segment.number, last, hash: segment.closeHash });
  }
  records.push({ kind: 'acked', eh, accepted: epoch.accepted, frames: epoch.acked.ranges(), closes: [] });
  for (const why of ['dropped', 'refused'] as const)
    if (epoch[why].size > 0) records.push({ kind: 'gone', eh, why, frames: epoch[why].ranges() });
  return records;
}

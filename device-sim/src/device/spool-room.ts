import type { SpoolEpoch, SpoolFrame } from './spool-epoch.ts';

/**
 * What a full memory lets go next: the oldest ordinary frame, or an older epoch without any frame as a whole (no frame
 * named). When the new frame alone is left of those, urgent ones of older epochs go before it, and it goes before urgent
 * ones of its own epoch.
 *
 * @param epochs oldest first
 * @param into the epoch of the new frame
 */
export function nextToGo(
  epochs: Iterable<SpoolEpoch>,
  into: SpoolEpoch,
  newest: SpoolFrame,
  isCurrent: (epoch: SpoolEpoch) => boolean,
): { readonly epoch: SpoolEpoch; readonly frame?: SpoolFrame } | undefined {
  let olderUrgent: { epoch: SpoolEpoch; frame: SpoolFrame } | undefined;
  let ownUrgent: SpoolFrame | undefined;
  for (const epoch of epochs) {
    if (epoch !== into && epoch.frames.size === 0 && !isCurrent(epoch)) return { epoch };
    for (const frame of epoch.frames.values()) {
      if (!frame.urgent && frame !== newest) return { epoch, frame };
      if (epoch !== into) olderUrgent ??= { epoch, frame };
      else if (frame.urgent) ownUrgent ??= frame;
    }
  }
  if (olderUrgent !== undefined) return olderUrgent;
  const own = newest.urgent ? ownUrgent : newest;
  return own === undefined || !into.frames.has(own.seq) ? undefined : { epoch: into, frame: own };
}

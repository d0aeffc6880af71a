import type { Catalogue } from './catalogue.ts';
import type { Range } from './received.ts';

/** What stands on disk of one epoch: distinct numbers of frames, as ascending ranges. */
export interface EpochAccount {
  readonly device: string;
  /** 16 hex digits. */
  readonly eh: string;
  readonly stored: readonly Range[];
  /** Stored, and the root of a verified close was checked. */
  readonly sealed: readonly Range[];
  /** Sealed under a head that the ledger holds. */
  readonly anchored: readonly Range[];
  /** Numbers stored more than once: a defect. */
  readonly doubled: number;
}

export function* accountOf(catalogue: Catalogue): Generator<EpochAccount> {
  const { anchoredSize } = catalogue;
  for (const device of catalogue.devices()) {
    for (const epoch of catalogue.epochs(device.number, Number.MAX_SAFE_INTEGER)) {
      const seqs = catalogue.frames(epoch.id, 0, Number.MAX_SAFE_INTEGER).map((place) => place.seq);
      seqs.sort((a, b) => a - b);
      const distinct = seqs.filter((seq, i) => seq !== seqs[i - 1]);
      const complete = catalogue.closes(epoch.id).filter((close) => close.state === 'complete');
      const within = (closes: typeof complete) =>
        rangesOf(distinct.filter((seq) => closes.some((c) => seq >= c.first && seq < c.first + c.count)));
      yield {
        device: device.name,
        eh: Buffer.from(epoch.eh).toString('hex'),
        stored: rangesOf(distinct),
        sealed: within(complete),
        anchored: within(complete.filter((close) => close.entry !== undefined && close.entry < anchoredSize)),
        doubled: seqs.length - distinct.length,
      };
    }
  }
}

function rangesOf(seqs: readonly number[]): Range[] {
  const out: [number, number][] = [];
  for (const seq of seqs) {
    const last = out.at(-1);
    if (last !== undefined && last[0] + last[1] === seq) last[1]++;
    else out.push([seq, 1]);
  }
  return out;
}

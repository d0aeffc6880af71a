/** Sets of numbers as ascending, disjoint [first, count] pairs: how every zone accounts for an epoch's frames. */
export type Ranges = readonly (readonly [first: number, count: number])[];

/** `<dev>.<eh hex>` -> frames by seq. */
export type FrameSets = ReadonlyMap<string, Ranges>;

export interface BodyAccount {
  readonly sent: FrameSets;
  readonly acknowledged: FrameSets;
  /** Still on a device. */
  readonly held: FrameSets;
  /** Data time per wall time that the bodies really reached. */
  readonly speed: number;
}

export interface EdgeAccount {
  readonly stored: FrameSets;
  /** Stored, and in a segment whose verified close's root was checked. */
  readonly sealed: FrameSets;
  /** Sealed under a head that the ledger holds. */
  readonly anchored: FrameSets;
  /** Frames found more than once in the store. */
  readonly duplicates: number;
  readonly refusals: Readonly<Record<string, number>>;
}

export interface CareAccount {
  /** Distinct frames that this recipient opened. */
  readonly opened: number;
  /** Frames whose readings the twins took twice. */
  readonly duplicates: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly alerts: Readonly<Record<string, number>>;
}

export interface Totals {
  readonly sent: number;
  readonly acknowledged: number;
  readonly stored: number;
  readonly opened: number;
  readonly sealed: number;
  readonly anchored: number;
  readonly alerts: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly duplicate: number;
  readonly speed: number;
}

/** Adds up what the zones account for, each by itself, and finds what is between them. */
export function addUp(body: BodyAccount, edge: EdgeAccount, care: CareAccount): Totals {
  return {
    sent: countAll(body.sent),
    acknowledged: countAll(body.acknowledged),
    stored: countAll(edge.stored),
    opened: care.opened,
    sealed: countAll(edge.sealed),
    anchored: countAll(edge.anchored),
    alerts: care.alerts,
    refusals: sum(edge.refusals, care.refusals),
    lost: countMissing(body.acknowledged, [edge.stored]) + countUnacknowledgedGone(body, edge),
    duplicate: edge.duplicates + care.duplicates,
    speed: body.speed,
  };
}

/** Sent, never acknowledged, and neither on a device nor stored. */
function countUnacknowledgedGone(body: BodyAccount, edge: EdgeAccount): number {
  return countMissing(body.sent, [body.acknowledged, body.held, edge.stored]);
}

export function countAll(sets: FrameSets): number {
  let total = 0;
  for (const ranges of sets.values()) total += count(ranges);
  return total;
}

function count(ranges: Ranges): number {
  return ranges.reduce((sum, [, n]) => sum + n, 0);
}

/** How many frames of `sets` are in none of `others`. */
export function countMissing(sets: FrameSets, others: readonly FrameSets[]): number {
  let missing = 0;
  for (const [epoch, ranges] of sets) {
    let left = ranges;
    for (const other of others) left = without(left, other.get(epoch) ?? []);
    missing += count(left);
  }
  return missing;
}

/** a minus b; both ascending and disjoint. */
export function without(a: Ranges, b: Ranges): Ranges {
  const out: [number, number][] = [];
  let at = 0;
  for (const [first, n] of a) {
    let from = first;
    const to = first + n;
    while (at < b.length && b[at]![0] + b[at]![1] <= from) at++;
    for (let i = at; i < b.length && b[i]![0] < to; i++) {
      if (b[i]![0] > from) out.push([from, b[i]![0] - from]);
      from = Math.max(from, b[i]![0] + b[i]![1]);
    }
    if (from < to) out.push([from, to - from]);
  }
  return out;
}

function sum(...parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const part of parts)
    for (const [name, n] of Object.entries(part)) if (n > 0) total[name] = (total[name] ?? 0) + n;
  return total;
}

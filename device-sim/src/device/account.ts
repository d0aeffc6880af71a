import { deviceLimits } from './limits.ts';
import type { Flash } from './ports.ts';
import { createRangeSet, type RangeSet } from './ranges.ts';
import type { Settled } from './spool.ts';

type Ranges = readonly (readonly [first: number, count: number])[];

/** What one epoch has to answer for: distinct frames by seq. */
export interface EpochAccount {
  /** Hex of the first 8 bytes of `oh`. */
  readonly eh: string;
  readonly boot: number;
  readonly epoch: number;
  /** Frames sealed = the highest seq. */
  readonly sent: number;
  /** The device holds a durable acknowledgement for these frames themselves. */
  readonly acknowledged: Ranges;
  /** Given up by the device for want of space; never acknowledged as frames. */
  readonly dropped: Ranges;
  /** Given up after an authenticated refusal. */
  readonly refused: Ranges;
}

/**
 * The device's own account, on its flash as lines of JSON, so that a checker can read it without any code of the
 * device: {"e":EH,"b":BOOT,"n":EPOCH,"s":SENT,"a":[[first,count],...],"d":[...],"r":[...]}; a later line of an epoch
 * adds to the earlier ones (s: the highest counts).
 */
export interface Account {
  note(epoch: { eh: string; boot: number; epoch: number; nextSeq: number }, settled: Settled): void;
  list(): readonly EpochAccount[];
}

interface Entry {
  boot: number;
  epoch: number;
  sent: number;
  readonly acked: RangeSet;
  readonly dropped: RangeSet;
  readonly refused: RangeSet;
}

interface Line {
  readonly e: string;
  readonly b: number;
  readonly n: number;
  readonly s: number;
  readonly a?: Ranges;
  readonly d?: Ranges;
  readonly r?: Ranges;
}

export function openAccount(flash: Flash): Account {
  const entries = new Map<string, Entry>();
  let writtenBytes = 0;
  const apply = (line: Line) => {
    let entry = entries.get(line.e);
    if (entry === undefined) {
      entry = {
        boot: line.b,
        epoch: line.n,
        sent: 0,
        acked: createRangeSet(),
        dropped: createRangeSet(),
        refused: createRangeSet(),
      };
      entries.set(line.e, entry);
    }
    entry.sent = Math.max(entry.sent, line.s);
    for (const [first, count] of line.d ?? []) entry.dropped.add(first, count);
    for (const [first, count] of line.r ?? []) entry.refused.add(first, count);
    for (const [first, count] of line.a ?? []) addWithout(entry, first, count);
  };
  for (const text of flash.readAccount().split('\n')) {
    writtenBytes += text.length + 1;
    const line = parseLine(text);
    if (line !== undefined) apply(line);
  }
  const whole = (): string =>
    [...entries]
      .map(([eh, entry]) =>
        toText({
          e: eh,
          b: entry.boot,
          n: entry.epoch,
          s: entry.sent,
          a: entry.acked.ranges(),
          d: entry.dropped.ranges(),
          r: entry.refused.ranges(),
        }),
      )
      .join('');
  return {
    note(epoch, settled) {
      const line: Line = {
        e: epoch.eh,
        b: epoch.boot,
        n: epoch.epoch,
        s: epoch.nextSeq - 1,
        a: settled.acked,
        d: settled.dropped,
        r: settled.refused,
      };
      apply(line);
      const text = toText(line);
      flash.appendAccount(text);
      writtenBytes += text.length;
      if (writtenBytes > deviceLimits.compactAckBytes) {
        const all = whole();
        flash.rewriteAccount(all);
        // At least as much again before the next rewrite, however long the list has become.
        writtenBytes = Math.min(all.length, deviceLimits.compactAckBytes / 2);
      }
    },
    list: () =>
      [...entries].map(([eh, entry]) => ({
        eh,
        boot: entry.boot,
        epoch: entry.epoch,
        sent: entry.sent,
        acknowledged: entry.acked.ranges(),
        dropped: entry.dropped.ranges(),
        refused: entry.refused.ranges(),
      })),
  };
}

/** A leaf that came by repair makes `progress` pass a dropped frame: that is no acknowledgement of the frame. */
function addWithout(entry: Entry, first: number, count: number): void {
  if (entry.dropped.size === 0 && entry.refused.size === 0) {
    entry.acked.add(first, count);
    return;
  }
  for (let seq = first; seq < first + count; seq++)
    if (!entry.dropped.has(seq) && !entry.refused.has(seq)) entry.acked.add(seq, 1);
}

function toText(line: Line): string {
  const { a = [], d = [], r = [], ...head } = line;
  return `${JSON.stringify({
    ...head,
    ...(a.length > 0 ? { a } : {}),
    ...(d.length > 0 ? { d } : {}),
    ...(r.length > 0 ? { r } : {}),
  })}\n`;
}

function parseLine(text: string): Line | undefined {
  if (text === '') return undefined;
  try {
    const line: unknown = JSON.parse(text);
    return isLine(line) ? line : undefined;
  } catch {
    return undefined;
  }
}

function isLine(value: unknown): value is Line {
  return typeof value === 'object' && value !== null && 'e' in value && 's' in value && 'b' in value && 'n' in value;
}

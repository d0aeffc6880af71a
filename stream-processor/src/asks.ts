import { encodeAsk, type Range } from '@pulseseal/protocol';
import { limits } from './limits.ts';

/** What a recipient may ask its gateway for (protocol `ask`): at most one a second and 4,096 frames a minute a pseudonym. */
export interface Asks {
  /** Puts a question in line; a question that already waits, or a full line, changes nothing. False: the line is full. */
  ask(rid: string, question: Question): boolean;
  /** Questions whose time has come, as messages. */
  due(wallMs: number): { readonly rid: string; readonly message: Uint8Array }[];
}

export interface Question {
  readonly eh: Uint8Array;
  readonly want: 1 | 2 | 3 | 4;
  readonly sg: number | null;
  readonly ranges: readonly Range[];
}

interface Line {
  readonly waiting: Map<string, Question>;
  lastWallMs: number;
  minuteWallMs: number;
  framesThisMinute: number;
}

const PERIOD_MS = 1_000;
const MINUTE_MS = 60_000;

export function createAsks(): Asks {
  const lines = new Map<string, Line>();
  return {
    ask(rid, question) {
      let line = lines.get(rid);
      if (line === undefined) {
        line = { waiting: new Map(), lastWallMs: Number.NEGATIVE_INFINITY, minuteWallMs: 0, framesThisMinute: 0 };
        lines.set(rid, line);
      }
      const name = `${question.want}/${question.sg}/${question.eh.join('.')}`;
      if (!line.waiting.has(name) && line.waiting.size >= limits.waitingAsks) return false;
      line.waiting.set(name, question);
      return true;
    },
    due(wallMs) {
      const out: { rid: string; message: Uint8Array }[] = [];
      for (const [rid, line] of lines) {
        const next = line.waiting.entries().next().value;
        if (next === undefined) {
          if (wallMs - line.minuteWallMs > MINUTE_MS) lines.delete(rid);
          continue;
        }
        if (wallMs - line.lastWallMs < PERIOD_MS) continue;
        if (wallMs - line.minuteWallMs >= MINUTE_MS) {
          line.minuteWallMs = wallMs;
          line.framesThisMinute = 0;
        }
        const [name, question] = next;
        const ranges = fit(question.ranges, limits.askedFramesPerMinute - line.framesThisMinute);
        // A spent minute holds questions about frames back; others pass with the next turn.
        if (question.want === 2 && ranges.length === 0) continue;
        line.framesThisMinute += ranges.reduce((sum, range) => sum + range.count, 0);
        line.lastWallMs = wallMs;
        line.waiting.delete(name);
        out.push({ rid, message: encodeAsk(question.eh, question.want, question.sg, ranges) });
      }
      return out;
    },
  };
}

function fit(ranges: readonly Range[], most: number): Range[] {
  const out: Range[] = [];
  let left = most;
  for (const { first, count } of ranges) {
    if (left <= 0) break;
    out.push({ first, count: Math.min(count, left) });
    left -= Math.min(count, left);
  }
  return out;
}

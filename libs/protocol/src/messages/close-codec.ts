import type { Reader, Writer } from '../cbor.ts';
import { LIMITS } from '../limits.ts';
import { demand } from '../refusal.ts';
import type { Close, CloseLast } from './bodies.ts';

/** The body of `close` (SPEC clause MSG-4). */
export const closeCodec = {
  write(w: Writer, c: Close): void {
    w.map(10 + (c.leaves === undefined ? 0 : 1) + (c.last === undefined ? 0 : 1));
    w.uint(1).text('c').uint(2).bytes(c.oh).uint(3).uint(c.segment).uint(4).uint(c.firstSeq).uint(5).uint(c.count);
    w.uint(6).bytes(c.root).uint(7).bytes(c.previous).uint(8).uint(c.dt);
    w.uint(9).array(3).uint(c.sealed).uint(c.dropped).uint(c.unacknowledged);
    w.uint(10).uintMap(c.kcv, (k) => w.bytes(k));
    if (c.leaves !== undefined) w.uint(11).bytes(c.leaves);
    if (c.last !== undefined) w.uint(12).uint(c.last);
  },

  read(r: Reader): Close {
    const f = r.fields(12);
    f.required(1, () => demand(r.text(8) === 'c', 'wrong-typ'));
    const oh = f.required(2, () => r.bytesOf(32));
    const segment = f.required(3, () => r.uint(LIMITS.segment));
    const firstSeq = f.required(4, () => r.uint(LIMITS.seq, 1));
    const count = f.required(5, () => r.uint(LIMITS.segmentFrames, 1));
    const root = f.required(6, () => r.bytesOf(32));
    const previous = f.required(7, () => r.bytesOf(32));
    const dt = f.required(8, () => r.uint());
    const totals = f.required(9, () => {
      r.arrayOf(3);
      return [r.uint(), r.uint(), r.uint()] as const;
    });
    const kcv = f.required(10, () => r.uintMap(LIMITS.scopes, 1, LIMITS.scopeId, () => r.bytesOf(32)));
    const leaves = f.optional(11, () => r.byteString(LIMITS.inlineLeaves * 32));
    const last = f.optional(12, () => r.uint(6) as CloseLast);
    f.done();
    if (leaves !== undefined) demand(leaves.length === count * 32, 'wrong-length');
    demand(firstSeq + count - 1 <= LIMITS.seq, 'out-of-range');
    return {
      oh,
      segment,
      firstSeq,
      count,
      root,
      previous,
      dt,
      sealed: totals[0],
      dropped: totals[1],
      unacknowledged: totals[2],
      kcv,
      ...(leaves === undefined ? {} : { leaves }),
      ...(last === undefined ? {} : { last }),
    };
  },
};

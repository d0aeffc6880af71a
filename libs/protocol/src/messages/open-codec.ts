import type { Reader, Writer } from '../cbor.ts';
import { LIMITS } from '../limits.ts';
import { demand, refuse } from '../refusal.ts';
import type { ClockSource, Open, OpenReason, OpenStream, StreamClass } from './bodies.ts';

/** The body of `open` (SPEC clause MSG-3). */
export const openCodec = {
  write(w: Writer, o: Open): void {
    const live = o.beaconHash !== undefined && o.gatewayWrap !== undefined;
    if (!live && (o.beaconHash !== undefined || o.gatewayWrap !== undefined))
      throw new RangeError('fields 6 and 7 go together');
    w.map(15 + (live ? 2 : 0) + (o.attestationHash === undefined ? 0 : 1));
    w.uint(1).text('o').uint(2).uint(1).uint(3).bytes(o.device).uint(4).uint(o.boot).uint(5).uint(o.epoch);
    if (live) w.uint(6).bytes(o.beaconHash!).uint(7).bytes(o.gatewayWrap!);
    w.uint(8).array(2).uint(o.manifestVersion).bytes(o.manifestHash);
    w.uint(9).list(o.streams, (s) => w.array(4).uint(s.id).uint(s.scope).uint(s.streamClass).uint(s.pad));
    w.uint(10).array(3).uint(o.clock.t0Ms).uint(o.clock.uncertaintyMs).uint(o.clock.source);
    w.uint(11).array(4).uint(o.maxFrames).uint(o.segmentMs).uint(o.heartbeatMs).uint(o.ackTimeoutMs);
    w.uint(12).bytesOrNull(o.previousClose);
    w.uint(13).uintMap(o.commitments, (c) => w.bytes(c));
    w.uint(14).list(o.wrapHashes, (h) => w.bytesOrNull(h));
    w.uint(15).uint(o.reason);
    if (o.attestationHash !== undefined) w.uint(16).bytes(o.attestationHash);
    w.uint(17).uintMap(o.cardHashes, (c) => w.bytes(c));
    w.uint(18).uint(o.suite);
  },

  read(r: Reader): Open {
    const f = r.fields(18);
    f.required(1, () => demand(r.text(8) === 'o', 'wrong-typ'));
    f.required(2, () => r.uint(1, 1));
    const device = f.required(3, () => r.bytesOf(32));
    const boot = f.required(4, () => r.uint());
    const epoch = f.required(5, () => r.uint());
    const beaconHash = f.optional(6, () => r.bytesOf(32));
    const gatewayWrap = f.optional(7, () => r.byteString(2048, 1));
    demand((beaconHash === undefined) === (gatewayWrap === undefined), 'missing-field');
    const [manifestVersion, manifestHash] = f.required(8, () => {
      r.arrayOf(2);
      return [r.uint(), r.bytesOf(32)] as const;
    });
    const streams = f.required(9, () => r.list(LIMITS.streams, 1, () => readStream(r)));
    const clock = f.required(10, () => {
      r.arrayOf(3);
      return { t0Ms: r.time(), uncertaintyMs: r.uint(), source: r.uint(4) as ClockSource };
    });
    const timing = f.required(11, () => {
      r.arrayOf(4);
      return [r.uint(LIMITS.segmentFrames, 1), r.uint(LIMITS.integer, 1), r.uint(LIMITS.integer, 1), r.uint()] as const;
    });
    const previousClose = f.required(12, () => r.orNull(() => r.bytesOf(32)));
    const commitments = f.required(13, () => r.uintMap(LIMITS.scopes, 1, LIMITS.scopeId, () => r.bytesOf(32)));
    const wrapHashes = f.required(14, () => r.list(LIMITS.recipients, 1, () => r.orNull(() => r.bytesOf(32))));
    const reason = f.required(15, () => r.uint(6) as OpenReason);
    const attestationHash = f.optional(16, () => r.bytesOf(32));
    const cardHashes = f.required(17, () => r.uintMap(LIMITS.scopes, 0, LIMITS.scopeId, () => r.bytesOf(32)));
    const suite = f.required(18, () => r.uint());
    f.done();
    if (suite !== 1 && suite !== 2) refuse('suite-refused');
    checkStreams(streams, commitments, cardHashes);
    return {
      device,
      boot,
      epoch,
      ...(beaconHash === undefined ? {} : { beaconHash }),
      ...(gatewayWrap === undefined ? {} : { gatewayWrap }),
      manifestVersion,
      manifestHash,
      streams,
      clock,
      maxFrames: timing[0],
      segmentMs: timing[1],
      heartbeatMs: timing[2],
      ackTimeoutMs: timing[3],
      previousClose,
      commitments,
      wrapHashes,
      reason,
      ...(attestationHash === undefined ? {} : { attestationHash }),
      cardHashes,
      suite,
    };
  },
};

function readStream(r: Reader): OpenStream {
  r.arrayOf(4);
  return {
    id: r.uint(LIMITS.streamId),
    scope: r.uint(LIMITS.scopeId),
    streamClass: r.uint(3) as StreamClass,
    pad: r.uint(LIMITS.messageBytes),
  };
}

/** Stream 0 first in scope 0 and class 0; ids ascending; a commitment for each scope, a card for each but scope 0. */
function checkStreams(
  streams: readonly OpenStream[],
  commitments: ReadonlyMap<number, unknown>,
  cards: ReadonlyMap<number, unknown>,
): void {
  const first = streams[0]!;
  demand(first.id === 0 && first.scope === 0 && first.streamClass === 0, 'scope-mismatch');
  const scopes = new Set([0]);
  for (let i = 1; i < streams.length; i++) {
    const s = streams[i]!;
    demand(s.id > streams[i - 1]!.id, 'not-canonical');
    demand(s.streamClass !== 0, 'out-of-range');
    scopes.add(s.scope);
  }
  demand(commitments.size === scopes.size && [...scopes].every((s) => commitments.has(s)), 'scope-mismatch');
  demand(cards.size === scopes.size - 1 && [...scopes].every((s) => s === 0 || cards.has(s)), 'scope-mismatch');
}

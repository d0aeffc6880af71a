import type { CryptoProvider } from '@pulseseal/crypto';
import type { ProfileStream } from '@pulseseal/firmware-profiles';
import {
  type CloseLast,
  encodeBeat,
  FRAME_TYPE,
  type FrameType,
  type MessageSigner,
  merkleRoot,
  type SegmentKey,
  sealFrame,
  signBody,
} from '@pulseseal/protocol';
import type { EpochKeys } from './epoch.ts';
import type { DroppedFrame, Spool } from './spool.ts';
import type { SpoolEpoch, SpoolFrame, SpoolSegment } from './spool-epoch.ts';

export interface BeatState {
  readonly batteryPercent: number | null;
  readonly state: 0 | 1 | 2 | 3;
  /** Flags of a stream: 1 contact, 2 sensor fault, 4 paused by the wearer. */
  flags(stream: number): number;
}

/** Seals frames of one epoch, each number once. The only place that encrypts. */
export interface Sealer {
  readonly epoch: EpochKeys;
  readonly spool: SpoolEpoch;
  /** Frames of the open segment. */
  readonly segmentFrames: number;
  readonly nextSeq: number;
  /** Length that `payload` would have as a frame, at most. */
  frameBytes(stream: ProfileStream, payloadBytes: number): number;
  data(stream: ProfileStream, payload: Uint8Array, dt: number, urgent: boolean): Sealed;
  beat(state: BeatState, dt: number): Sealed;
  /** The last heartbeat must be sealed before; signs the close and moves the ratchets on (or ends them). */
  close(dt: number, last: CloseLast | undefined): { readonly sg: number; readonly raw: Uint8Array };
  /** Nothing can be sealed any more: keys of the open segment and chains are gone. */
  erase(): void;
}

export interface Sealed {
  readonly frames: readonly SpoolFrame[];
  readonly dropped: readonly DroppedFrame[];
}

/** hdr, AEAD tag, gateway tag, heads and the longest `prev`. */
const frameOverheadBytes = 80;
/** A scope's card returns in every tenth segment, for late readers (SPEC clause PAY-2). */
const cardEverySegments = 10;

export function createSealer(
  epoch: EpochKeys,
  spoolEpoch: SpoolEpoch,
  ports: { readonly spool: Spool; readonly signer: MessageSigner; readonly crypto: CryptoProvider },
  options: { readonly inlineLeaves: boolean },
): Sealer {
  const { spool, signer, crypto } = ports;
  const streams = epoch.plan.streams;
  const previous = new Map<number, number>();
  const counts = new Map<number, number>();
  let keys = new Map<number, SegmentKey>();
  let segment: SpoolSegment;
  let lastClose = epoch.oh;
  let nextSeq = 1;

  const beginSegment = (sg: number) => {
    keys = new Map([...epoch.chains].map(([scope, chain]) => [scope, chain.take(sg)]));
    const kcv = new Map([...keys].map(([scope, key]) => [scope, key.kcv]));
    segment = spool.beginSegment(spoolEpoch, sg, nextSeq, kcv);
    counts.clear();
  };
  const seal = (ft: FrameType, stream: { id: number; scope: number; pad: number }, payload: Uint8Array, dt: number) => {
    const seq = nextSeq++;
    const { raw, leaf } = sealFrame(
      {
        ft,
        oh: epoch.oh,
        sg: segment.number,
        st: stream.id,
        seq,
        dt,
        prev: previous.get(stream.id) ?? 0,
        payload,
        pad: stream.pad,
      },
      keys.get(stream.scope)!,
      epoch.link?.up,
      crypto,
    );
    previous.set(stream.id, seq);
    counts.set(stream.id, (counts.get(stream.id) ?? 0) + 1);
    const frame: SpoolFrame = { seq, sg: segment.number, dt, urgent: ft === FRAME_TYPE.urgent, raw };
    return { frame, dropped: spool.keep(spoolEpoch, frame, leaf) };
  };
  const carded = new Set<number>();
  /** The card is the first frame of its scope in the epoch, whenever that comes, and again in segments 10, 20, ... */
  const cardIfDue = (scope: number, dt: number): ReturnType<typeof seal> | undefined => {
    const own = streams.filter((stream) => stream.scope === scope);
    const isAgain = segment.number % cardEverySegments === 0 && own.every((s) => (counts.get(s.id) ?? 0) === 0);
    if (carded.has(scope) && !isAgain) return undefined;
    carded.add(scope);
    const lowest = own[0]!;
    return seal(FRAME_TYPE.card, { id: lowest.id, scope, pad: lowest.padBytes }, epoch.cards.get(scope)!, dt);
  };
  const together = (parts: readonly (ReturnType<typeof seal> | undefined)[]): Sealed => ({
    frames: parts.flatMap((part) => (part === undefined ? [] : [part.frame])),
    dropped: parts.flatMap((part) => part?.dropped ?? []),
  });
  const erase = () => {
    for (const key of keys.values()) key.erase();
    for (const chain of epoch.chains.values()) chain.erase();
  };
  beginSegment(0);
  return {
    epoch,
    spool: spoolEpoch,
    get segmentFrames() {
      return nextSeq - segment.firstSeq;
    },
    get nextSeq() {
      return nextSeq;
    },
    frameBytes: (stream, payloadBytes) => payloadBytes + frameOverheadBytes + stream.padBytes,
    data(stream, payload, dt, urgent) {
      const card = cardIfDue(stream.scope, dt);
      const ft = urgent ? FRAME_TYPE.urgent : FRAME_TYPE.data;
      return together([card, seal(ft, { id: stream.id, scope: stream.scope, pad: stream.padBytes }, payload, dt)]);
    },
    beat(state, dt) {
      const payload = encodeBeat({
        streams: streams.map((stream) => ({
          st: stream.id,
          last: previous.get(stream.id) ?? 0,
          count: counts.get(stream.id) ?? 0,
          flags: state.flags(stream.id),
        })),
        batteryPercent: state.batteryPercent,
        state: state.state,
      });
      const pad = 16;
      return together([seal(FRAME_TYPE.heartbeat, { id: 0, scope: 0, pad }, payload, dt)]);
    },
    close(dt, last) {
      const closed = segment;
      const raw = signClose(spoolEpoch, closed, lastClose, dt, last, { signer, crypto }, options.inlineLeaves);
      lastClose = crypto.sha256(raw);
      spool.close(spoolEpoch, closed.number, raw, lastClose, last !== undefined);
      if (last !== undefined) erase();
      else {
        for (const key of keys.values()) key.erase();
        beginSegment(closed.number + 1);
      }
      return { sg: closed.number, raw };
    },
    erase,
  };
}

/** One close over the leaves that the spool holds; also after a reboot, when no key is left (SPEC clause FRAME-7). */
export function signClose(
  epoch: SpoolEpoch,
  segment: SpoolSegment,
  previousClose: Uint8Array,
  dt: number,
  last: CloseLast | undefined,
  ports: { readonly signer: MessageSigner; readonly crypto: CryptoProvider },
  inlineLeaves: boolean,
): Uint8Array {
  return signBody(
    'close',
    {
      oh: epoch.oh,
      segment: segment.number,
      firstSeq: segment.firstSeq,
      count: segment.leaves.length,
      root: merkleRoot(segment.leaves, ports.crypto),
      previous: previousClose,
      dt,
      sealed: epoch.nextSeq - 1,
      dropped: epoch.dropped.size + epoch.refused.size,
      unacknowledged: epoch.frames.size,
      kcv: segment.kcv,
      ...(inlineLeaves && segment.leaves.length <= 1024
        ? { leaves: new Uint8Array(Buffer.concat(segment.leaves)) }
        : {}),
      ...(last === undefined ? {} : { last }),
    },
    ports.signer,
  );
}

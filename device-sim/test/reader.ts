import {
  nonceOf,
  openFrame,
  openRecipientWrap,
  parseFrame,
  parsePlain,
  parseSigned,
  type RecipientSecrets,
  type SegmentKey,
  scopeChain,
} from '@pulseseal/protocol';
import type { SeenEpoch } from './counterpart.ts';
import type { World } from './harness.ts';

export interface ReadFrame {
  readonly seq: number;
  readonly ft: number;
  readonly st: number;
  readonly sg: number;
  readonly dt: number;
  readonly prev: number;
  readonly payload: Uint8Array;
  /** AEAD key and nonce, as hex: the pair that must never seal two plaintexts. */
  readonly keyAndNonce: string;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The recipient's own wrap: secrets of its scopes, and of its acknowledgements. */
export function openWrap(world: World, epoch: SeenEpoch, manifest: Uint8Array): Promise<RecipientSecrets> {
  const { crypto } = world;
  const { recipients } = parseSigned(manifest, 'manifest').body;
  const place = recipients.findIndex((r) => hex(r.rid) === hex(world.rid));
  const wraps = parsePlain(epoch.keys!, 'keys').wraps;
  const wrap = wraps.find((w) => hex(crypto.sha256(w)) === hex(epoch.open.wrapHashes[place]!))!;
  return openRecipientWrap(
    wrap,
    world.prekeySeed,
    {
      device: epoch.open.device,
      boot: epoch.open.boot,
      epoch: epoch.open.epoch,
      rid: world.rid,
      prekeyId: recipients[place]!.prekeyId,
      manifestHash: crypto.sha256(manifest),
    },
    crypto,
  );
}

/** Opens every frame of an epoch as the recipient does, in seq order. */
export async function readEpoch(world: World, epoch: SeenEpoch, manifest: Uint8Array): Promise<ReadFrame[]> {
  const { crypto } = world;
  const { scopes } = await openWrap(world, epoch, manifest);
  const keys = new Map<number, Map<number, SegmentKey>>();
  const frames = [...epoch.frames.values()].map((raw) => parseFrame(raw));
  const lastSegment = Math.max(...frames.map((frame) => frame.sg));
  for (const [scope, es] of scopes) {
    const chain = scopeChain(es, epoch.oh, crypto);
    keys.set(scope, new Map(Array.from({ length: lastSegment + 1 }, (_, sg) => [sg, chain.take(sg)])));
  }
  return frames
    .sort((a, b) => a.seq - b.seq)
    .map((frame) => {
      const stream = epoch.open.streams.find((s) => s.id === frame.st)!;
      const key = keys.get(stream.scope)!.get(frame.sg)!;
      const { prev, payload } = openFrame(frame, epoch.oh, key, stream.pad, crypto);
      const { key: aead, iv } = key.streamKey(frame.st);
      const keyAndNonce = `${hex(aead)}:${hex(nonceOf(iv, frame.seq))}`;
      return { seq: frame.seq, ft: frame.ft, st: frame.st, sg: frame.sg, dt: frame.dt, prev, payload, keyAndNonce };
    });
}

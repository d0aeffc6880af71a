import { type CryptoProvider, erase } from '@pulseseal/crypto';
import { type ScopeChain, type SegmentKey, scopeChain } from '@pulseseal/protocol';
import { limits } from './limits.ts';

/** The granted scopes' ratchets of one epoch and the segment keys that are not erased yet. */
export interface SegmentKeys {
  /** Undefined: erased, or out of the window. Never goes back. */
  get(scope: number, segment: number): SegmentKey | undefined;
  eraseSegment(segment: number): void;
  /** Segments with keys. */
  readonly held: readonly number[];
  erase(): void;
}

/** Takes over `secrets` and erases them: from here on there are chains only. */
export function createSegmentKeys(
  secrets: ReadonlyMap<number, Uint8Array>,
  oh: Uint8Array,
  crypto: CryptoProvider,
): SegmentKeys {
  const chains = new Map<number, ScopeChain>();
  for (const [scope, es] of secrets) {
    chains.set(scope, scopeChain(es, oh, crypto));
    erase(es);
  }
  const keys = new Map<number, Map<number, SegmentKey>>();
  let at = 0;
  const eraseSegment = (segment: number) => {
    for (const key of keys.get(segment)?.values() ?? []) key.erase();
    keys.delete(segment);
  };
  const advance = (segment: number) => {
    // Far below the target nothing is kept: take only moves the chain.
    const from = Math.max(at, segment - limits.segmentKeys + 1);
    for (let sg = from; sg <= segment; sg++) {
      const own = new Map<number, SegmentKey>();
      for (const [scope, chain] of chains) own.set(scope, chain.take(sg));
      keys.set(sg, own);
    }
    at = segment + 1;
    while (keys.size > limits.segmentKeys) eraseSegment(keys.keys().next().value!);
  };
  return {
    get(scope, segment) {
      if (segment >= at) {
        if (segment - at > limits.chainSteps) return undefined;
        advance(segment);
      }
      return keys.get(segment)?.get(scope);
    },
    eraseSegment(segment) {
      // Never derived: the chain must move behind it, else it could still be derived.
      if (segment === at) advance(segment);
      eraseSegment(segment);
    },
    get held() {
      return [...keys.keys()];
    },
    erase() {
      for (const chain of chains.values()) chain.erase();
      for (const segment of [...keys.keys()]) eraseSegment(segment);
      chains.clear();
    },
  };
}

import { type CallEffects, parseFact } from '@pulseseal/chaincode';
import { type CryptoProvider, toHex } from '@pulseseal/crypto';
import type { Position } from '@pulseseal/log';
import type { Committed } from '../port.ts';
import { type ChainTip, emptyChain } from './block-record.ts';

/** Where an anchored head stands. */
export interface AnchorPlace {
  readonly size: number;
  readonly height: number;
  readonly index: number;
}

/** What replay builds and every block moves: rows, names of transactions, places. All of it can be read again from the chain. */
export interface LedgerState {
  readonly tip: ChainTip;
  get(key: string): Uint8Array | undefined;
  committed(txId: string): Committed | undefined;
  position(height: number): Position | undefined;
  anchorAtLeast(gatewayThumbprint: Uint8Array, size: number): AnchorPlace | undefined;
  apply(block: AppliedBlock): void;
}

export interface AppliedBlock {
  readonly tip: ChainTip;
  readonly position: Position;
  readonly transactions: readonly Uint8Array[];
  readonly effects: readonly CallEffects[];
}

export function createLedgerState(crypto: CryptoProvider): LedgerState {
  const rows = new Map<string, Uint8Array>();
  const places = new Map<string, { height: number; index: number }>();
  const positions: Position[] = [];
  const anchors = new Map<string, AnchorPlace[]>();
  let tip = emptyChain;

  const noteAnchors = (effects: CallEffects, height: number, index: number) => {
    for (const event of effects.events) {
      if (event.name !== 'TreeHeadAnchored') continue;
      const fact = parseFact(event);
      if (fact.name !== 'TreeHeadAnchored') continue;
      const gateway = toHex(fact.gateway);
      const list = anchors.get(gateway) ?? [];
      list.push({ size: fact.size, height, index });
      anchors.set(gateway, list);
    }
  };

  return {
    get tip() {
      return tip;
    },
    get: (key) => rows.get(key),
    committed(txId) {
      const place = places.get(txId);
      return place === undefined ? undefined : { txId, ...place };
    },
    position: (height) => positions[height],
    anchorAtLeast(gatewayThumbprint, size) {
      const list = anchors.get(toHex(gatewayThumbprint)) ?? [];
      let low = 0;
      let high = list.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (list[middle]!.size < size) low = middle + 1;
        else high = middle;
      }
      return list[low];
    },
    apply(block) {
      const height = block.tip.height - 1;
      positions.push(block.position);
      block.effects.forEach((effects, index) => {
        // A copy: the parsed value is a view into a whole record, which would otherwise stay in memory.
        for (const { key, value } of effects.writes) rows.set(key, value.slice());
        places.set(toHex(crypto.sha256(block.transactions[index]!)), { height, index });
        noteAnchors(effects, height, index);
      });
      tip = block.tip;
    },
  };
}

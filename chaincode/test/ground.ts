import { type CryptoProvider, createNativeCrypto } from '@pulseseal/crypto';
import { encodeCoseKey, type MessageSigner } from '@pulseseal/protocol';
import {
  type CallEffects,
  ContractRefusal,
  callEffects,
  type LedgerCall,
  ledgerCalls,
  signAct,
  stateKey,
} from '../src/mod.ts';
import { type Actors, createActors, pseudonym, saltedKeyHash, tenant } from './actors.ts';

export const startMs = 1_700_000_000_000;

/** A world state in a map, and one runner of calls. */
export function createGround(crypto: CryptoProvider = createNativeCrypto(), actors: Actors = createActors()) {
  const rows = new Map<string, Uint8Array>([[stateKey.operator, encodeCoseKey(actors.operator.key)]]);
  const ledgerId = new Uint8Array(32).fill(0xaa);
  const counters = new Map<MessageSigner, number>();
  const ground = {
    rows,
    ledgerId,
    actors,
    crypto,
    nowMs: startMs,
    act(
      signer: MessageSigner,
      call: LedgerCall,
      changes: { counter?: number; timeMs?: number; ledgerId?: Uint8Array } = {},
    ) {
      const counter = changes.counter ?? (counters.get(signer) ?? 0) + 1;
      counters.set(signer, Math.max(counter, counters.get(signer) ?? 0));
      return signAct(signer, changes.ledgerId ?? ledgerId, call.fn, call.args, counter, changes.timeMs ?? ground.nowMs);
    },
    /** What the call changes; the rows move only when it is accepted. */
    async run(call: LedgerCall, act?: Uint8Array): Promise<CallEffects> {
      const { fn, args, transient } = call;
      const effects = await callEffects(
        { nowMs: ground.nowMs, caller: 'test', ledgerId, transient, crypto, get: async (key) => rows.get(key) },
        { fn, args, ...(act === undefined ? {} : { act }) },
      );
      for (const { key, value } of effects.writes) rows.set(key, value);
      return effects;
    },
    /** Runs with a fresh act of `signer`. */
    signed: (signer: MessageSigner, call: LedgerCall) => ground.run(call, ground.act(signer, call)),
    /** The code of the refusal, or 'accepted'. Fails when a refused call has written anything. */
    async verdict(call: LedgerCall, act?: Uint8Array): Promise<string> {
      const before = new Map(rows);
      try {
        await ground.run(call, act);
        return 'accepted';
      } catch (error) {
        if (!(error instanceof ContractRefusal)) throw error;
        if (rows.size !== before.size || [...rows].some(([key, value]) => before.get(key) !== value))
          throw new Error('a refused call wrote');
        return error.code;
      }
    },
    async registerAll() {
      await ground.signed(actors.operator, ledgerCalls.registerGateway(actors.gateway.key, tenant));
      await ground.signed(actors.owner, ledgerCalls.registerDevice(pseudonym, actors.owner.key, saltedKeyHash, crypto));
      return ground;
    },
  };
  return ground;
}

export type Ground = ReturnType<typeof createGround>;

import type { CryptoProvider } from '@pulseseal/crypto';
import { equalBytes, toHex } from '@pulseseal/crypto';
import {
  type CoseKey,
  type MessageSigner,
  parseSigned,
  Refusal,
  signBody,
  thumbprint,
  verifySigned,
} from '@pulseseal/protocol';
import { encode, parsePlaces } from './codec.ts';
import type { ContractCall, ContractContext } from './context.ts';
import { ContractRefusal, requireThat } from './failures.ts';
import { ACT_WINDOW_MS, MAX_ACT_BYTES } from './limits.ts';
import { type LedgerFunction, stateKey } from './names.ts';

/**
 * The signed order of an owner, operator, recipient or reporter (protocol 5, `act`): field 3 is the ledger id, then
 * the arguments of the call. The ledger id keeps an act from being played on another ledger, the counter from being
 * played twice; it must be higher than every earlier one of this signer, which is the caller's to remember
 * (`GetActCounter` tells the last one).
 */
export function signAct(
  signer: MessageSigner,
  ledgerId: Uint8Array,
  fn: LedgerFunction,
  args: readonly Uint8Array[],
  counter: number,
  nowMs: number,
): Uint8Array {
  return signBody('act', { fn, args: [ledgerId, ...args], counter, timeMs: nowMs }, signer);
}

/**
 * Refuses the call unless it carries a fresh act of `key` for exactly this function, these arguments and this ledger;
 * cheapest check first, the signature last. Marks the counter as used.
 */
export async function requireAct(ctx: ContractContext, call: ContractCall, key: CoseKey): Promise<void> {
  requireThat(call.act !== undefined, 'act-missing');
  requireThat(call.act.length <= MAX_ACT_BYTES, 'argument-too-large', 'act');
  const act = parseAct(call.act);
  const signerThumbprint = thumbprint(key, ctx.crypto);
  requireThat(act.body.fn === call.fn, 'act-foreign', 'function');
  requireThat(sameArguments(act.body.args, [ctx.ledgerId, ...call.args]), 'act-foreign', 'ledger or arguments');
  requireThat(act.algorithm === key.algorithm && equalBytes(act.kid, signerThumbprint.subarray(0, 8)), 'act-signer');
  requireThat(Math.abs(act.body.timeMs - ctx.nowMs) <= ACT_WINDOW_MS, 'act-time');
  const counterKey = stateKey.act(toHex(signerThumbprint));
  const last = await readCounter(ctx, counterKey);
  requireThat(act.body.counter > last, 'act-replayed', `counter ${act.body.counter}, last ${last}`);
  requireThat(verifySigned(act, key, ctx.crypto), 'act-signature');
  ctx.put(counterKey, encode([act.body.counter]));
}

/** A function that takes no act refuses one: nothing unchecked is written down. */
export function refuseAct(call: ContractCall): void {
  requireThat(call.act === undefined, 'act-unexpected');
}

async function readCounter(ctx: ContractContext, key: string): Promise<number> {
  const bytes = await ctx.get(key);
  // Counters begin at 0 or 1, as the signer likes.
  return bytes === undefined ? -1 : parsePlaces(bytes, 'act counter', (f) => f.uint());
}

function parseAct(bytes: Uint8Array) {
  try {
    return parseSigned(bytes, 'act');
  } catch (error) {
    if (error instanceof Refusal) throw new ContractRefusal('act-malformed', error.refusal);
    throw error;
  }
}

function sameArguments(signed: readonly (Uint8Array | string | number)[], called: readonly Uint8Array[]): boolean {
  return (
    signed.length === called.length &&
    signed.every((item, i) => item instanceof Uint8Array && equalBytes(item, called[i]!))
  );
}

/** SHA-256("ps1 log" || gateway thumbprint || tenant): the one log that a registered gateway may anchor. */
export function logIdOf(gatewayThumbprint: Uint8Array, tenant: string, crypto: CryptoProvider): Uint8Array {
  const encoder = new TextEncoder();
  return crypto.sha256Parts(encoder.encode('ps1 log'), gatewayThumbprint, encoder.encode(tenant));
}

import { equalBytes, toHex } from '@pulseseal/crypto';
import { type CoseKey, thumbprint } from '@pulseseal/protocol';
import { requireAct } from '../act.ts';
import { takeArguments, takeKey } from '../arguments.ts';
import type { ContractCall, ContractContext } from '../context.ts';
import { encodeFact } from '../events.ts';
import { requireThat } from '../failures.ts';
import { stateKey } from '../names.ts';
import { type DeviceRecord, deviceRecord } from '../records.ts';

/** RegisterDevice(pseudonym, owner thumbprint, salted key hash), act of the owner, whose key comes beside the transaction. */
export async function registerDevice(ctx: ContractContext, call: ContractCall): Promise<void> {
  const [pseudonym, owner, saltedKeyHash] = takeArguments(ctx, call, [16, 32, 32], 1);
  const stored = stateKey.device(toHex(pseudonym));
  requireThat((await ctx.get(stored)) === undefined, 'device-known');
  await requireAct(ctx, call, ownerKey(ctx, ctx.transient[0]!, owner));
  ctx.put(stored, deviceRecord.encode({ owner, saltedKeyHash, registeredMs: ctx.nowMs, retiredMs: null }));
  ctx.put(stateKey.owner(toHex(owner)), Uint8Array.of(1));
  ctx.event('DeviceRegistered', encodeFact({ name: 'DeviceRegistered', pseudonym, owner }));
}

/** RetireDevice(pseudonym), act of the owner. No manifest is taken for it any more; consents can still be revoked. */
export async function retireDevice(ctx: ContractContext, call: ContractCall): Promise<void> {
  const [pseudonym] = takeArguments(ctx, call, [16], 1);
  const device = await activeDevice(ctx, pseudonym);
  await requireAct(ctx, call, ownerKey(ctx, ctx.transient[0]!, device.owner));
  ctx.put(stateKey.device(toHex(pseudonym)), deviceRecord.encode({ ...device, retiredMs: ctx.nowMs }));
  ctx.event('DeviceRetired', encodeFact({ name: 'DeviceRetired', pseudonym }));
}

async function knownDevice(ctx: ContractContext, pseudonym: Uint8Array): Promise<DeviceRecord> {
  const bytes = await ctx.get(stateKey.device(toHex(pseudonym)));
  requireThat(bytes !== undefined, 'device-unknown');
  return deviceRecord.parse(bytes);
}

export async function activeDevice(ctx: ContractContext, pseudonym: Uint8Array): Promise<DeviceRecord> {
  const device = await knownDevice(ctx, pseudonym);
  requireThat(device.retiredMs === null, 'device-retired');
  return device;
}

/** The owner's public key never stays on the ledger: it comes with the call and must have the registered thumbprint. */
export function ownerKey(ctx: ContractContext, keyBytes: Uint8Array, owner: Uint8Array): CoseKey {
  const key = takeKey('owner key', keyBytes);
  requireThat(equalBytes(thumbprint(key, ctx.crypto), owner), 'owner-mismatch');
  return key;
}

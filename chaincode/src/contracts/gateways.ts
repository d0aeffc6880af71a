import { toHex } from '@pulseseal/crypto';
import { type CoseKey, parseCoseKey, thumbprint } from '@pulseseal/protocol';
import { logIdOf, requireAct } from '../act.ts';
import { takeArguments, takeKey } from '../arguments.ts';
import type { ContractCall, ContractContext } from '../context.ts';
import { encodeFact } from '../events.ts';
import { ContractRefusal, requireThat } from '../failures.ts';
import { MAX_TENANT_BYTES } from '../limits.ts';
import { stateKey } from '../names.ts';
import { type GatewayRecord, gatewayRecord } from '../records.ts';

/**
 * RegisterGateway(cosekey, tenant), act of the operator. Fixes tenant and log id for good: a gateway that could name a
 * fresh tenant would start a second, forked log. For the same reason a key is registered once, retired or not.
 */
export async function registerGateway(ctx: ContractContext, call: ContractCall): Promise<void> {
  const [keyBytes, tenantBytes] = takeArguments(ctx, call, [undefined, undefined], 0);
  const tp = thumbprint(takeKey('gateway key', keyBytes), ctx.crypto);
  const tenant = takeTenant(tenantBytes);
  const stored = stateKey.gateway(toHex(tp));
  requireThat((await ctx.get(stored)) === undefined, 'gateway-known');
  await requireAct(ctx, call, await operatorKey(ctx));
  const logId = logIdOf(tp, tenant, ctx.crypto);
  ctx.put(stored, gatewayRecord.encode({ key: keyBytes, tenant, logId, registeredMs: ctx.nowMs, retiredMs: null }));
  ctx.event('GatewayRegistered', encodeFact({ name: 'GatewayRegistered', gateway: tp, logId }));
}

/** RetireGateway(thumbprint), act of the operator. Its anchored heads stay; it anchors no more. */
export async function retireGateway(ctx: ContractContext, call: ContractCall): Promise<void> {
  const [tp] = takeArguments(ctx, call, [32], 0);
  const gateway = await activeGateway(ctx, tp);
  await requireAct(ctx, call, await operatorKey(ctx));
  ctx.put(stateKey.gateway(toHex(tp)), gatewayRecord.encode({ ...gateway, retiredMs: ctx.nowMs }));
  ctx.event('GatewayRetired', encodeFact({ name: 'GatewayRetired', gateway: tp }));
}

export async function activeGateway(ctx: ContractContext, tp: Uint8Array): Promise<GatewayRecord> {
  const bytes = await ctx.get(stateKey.gateway(toHex(tp)));
  requireThat(bytes !== undefined, 'gateway-unknown');
  const gateway = gatewayRecord.parse(bytes);
  requireThat(gateway.retiredMs === null, 'gateway-retired');
  return gateway;
}

async function operatorKey(ctx: ContractContext): Promise<CoseKey> {
  const bytes = await ctx.get(stateKey.operator);
  requireThat(bytes !== undefined, 'genesis-missing');
  return parseCoseKey(bytes);
}

/** Printable UTF-8 without surrounding space, so that two tenants never look alike by a control character. */
function takeTenant(bytes: Uint8Array): string {
  requireThat(bytes.length >= 1 && bytes.length <= MAX_TENANT_BYTES, 'argument-malformed', 'tenant length');
  try {
    const tenant = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    requireThat(!/[\p{C}\p{Zl}\p{Zp}]|^\s|\s$/u.test(tenant), 'argument-malformed', 'tenant characters');
    return tenant;
  } catch (error) {
    if (error instanceof TypeError) throw new ContractRefusal('argument-malformed', 'tenant is not UTF-8');
    throw error;
  }
}

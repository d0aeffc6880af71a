import { toHex } from '@pulseseal/crypto';
import { thumbprint } from '@pulseseal/protocol';
import { requireAct } from '../act.ts';
import { takeArguments, takeKey } from '../arguments.ts';
import type { ContractCall, ContractContext } from '../context.ts';
import { encodeFact } from '../events.ts';
import { requireThat } from '../failures.ts';
import { stateKey } from '../names.ts';
import { consentRecord } from '../records.ts';
import { activeDevice, ownerKey } from './devices.ts';

/**
 * GrantConsent(consent id, pseudonym, rid), act of the owner, key beside. The id is the value of the manifest's
 * consent place: 32 bytes that the agent chooses or derives with salt, so that no category stands on the ledger.
 */
export async function grantConsent(ctx: ContractContext, call: ContractCall): Promise<void> {
  const [consent, pseudonym, rid] = takeArguments(ctx, call, [32, 16, 8], 1);
  const device = await activeDevice(ctx, pseudonym);
  const owner = ownerKey(ctx, ctx.transient[0]!, device.owner);
  // Under its owner: somebody else may use the same id, and occupies or overwrites nothing.
  const stored = stateKey.consent(toHex(device.owner), toHex(consent));
  requireThat((await ctx.get(stored)) === undefined, 'consent-known');
  await requireAct(ctx, call, owner);
  ctx.put(stored, consentRecord.encode({ pseudonym, rid, grantedMs: ctx.nowMs, revokedMs: null }));
  ctx.event('ConsentGranted', encodeFact({ name: 'ConsentGranted', consent, pseudonym, rid }));
}

/** RevokeConsent(consent id), act of the owner, key beside. Also for a retired device: an end must always be possible. */
export async function revokeConsent(ctx: ContractContext, call: ContractCall): Promise<void> {
  const [consent] = takeArguments(ctx, call, [32], 1);
  const owner = takeKey('owner key', ctx.transient[0]!);
  const stored = stateKey.consent(toHex(thumbprint(owner, ctx.crypto)), toHex(consent));
  const bytes = await ctx.get(stored);
  requireThat(bytes !== undefined, 'consent-unknown');
  const record = consentRecord.parse(bytes);
  requireThat(record.revokedMs === null, 'consent-revoked');
  await requireAct(ctx, call, owner);
  ctx.put(stored, consentRecord.encode({ ...record, revokedMs: ctx.nowMs }));
  const { pseudonym, rid } = record;
  ctx.event('ConsentRevoked', encodeFact({ name: 'ConsentRevoked', consent, pseudonym, rid }));
}

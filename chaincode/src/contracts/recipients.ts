import { equalBytes, toHex } from '@pulseseal/crypto';
import { thumbprint } from '@pulseseal/protocol';
import { requireAct } from '../act.ts';
import { takeArguments, takeKey, takeUint } from '../arguments.ts';
import type { ContractCall, ContractContext } from '../context.ts';
import { encodeFact } from '../events.ts';
import { requireThat } from '../failures.ts';
import { stateKey } from '../names.ts';
import { recipientRecord } from '../records.ts';

/**
 * PutRecipient(rid, identity cosekey, H(prekey), until as 8 bytes), act of the identity key. Also publishes the next
 * prekey of a known rid; a rid never changes hands.
 */
export async function putRecipient(ctx: ContractContext, call: ContractCall): Promise<void> {
  const [rid, keyBytes, prekeyHash, untilBytes] = takeArguments(ctx, call, [8, undefined, 32, 8], 0);
  const identity = takeKey('identity key', keyBytes);
  const untilMs = takeUint('until', untilBytes);
  requireThat(untilMs > ctx.nowMs, 'recipient-expired');
  const stored = stateKey.recipient(toHex(rid));
  const before = await ctx.get(stored);
  requireThat(
    before === undefined || equalBytes(recipientRecord.parse(before).identity, keyBytes),
    'recipient-mismatch',
  );
  await requireAct(ctx, call, identity);
  ctx.put(stored, recipientRecord.encode({ identity: keyBytes, prekeyHash, untilMs, putMs: ctx.nowMs }));
  ctx.put(stateKey.identity(toHex(thumbprint(identity, ctx.crypto))), Uint8Array.of(1));
  ctx.event('RecipientPut', encodeFact({ name: 'RecipientPut', rid, prekeyHash, untilMs }));
}

import { equalBytes, toHex } from '@pulseseal/crypto';
import { type CoseKey, openHash, parseSigned, type Signed, thumbprint, verifySigned } from '@pulseseal/protocol';
import { requireAct } from '../act.ts';
import { parsed, takeArguments, takeKey, takeUint } from '../arguments.ts';
import type { ContractCall, ContractContext } from '../context.ts';
import { encodeFact } from '../events.ts';
import { requireThat } from '../failures.ts';
import { stateKey } from '../names.ts';
import { disputeRecord } from '../records.ts';

/**
 * ReportDispute(oh, segment as 8 bytes, close A, close B or 32 bytes of H(leaf table)), act of a registered gateway,
 * recipient or owner; beside the transaction the reporter's key, the endorsement of the device by a registered owner and
 * the epoch's open, which alone says whose epoch `oh` is. Both closes must be that device's own words and exclude each
 * other: nobody is accused by a claim, nor kept from being accused. A leaf table is the reporter's word against a close
 * that is the device's, and is recorded as such. Each is recorded once for a segment: who reported it and when; the
 * evidence stands in the transaction.
 */
export async function reportDispute(ctx: ContractContext, call: ContractCall): Promise<void> {
  const [oh, segmentBytes, closeA, other] = takeArguments(ctx, call, [32, 8, undefined, undefined], 3);
  const segment = takeUint('segment', segmentBytes);
  const isProved = other.length !== 32;
  const a = takeClose('close A', closeA, oh, segment);
  const b = isProved ? takeClose('close B', other, oh, segment) : undefined;
  // One body may be signed twice: the signature is hedged.
  requireThat(b === undefined || !equalBytes(a.payload, b.payload), 'dispute-empty', 'the closes say the same');
  const reporter = takeKey('reporter key', ctx.transient[0]!);
  const reporterThumbprint = thumbprint(reporter, ctx.crypto);
  await requireRegistered(ctx, toHex(reporterThumbprint));
  const stored = stateKey.dispute(toHex(oh), segment, isProved);
  requireThat((await ctx.get(stored)) === undefined, 'dispute-known');
  const deviceKey = await endorsedKey(ctx, ctx.transient[1]!);
  requireOwnEpoch(ctx, oh, ctx.transient[2]!, deviceKey);
  requireThat(verifySigned(a, deviceKey, ctx.crypto), 'dispute-signature', 'close A');
  requireThat(b === undefined || verifySigned(b, deviceKey, ctx.crypto), 'dispute-signature', 'close B');
  await requireAct(ctx, call, reporter);
  const evidence = [ctx.crypto.sha256(closeA), isProved ? ctx.crypto.sha256(other) : other] as const;
  ctx.put(stored, disputeRecord.encode({ evidence, reporter: reporterThumbprint, reportedMs: ctx.nowMs }));
  ctx.event('DisputeReported', encodeFact({ name: 'DisputeReported', oh, segment, isProved }));
}

function takeClose(what: string, bytes: Uint8Array, oh: Uint8Array, segment: number): Signed<'close'> {
  const signed = parsed(what, () => parseSigned(bytes, 'close'));
  const { body } = signed;
  requireThat(equalBytes(body.oh, oh) && body.segment === segment, 'dispute-empty', `${what} is of another segment`);
  return signed;
}

/** The device's key, by the word of an owner whom the ledger knows; also when the endorsement has run out since. */
async function endorsedKey(ctx: ContractContext, bytes: Uint8Array): Promise<CoseKey> {
  const signed = parsed('endorse', () => parseSigned(bytes, 'endorse'));
  const { issuer, issuerKey, subject, key } = signed.body;
  const isOwner = (await ctx.get(stateKey.owner(toHex(issuer)))) !== undefined;
  requireThat(isOwner && issuerKey !== undefined, 'dispute-signature', 'no registered owner endorsed the device');
  const fits =
    equalBytes(thumbprint(issuerKey, ctx.crypto), issuer) && equalBytes(thumbprint(key, ctx.crypto), subject);
  requireThat(fits && verifySigned(signed, issuerKey, ctx.crypto), 'dispute-signature', 'endorse');
  return key;
}

/** The epoch is one that this very device opened. */
function requireOwnEpoch(ctx: ContractContext, oh: Uint8Array, openBytes: Uint8Array, deviceKey: CoseKey): void {
  const open = parsed('open', () => parseSigned(openBytes, 'open'));
  requireThat(equalBytes(openHash(openBytes, ctx.crypto), oh), 'dispute-empty', 'the open is of another epoch');
  const isItsOwn = equalBytes(open.body.device, thumbprint(deviceKey, ctx.crypto));
  requireThat(isItsOwn && verifySigned(open, deviceKey, ctx.crypto), 'dispute-signature', 'open');
}

async function requireRegistered(ctx: ContractContext, thumbprintHex: string): Promise<void> {
  const roles = [stateKey.gateway, stateKey.identity, stateKey.owner];
  for (const role of roles) if ((await ctx.get(role(thumbprintHex))) !== undefined) return;
  requireThat(false, 'reporter-unknown');
}

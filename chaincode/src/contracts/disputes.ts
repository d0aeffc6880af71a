import { equalBytes, toHex } from '@pulseseal/crypto';
import { parseSigned, thumbprint } from '@pulseseal/protocol';
import { requireAct } from '../act.ts';
import { parsed, takeArguments, takeKey, takeUint } from '../arguments.ts';
import { encode } from '../codec.ts';
import type { ContractCall, ContractContext } from '../context.ts';
import { encodeFact } from '../events.ts';
import { requireThat } from '../failures.ts';
import { stateKey } from '../names.ts';

/**
 * ReportDispute(oh, segment as 8 bytes, close A, close B or 32 bytes of H(leaf table)), act of a registered gateway,
 * recipient or owner, whose key comes beside the transaction. The closes' signatures are not checked here: the
 * device's key is not on the ledger. The evidence stands in the transaction for whoever holds that key.
 */
export async function reportDispute(ctx: ContractContext, call: ContractCall): Promise<void> {
  const [oh, segmentBytes, closeA, other] = takeArguments(ctx, call, [32, 8, undefined, undefined], 1);
  const segment = takeUint('segment', segmentBytes);
  requireClose('close A', closeA, oh, segment);
  if (other.length !== 32) {
    requireClose('close B', other, oh, segment);
    requireThat(!equalBytes(closeA, other), 'dispute-empty', 'the closes are equal');
  }
  const reporter = takeKey('reporter key', ctx.transient[0]!);
  const reporterThumbprint = thumbprint(reporter, ctx.crypto);
  await requireRegistered(ctx, toHex(reporterThumbprint));
  const evidence = [ctx.crypto.sha256(closeA), other.length === 32 ? other : ctx.crypto.sha256(other)];
  const dispute = ctx.crypto.sha256(encode([oh, segment, evidence]));
  const stored = stateKey.dispute(toHex(dispute));
  requireThat((await ctx.get(stored)) === undefined, 'dispute-known');
  await requireAct(ctx, call, reporter);
  ctx.put(stored, encode([oh, segment, evidence, reporterThumbprint, ctx.nowMs]));
  ctx.event('DisputeReported', encodeFact({ name: 'DisputeReported', oh, segment, dispute }));
}

function requireClose(what: string, bytes: Uint8Array, oh: Uint8Array, segment: number): void {
  const { body } = parsed(what, () => parseSigned(bytes, 'close'));
  requireThat(equalBytes(body.oh, oh) && body.segment === segment, 'dispute-empty', `${what} is of another segment`);
}

async function requireRegistered(ctx: ContractContext, thumbprintHex: string): Promise<void> {
  const roles = [stateKey.gateway, stateKey.identity, stateKey.owner];
  for (const role of roles) if ((await ctx.get(role(thumbprintHex))) !== undefined) return;
  requireThat(false, 'reporter-unknown');
}

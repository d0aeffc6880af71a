import { equalBytes, toHex } from '@pulseseal/crypto';
import { parseCoseKey, parseSigned, verifyConsistency, verifySigned } from '@pulseseal/protocol';
import { refuseAct } from '../act.ts';
import { parsed, takeArguments } from '../arguments.ts';
import { encode, fieldsOf } from '../codec.ts';
import type { ContractCall, ContractContext } from '../context.ts';
import { encodeFact } from '../events.ts';
import { requireThat } from '../failures.ts';
import { MAX_CONSISTENCY_HASHES } from '../limits.ts';
import { stateKey } from '../names.ts';
import { treeHeadRecord } from '../records.ts';
import { activeGateway } from './gateways.ts';

/** Second argument of AnchorTreeHead: CBOR([oldSize, newSize, [* h32]]). The first head of a log has [0, size, []]. */
export interface Consistency {
  readonly oldSize: number;
  readonly newSize: number;
  readonly path: readonly Uint8Array[];
}

export function encodeConsistency({ oldSize, newSize, path }: Consistency): Uint8Array {
  return encode([oldSize, newSize, [...path]]);
}

export function parseConsistency(bytes: Uint8Array): Consistency {
  return parsed('consistency', () => {
    const fields = fieldsOf(bytes, 'consistency');
    const consistency = { oldSize: fields.uint(), newSize: fields.uint(), path: fields.byteStrings(32) };
    fields.end();
    requireThat(consistency.path.length <= MAX_CONSISTENCY_HASHES, 'argument-malformed', 'consistency path too long');
    return consistency;
  });
}

/**
 * AnchorTreeHead(sth, consistency). The gateway's signature is the authority. The tree must grow, name the anchored
 * head, and contain it: so no gateway can forget a close that it once acknowledged, nor show two histories.
 */
export async function anchorTreeHead(ctx: ContractContext, call: ContractCall): Promise<void> {
  const [sthBytes, consistencyBytes] = takeArguments(ctx, call, [undefined, undefined], 0);
  refuseAct(call);
  const signed = parsed('sth', () => parseSigned(sthBytes, 'sth'));
  const sth = signed.body;
  const consistency = parseConsistency(consistencyBytes);
  const gateway = await activeGateway(ctx, sth.gateway);
  requireThat(equalBytes(sth.logId, gateway.logId), 'head-log');
  const stored = stateKey.head(toHex(sth.logId));
  const bytes = await ctx.get(stored);
  const last = bytes === undefined ? undefined : treeHeadRecord.parse(bytes);
  const oldSize = last?.size ?? 0;
  requireThat(sth.size > oldSize, 'head-size', `size ${sth.size}, anchored ${oldSize}`);
  requireThat(
    last === undefined ? sth.previous === null : sth.previous !== null && equalBytes(sth.previous, last.hash),
    'head-previous',
  );
  requireThat(
    consistency.oldSize === oldSize && consistency.newSize === sth.size,
    'consistency-invalid',
    'sizes of the proof',
  );
  requireThat(
    last === undefined
      ? consistency.path.length === 0
      : verifyConsistency(
          { oldSize, newSize: sth.size, oldRoot: last.root, newRoot: sth.root, path: consistency.path },
          ctx.crypto,
        ),
    'consistency-invalid',
  );
  requireThat(verifySigned(signed, parseCoseKey(gateway.key), ctx.crypto), 'head-signature');
  const hash = ctx.crypto.sha256(sthBytes);
  const { size, root, logId } = sth;
  ctx.put(stored, treeHeadRecord.encode({ gateway: sth.gateway, size, root, hash, anchoredMs: ctx.nowMs }));
  ctx.event(
    'TreeHeadAnchored',
    encodeFact({ name: 'TreeHeadAnchored', gateway: sth.gateway, logId, size, root, hash }),
  );
}

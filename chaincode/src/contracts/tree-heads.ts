import { type CryptoProvider, equalBytes, toHex } from '@pulseseal/crypto';
import { attempt, parseCoseKey, parseSigned, type Sth, verifyConsistency, verifySigned } from '@pulseseal/protocol';
import { refuseAct } from '../act.ts';
import { parsed, takeArguments } from '../arguments.ts';
import { encode, parsePlaces } from '../codec.ts';
import type { ContractCall, ContractContext } from '../context.ts';
import { encodeFact } from '../events.ts';
import { requireThat } from '../failures.ts';
import { MAX_CONSISTENCY_HASHES } from '../limits.ts';
import { stateKey } from '../names.ts';
import { type TreeHeadRecord, treeHeadRecord } from '../records.ts';
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
    const consistency = parsePlaces(bytes, 'consistency', (f) => ({
      oldSize: f.uint(),
      newSize: f.uint(),
      path: f.byteStrings(32),
    }));
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
  requireConsistent(consistency, last, sth, ctx.crypto);
  requireThat(verifySigned(signed, parseCoseKey(gateway.key), ctx.crypto), 'head-signature');
  const hash = ctx.crypto.sha256(sthBytes);
  const { size, root, logId } = sth;
  ctx.put(stored, treeHeadRecord.encode({ gateway: sth.gateway, size, root, hash, anchoredMs: ctx.nowMs }));
  ctx.event(
    'TreeHeadAnchored',
    encodeFact({ name: 'TreeHeadAnchored', gateway: sth.gateway, logId, size, root, hash }),
  );
}

/** RFC 9162 section 2.1.4.2, from the anchored root. A first head has nothing to be consistent with, so no path. */
function requireConsistent(
  { path }: Consistency,
  last: TreeHeadRecord | undefined,
  { size, root }: Sth,
  crypto: CryptoProvider,
): void {
  const [oldSize, oldRoot] = last === undefined ? [0, new Uint8Array(0)] : [last.size, last.root];
  const claim = { oldSize, newSize: size, oldRoot, newRoot: root, path };
  requireThat(attempt(() => verifyConsistency(claim, crypto)).ok, 'consistency-invalid');
}

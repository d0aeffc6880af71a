import { equalBytes, toHex } from '@pulseseal/crypto';
import { parseSigned, verifySigned } from '@pulseseal/protocol';
import { refuseAct } from '../act.ts';
import { parsed, takeArguments } from '../arguments.ts';
import type { ContractCall, ContractContext } from '../context.ts';
import { encodeFact } from '../events.ts';
import { requireThat } from '../failures.ts';
import { stateKey } from '../names.ts';
import { manifestRecord } from '../records.ts';
import { activeDevice, ownerKey } from './devices.ts';

/**
 * PutManifest, without arguments; manifest and owner key come beside the transaction, since a manifest names
 * recipients and scopes. Its own signature is the authority, its version is what keeps it from being played again;
 * only version and H(manifest) stay.
 */
export async function putManifest(ctx: ContractContext, call: ContractCall): Promise<void> {
  takeArguments(ctx, call, [], 2);
  refuseAct(call);
  const [manifestBytes, keyBytes] = ctx.transient as readonly [Uint8Array, Uint8Array];
  const signed = parsed('manifest', () => parseSigned(manifestBytes, 'manifest'));
  const { pseudonym, version, previous } = signed.body;
  const device = await activeDevice(ctx, pseudonym);
  const key = ownerKey(ctx, keyBytes, device.owner);
  const stored = stateKey.manifest(toHex(pseudonym));
  const bytes = await ctx.get(stored);
  const last = bytes === undefined ? undefined : manifestRecord.parse(bytes);
  const lastVersion = last?.version ?? 0;
  requireThat(version === lastVersion + 1, 'manifest-version', `version ${version}, registered ${lastVersion}`);
  requireThat(
    last === undefined ? previous === null : previous !== null && equalBytes(previous, last.hash),
    'manifest-previous',
  );
  requireThat(verifySigned(signed, key, ctx.crypto), 'manifest-signature');
  const hash = ctx.crypto.sha256(manifestBytes);
  const record = manifestRecord.encode({ version, hash, previous, putMs: ctx.nowMs });
  ctx.put(stored, record);
  ctx.put(stateKey.manifestVersion(toHex(pseudonym), version), record);
  ctx.event('ManifestPut', encodeFact({ name: 'ManifestPut', pseudonym, version, hash }));
}

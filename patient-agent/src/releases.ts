import { type CryptoProvider, equalBytes, erase, fromHex } from '@pulseseal/crypto';
import { ehOf, encodeGrant, type MessageSigner, sealGrant, signBody } from '@pulseseal/protocol';
import { agentFailure } from './failures.ts';
import { agentLimits } from './limits.ts';
import type { Consent, DeviceEntry, OwedRelease } from './state.ts';
import type { Vault, VaultEpoch } from './vault.ts';

/**
 * What the owner's order comes to: one release for each chosen epoch and scope that both the vault and the recipient's
 * consent have. @throws Failure recipient-unknown, release-count
 */
export function chooseReleases(
  entry: DeviceEntry,
  rid: Uint8Array,
  epochs: readonly VaultEpoch[],
  scopes: readonly number[] | undefined,
): readonly OwedRelease[] {
  const reader = readerOf(entry, rid);
  if (reader === undefined) throw agentFailure('recipient-unknown');
  const wanted = new Set((scopes ?? scopesOf(reader)).filter((scope) => scopesOf(reader).includes(scope)));
  // Scope 0 says that the device lived: without it the other scopes' gaps could not be told.
  wanted.add(0);
  const chosen = epochs.flatMap((epoch) =>
    epoch.scopes
      .filter((scope) => wanted.has(scope))
      .map((scope): OwedRelease => ({ rid: reader.rid, oh: fromHex(epoch.oh), scope })),
  );
  const fresh = chosen.filter((one) => !entry.owed.releases.some((known) => isSame(known, one)));
  if (entry.owed.releases.length + fresh.length > agentLimits.maxOwedReleases) throw agentFailure('release-count');
  return fresh;
}

/**
 * The message for channel `g`: a release signed by the owner, sealed to this recipient and this epoch [GRANT-1].
 * Undefined when consent or secret ended in the meantime.
 */
export async function sealRelease(
  entry: DeviceEntry,
  { rid, oh, scope }: OwedRelease,
  vault: Vault,
  owner: MessageSigner,
  crypto: CryptoProvider,
): Promise<Uint8Array | undefined> {
  const reader = readerOf(entry, rid);
  if (reader === undefined || !scopesOf(reader).includes(scope)) return undefined;
  const secrets = vault.secrets(oh);
  const es = secrets?.get(scope);
  if (secrets === undefined || es === undefined) return undefined;
  const release = signBody('release', { oh, scope, consent: reader.consent, secret: { kind: 'epoch', es } }, owner);
  for (const secret of secrets.values()) erase(secret);
  try {
    const wrap = await sealGrant(release, reader.prekey, reader.rid, reader.prekeyId, oh, crypto);
    return encodeGrant(ehOf(oh), wrap);
  } finally {
    erase(release);
  }
}

const readerOf = (entry: DeviceEntry, rid: Uint8Array): Consent | undefined =>
  entry.recipients.find((recipient) => equalBytes(recipient.rid, rid));

const scopesOf = (reader: Consent): readonly number[] => [0, ...reader.scopes];

export const isSame = (a: OwedRelease, b: OwedRelease): boolean =>
  a.scope === b.scope && equalBytes(a.oh, b.oh) && equalBytes(a.rid, b.rid);

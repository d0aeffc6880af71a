import { type CryptoProvider, equalBytes, erase } from '@pulseseal/crypto';
import {
  attempt,
  type CoseKey,
  cardHash,
  commitment,
  demand,
  type ManifestRecipient,
  type Open,
  openGrant,
  parseSigned,
  parseWrap,
  refuse,
  verifySignedAsync,
} from '@pulseseal/protocol';
import type { EpochPapers, PrekeySeeds } from './accept.ts';

/**
 * The secrets of an epoch that the owner granted as history [GRANT-1, GRANT-2]: each release signed by the owner for this
 * very epoch, under the consent and within the scopes that the owner's present manifest gives us, and true to the
 * commitment that the device signed. One that is not refuses all.
 * @throws Refusal wrap-mismatch, wrap-failed, signature-invalid, not-listed, scope-mismatch, commitment-mismatch, card-mismatch
 */
export async function openReleases(
  papers: EpochPapers,
  { open, oh, ownerKey }: { readonly open: Open; readonly oh: Uint8Array; readonly ownerKey: CoseKey },
  prekey: PrekeySeeds,
  crypto: CryptoProvider,
): Promise<ReadonlyMap<number, Uint8Array>> {
  const own = await presentPlace(papers, open, ownerKey, crypto);
  const secrets = new Map<number, Uint8Array>();
  for (const wrap of papers.grants) {
    const message = await openOwnGrant(wrap, papers.rid, oh, prekey, crypto);
    const signed = parseSigned(message, 'release');
    demand(await verifySignedAsync(signed, ownerKey, crypto), 'signature-invalid');
    const { scope, consent, secret, card, oh: named } = signed.body;
    demand(equalBytes(named, oh), 'wrap-mismatch');
    demand(equalBytes(consent, own.consent), 'not-listed');
    // Whole epochs only: a chain from a later segment on, or single segments, are not read here.
    demand(own.scopes.includes(scope) && secret.kind === 'epoch', 'scope-mismatch');
    const committed = open.commitments.get(scope) ?? refuse('scope-mismatch');
    const made = commitment(secret.es, open.device, open.boot, open.epoch, scope, crypto);
    demand(equalBytes(made, committed), 'commitment-mismatch');
    const expected = open.cardHashes.get(scope);
    const isCard = card === undefined || (expected !== undefined && equalBytes(cardHash(card, crypto), expected));
    demand(isCard, 'card-mismatch');
    secrets.set(scope, secret.es.slice());
    erase(message);
  }
  return secrets;
}

/** Our place in the owner's newest word about this device. */
async function presentPlace(
  { present, rid }: EpochPapers,
  open: Open,
  ownerKey: CoseKey,
  crypto: CryptoProvider,
): Promise<ManifestRecipient> {
  for (const bytes of present) {
    const signed = parseSigned(bytes, 'manifest');
    const isOwners = equalBytes(signed.body.device, open.device) && (await verifySignedAsync(signed, ownerKey, crypto));
    if (isOwners) return signed.body.recipients.find((entry) => equalBytes(entry.rid, rid)) ?? refuse('not-listed');
  }
  return refuse('not-listed');
}

async function openOwnGrant(
  wrap: Uint8Array,
  rid: Uint8Array,
  oh: Uint8Array,
  prekey: PrekeySeeds,
  crypto: CryptoProvider,
): Promise<Uint8Array> {
  const parsed = attempt(() => parseWrap(wrap));
  if (!parsed.ok) return refuse('wrap-mismatch');
  const { kid } = parsed.value;
  demand(equalBytes(kid.subarray(0, 8), rid), 'wrap-mismatch');
  const prekeyId = new DataView(kid.slice().buffer).getUint32(8);
  const seed = (await prekey(prekeyId)) ?? refuse('wrap-failed');
  try {
    return await openGrant(wrap, seed, rid, prekeyId, oh, crypto);
  } finally {
    seed.fill(0);
  }
}

import { type CryptoProvider, equalBytes, toHex } from '@pulseseal/crypto';
import {
  attempt,
  type Beacon,
  type CoseKey,
  checkCwt,
  commitment,
  demand,
  type Manifest,
  type ManifestRecipient,
  type Open,
  openHash,
  openRecipientWrap,
  parseSigned,
  parseWrap,
  refuse,
  type Signed,
  thumbprint,
  verifySignedAsync,
} from '@pulseseal/protocol';
import { openReleases } from './releases.ts';

/** Everything that one `open` must be checked against, as received. */
export interface EpochPapers {
  readonly rid: Uint8Array;
  /** Thumbprint of the owner key that the patient's invitation pinned. */
  readonly owner: Uint8Array;
  readonly open: Uint8Array;
  readonly endorse: Uint8Array | undefined;
  readonly manifest: Uint8Array | undefined;
  /** Needed when the open names one. */
  readonly beacon: Uint8Array | undefined;
  readonly wraps: readonly Uint8Array[];
  /** Releases of the owner to this recipient: the epoch was granted as history, it was not wrapped for us. */
  readonly grants: readonly Uint8Array[];
  /** Where `grants` are: manifests of this device, newest first. The first one that the owner signed is in force. */
  readonly present: readonly Uint8Array[];
  /** Data time, for the endorsement's expiry. */
  readonly nowMs: number;
}

export interface AcceptedEpoch {
  readonly open: Open;
  readonly oh: Uint8Array;
  readonly deviceKey: CoseKey;
  readonly manifest: Manifest;
  /** Null: an offline epoch. */
  readonly beacon: Beacon | null;
  /** The wrap that opened; null: granted. */
  readonly wrap: Uint8Array | null;
  readonly secrets: ReadonlyMap<number, Uint8Array>;
  /** Null: granted, and no device waits to hear of it. */
  readonly ack: Uint8Array | null;
}

export type PrekeySeeds = (id: number) => Promise<Uint8Array | undefined>;

/**
 * The recipient's checks of an opening (SPEC section 7), in order; the caller adds time bounds and the high-water mark,
 * which need its own state. `prekey` gives the seed of one of the recipient's own prekeys.
 * @throws Refusal by name
 */
export async function acceptEpoch(
  papers: EpochPapers,
  prekey: PrekeySeeds,
  crypto: CryptoProvider,
): Promise<AcceptedEpoch> {
  const signed = parseSigned(papers.open, 'open');
  const open = signed.body;
  const oh = openHash(papers.open, crypto);
  const { deviceKey, ownerKey } = await checkDevice(papers, open, crypto);
  await checkOpenSignature(signed, deviceKey, crypto);
  const manifest = await checkManifest(papers.manifest, open, ownerKey, crypto);
  const beacon = await checkBeacon(papers.beacon, open, manifest, crypto);
  const checked = { open, oh, deviceKey, manifest, beacon };
  if (papers.grants.length > 0) {
    const secrets = await openReleases(papers, { open, oh, ownerKey }, prekey, crypto);
    return { ...checked, wrap: null, secrets, ack: null };
  }
  const place = manifest.recipients.findIndex((entry) => equalBytes(entry.rid, papers.rid));
  const own = manifest.recipients[place] ?? refuse('not-listed');
  const wrap = ownWrap(papers.wraps, open, manifest, place, crypto);
  const { secrets, ack } = await openOwnWrap(wrap, own, open, prekey, crypto);
  checkScopes(secrets, own, open);
  checkCommitments(secrets, open, crypto);
  return { ...checked, wrap, secrets, ack };
}

/** The owner whom the patient's invitation pinned has endorsed this very device key. */
async function checkDevice(papers: EpochPapers, open: Open, crypto: CryptoProvider) {
  const { endorse, owner, nowMs } = papers;
  if (endorse === undefined) return refuse('not-endorsed');
  const claims = parseSigned(endorse, 'endorse').body;
  demand(equalBytes(claims.issuer, owner), 'owner-mismatch');
  demand(equalBytes(claims.subject, open.device), 'not-endorsed');
  const checked = await checkCwt(endorse, 'endorse', undefined, nowMs, crypto);
  return { deviceKey: checked.key, ownerKey: checked.issuerKey };
}

const suiteAlgorithm = new Map([
  [1, 'ML-DSA-44'],
  [2, 'ML-DSA-65'],
]);

async function checkOpenSignature(signed: Signed<'open'>, deviceKey: CoseKey, crypto: CryptoProvider): Promise<void> {
  demand(suiteAlgorithm.get(signed.body.suite) === signed.algorithm, 'algorithm-mismatch');
  demand(await verifySignedAsync(signed, deviceKey, crypto), 'signature-invalid');
}

async function checkManifest(
  bytes: Uint8Array | undefined,
  open: Open,
  ownerKey: CoseKey,
  crypto: CryptoProvider,
): Promise<Manifest> {
  if (bytes === undefined) return refuse('manifest-unknown');
  demand(equalBytes(crypto.sha256(bytes), open.manifestHash), 'manifest-unknown');
  const signed = parseSigned(bytes, 'manifest');
  demand(await verifySignedAsync(signed, ownerKey, crypto), 'signature-invalid');
  const manifest = signed.body;
  demand(equalBytes(manifest.device, open.device), 'manifest-unknown');
  demand(manifest.version === open.manifestVersion, 'manifest-unknown');
  demand(manifest.suites.includes(open.suite), 'suite-refused');
  return manifest;
}

async function checkBeacon(
  bytes: Uint8Array | undefined,
  open: Open,
  manifest: Manifest,
  crypto: CryptoProvider,
): Promise<Beacon | null> {
  if (open.beaconHash === undefined) return null;
  if (bytes === undefined) return refuse('beacon-foreign');
  demand(equalBytes(crypto.sha256(bytes), open.beaconHash), 'beacon-foreign');
  const signed = parseSigned(bytes, 'beacon');
  const beacon = signed.body;
  demand(equalBytes(thumbprint(beacon.key, crypto), beacon.gateway), 'key-mismatch');
  demand(await verifySignedAsync(signed, beacon.key, crypto), 'signature-invalid');
  demand(
    manifest.gateways.some((gateway) => equalBytes(gateway, beacon.gateway)),
    'gateway-not-listed',
  );
  demand(beacon.suites.includes(open.suite), 'suite-refused');
  return beacon;
}

/** The wrap whose hash the device signed at this recipient's place. */
function ownWrap(
  wraps: readonly Uint8Array[],
  open: Open,
  manifest: Manifest,
  place: number,
  crypto: CryptoProvider,
): Uint8Array {
  demand(open.wrapHashes.length === manifest.recipients.length, 'wrap-mismatch');
  const expected = open.wrapHashes[place];
  if (expected === null || expected === undefined) return refuse('wrap-mismatch');
  return wraps.find((wrap) => equalBytes(crypto.sha256(wrap), expected)) ?? refuse('wrap-mismatch');
}

async function openOwnWrap(
  wrap: Uint8Array,
  own: ManifestRecipient,
  open: Open,
  prekey: PrekeySeeds,
  crypto: CryptoProvider,
) {
  const { rid, prekeyId } = own;
  const number = new DataView(wrapKidOf(wrap).slice().buffer).getUint32(8);
  demand(number === prekeyId, 'wrap-mismatch');
  const seed = (await prekey(prekeyId)) ?? refuse('wrap-failed');
  try {
    const { device, boot, epoch, manifestHash } = open;
    const opened = await openRecipientWrap(wrap, seed, { rid, prekeyId, device, boot, epoch, manifestHash }, crypto);
    return { secrets: opened.scopes, ack: opened.ack };
  } finally {
    seed.fill(0);
  }
}

const wrapKidOf = (wrap: Uint8Array): Uint8Array => {
  const parsed = attempt(() => parseWrap(wrap));
  return parsed.ok ? parsed.value.kid : refuse('wrap-mismatch');
};

/** Exactly the manifest's scopes that this epoch has. */
function checkScopes(secrets: ReadonlyMap<number, Uint8Array>, own: ManifestRecipient, open: Open): void {
  const expected = own.scopes.filter((scope) => open.commitments.has(scope));
  demand(expected.length === secrets.size && expected.every((scope) => secrets.has(scope)), 'scope-mismatch');
}

/** Everybody must hold the same key: AES-GCM alone does not say so. */
function checkCommitments(secrets: ReadonlyMap<number, Uint8Array>, open: Open, crypto: CryptoProvider): void {
  for (const [scope, es] of secrets) {
    const made = commitment(es, open.device, open.boot, open.epoch, scope, crypto);
    demand(equalBytes(made, open.commitments.get(scope)!), 'commitment-mismatch');
  }
}

/** Which papers an opening still waits for. */
export function missingPaper(
  papers: EpochPapers,
  open: Open,
  crypto: CryptoProvider,
): 'not-endorsed' | 'manifest-unknown' | 'beacon-foreign' | 'wrap-mismatch' | undefined {
  if (papers.endorse === undefined) return 'not-endorsed';
  if (papers.manifest === undefined) return 'manifest-unknown';
  if (open.beaconHash !== undefined && papers.beacon === undefined) return 'beacon-foreign';
  if (papers.grants.length > 0) return undefined;
  const signedFor = new Set(open.wrapHashes.map((hash) => (hash === null ? '' : toHex(hash))));
  if (!papers.wraps.some((wrap) => signedFor.has(toHex(crypto.sha256(wrap))))) return 'wrap-mismatch';
  return undefined;
}

import { type CryptoProvider, equalBytes, type KeyStore, toHex } from '@pulseseal/crypto';
import type { EvidenceReader, FrameEvidence } from '@pulseseal/edge-gateway';
import type { Ledger } from '@pulseseal/ledger';
import {
  type Disclosure,
  encodeProof,
  inclusionPath,
  openHash,
  parseFrame,
  parsePlain,
  parseReadingId,
  parseSigned,
  thumbprint,
} from '@pulseseal/protocol';
import { disclose, parseRecord, prekeyName, recordName, type StateStore } from '@pulseseal/stream-processor';

/** What care holds to open one reading for the person who exports it. */
export interface CareEvidence {
  readonly keys: Pick<KeyStore, 'get'>;
  readonly state: Pick<StateStore, 'load'>;
  /** Pseudonyms of this recipient, 16 hex digits each. */
  rids(): readonly string[];
}

export class NoProof extends Error {}

/** Puts the bundle of one reading together. @throws NoProof with the reason and what to wait for */
export async function assembleProof(
  id: string,
  evidence: EvidenceReader,
  ledger: Pick<Ledger, 'anchor'>,
  care: CareEvidence | undefined,
  crypto: CryptoProvider,
): Promise<Uint8Array> {
  const name = parseReadingId(id);
  const found = await evidence.frame(name.device, toHex(name.eh), name.seq);
  const anchor = await ledger.anchor(thumbprint(found.gatewayKey, crypto), found.entry + 1);
  if (anchor === undefined)
    throw new NoProof('its close is logged but not anchored yet: tree heads go to the ledger every 10 s');
  const anchoredSize = parseSigned(anchor.sth, 'sth').body.size;
  const log = await evidence.log(found.entry, anchoredSize);
  const frame = parseFrame(found.frame);
  const disclosure = care === undefined ? undefined : await discloseFor(found, frame.st, care, crypto);
  return encodeProof({
    readingId: id,
    frame: found.frame.subarray(0, frame.untaggedLength),
    segmentPath: inclusionPath(found.leaves, name.seq - found.firstSeq, crypto),
    close: found.close,
    open: found.open,
    manifest: found.manifest,
    endorse: found.endorse,
    logInclusion: log.inclusion,
    sth: log.sth,
    consistency: log.consistency,
    anchoredSth: equalBytes(anchor.sth, log.sth) ? null : anchor.sth,
    anchor: { blocks: anchor.blocks, tx: anchor.tx, inclusion: anchor.inclusion, signers: anchor.signers },
    gatewayKey: found.gatewayKey,
    ...(disclosure === undefined ? {} : { disclosure }),
  });
}

/** Undefined where this recipient was not given the scope, or the epoch's prekey is erased: then the bundle proves ciphertext. */
async function discloseFor(
  found: FrameEvidence,
  stream: number,
  care: CareEvidence,
  crypto: CryptoProvider,
): Promise<Disclosure | undefined> {
  const open = parseSigned(found.open, 'open').body;
  const manifest = parseSigned(found.manifest, 'manifest').body;
  const scope = open.streams.find((s) => s.id === stream)?.scope;
  const place = manifest.recipients.findIndex((r) => care.rids().includes(toHex(r.rid)));
  const recipient = manifest.recipients[place];
  if (scope === undefined || scope === 0 || recipient === undefined) return undefined;
  const wrap = found.keys
    .flatMap((keys) => wrapsOf(keys))
    .find((w) => equalBytes(crypto.sha256(w), open.wrapHashes[place] ?? new Uint8Array(0)));
  const rid = toHex(recipient.rid);
  const prekeySeed = await care.keys.get(prekeyName(rid, recipient.prekeyId));
  const record = await care.state.load(recordName(rid, toHex(openHash(found.open, crypto).subarray(0, 8))));
  const card = record === undefined ? undefined : parseRecord(record).cards.get(scope);
  if (wrap === undefined || prekeySeed === undefined || card === undefined) return undefined;
  return disclose(
    {
      open: found.open,
      wrap,
      manifest: found.manifest,
      rid: recipient.rid,
      prekeySeed,
      scope,
      segment: found.segment,
      card,
    },
    crypto,
  );
}

function wrapsOf(keys: Uint8Array): readonly Uint8Array[] {
  return parsePlain(keys, 'keys').wraps;
}

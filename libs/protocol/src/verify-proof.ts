import { type CryptoProvider, equalBytes, toHex } from '@pulseseal/crypto/browser';
import { parseWhole } from './cbor.ts';
import { parseSigned, type Signed, verifySigned } from './cose.ts';
import { type CoseKey, deviceText, parseReadingId, thumbprint } from './ids.ts';
import { openHash, segmentKey } from './keyschedule.ts';
import { LIMITS } from './limits.ts';
import { logLeaf, verifyConsistency, verifyInclusion } from './merkle.ts';
import { type Frame, parseUntaggedFrame } from './messages/frame.ts';
import { frameLeaf, openFrame } from './open.ts';
import { cardHash, decimalText, parseCard, parseData } from './payload.ts';
import { type Proof, parseProof } from './proof.ts';
import { demand, Refusal, type RefusalName, refuse } from './refusal.ts';

/** Offline verification of a proof bundle (SPEC clause PROOF-2): one verdict a step, each from the bundle's bytes alone. */

export const PROOF_CHECKS = ['sensor', 'manifest', 'segment', 'log', 'head', 'ledger', 'disclosure'] as const;
export type ProofCheckName = (typeof PROOF_CHECKS)[number];

export interface ProofCheck {
  readonly name: ProofCheckName;
  readonly ok: boolean;
  /** What held, in words; for a failure the refusal's name. */
  readonly detail: string;
  readonly refusal?: RefusalName;
}

export interface DisclosedReading {
  readonly code: number;
  /** MDC unit code. */
  readonly unit: number;
  /** Exact decimal text; for a waveform block the number of samples. */
  readonly text: string;
  readonly waveform: boolean;
  readonly atMs: number;
}

/** Trust anchors from outside the bundle: thumbprints of owner keys and of ledger signers. */
export interface TrustAnchors {
  readonly owners: readonly Uint8Array[];
  readonly signers: readonly Uint8Array[];
}

export interface ProofVerdict {
  /** Every check held. */
  readonly holds: boolean;
  /** Every check held and the anchors were given and match. */
  readonly pinned: boolean;
  readonly readingId: string;
  readonly checks: readonly ProofCheck[];
  readonly reading?: DisclosedReading;
  /** Hex thumbprints the verdict rests on. */
  readonly fingerprints: { readonly owner: string; readonly signers: readonly string[]; readonly gateway: string };
}

interface Parsed {
  readonly proof: Proof;
  readonly name: ReturnType<typeof parseReadingId>;
  readonly frame: Frame;
  readonly close: Signed<'close'>;
  readonly open: Signed<'open'>;
  readonly manifest: Signed<'manifest'>;
  readonly endorse: Signed<'endorse'>;
  readonly ownerKey: CoseKey;
  readonly oh: Uint8Array;
}

/** @throws Refusal when the bytes are no proof bundle at all; everything else is a verdict. */
export function verifyProof(bytes: Uint8Array, trust: TrustAnchors | undefined, crypto: CryptoProvider): ProofVerdict {
  const parsed = parseParts(parseProof(bytes), crypto);
  const checks: ProofCheck[] = [];
  const run = (name: ProofCheckName, check: () => string): boolean => {
    try {
      checks.push({ name, ok: true, detail: check() });
      return true;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      checks.push({ name, ok: false, detail: error.refusal, refusal: error.refusal });
      return false;
    }
  };
  run('sensor', () => checkSensor(parsed, crypto));
  run('manifest', () => checkManifest(parsed, crypto));
  run('segment', () => checkSegment(parsed, crypto));
  run('log', () => checkLog(parsed, crypto));
  run('head', () => checkHead(parsed, crypto));
  run('ledger', () => checkLedger(parsed, crypto));
  let reading: DisclosedReading | undefined;
  if (parsed.proof.disclosure !== undefined) {
    run('disclosure', () => {
      reading = checkDisclosure(parsed, crypto);
      return 'the disclosed key opens the frame; its card is the one the device signed';
    });
  } else demandIndexZero(parsed, checks);
  const holds = checks.every((c) => c.ok);
  const owner = thumbprint(parsed.ownerKey, crypto);
  const signers = parsed.proof.anchor.signers.map((s) => thumbprint(s, crypto));
  const among = (list: readonly Uint8Array[], key: Uint8Array) => list.some((entry) => equalBytes(entry, key));
  const pinned =
    holds && trust !== undefined && among(trust.owners, owner) && signers.every((s) => among(trust.signers, s));
  return {
    holds,
    pinned,
    readingId: parsed.proof.readingId,
    checks,
    ...(reading === undefined ? {} : { reading }),
    fingerprints: {
      owner: toHex(owner),
      signers: signers.map(toHex),
      gateway: toHex(thumbprint(parsed.proof.gatewayKey, crypto)),
    },
  };
}

function demandIndexZero(p: Parsed, checks: ProofCheck[]): void {
  if (p.name.index !== 0)
    checks.push({ name: 'disclosure', ok: false, detail: 'out-of-range', refusal: 'out-of-range' });
}

function parseParts(proof: Proof, crypto: CryptoProvider): Parsed {
  const endorse = parseSigned(proof.endorse, 'endorse');
  return {
    proof,
    name: parseReadingId(proof.readingId),
    frame: parseUntaggedFrame(proof.frame),
    close: parseSigned(proof.close, 'close'),
    open: parseSigned(proof.open, 'open'),
    manifest: parseSigned(proof.manifest, 'manifest'),
    endorse,
    ownerKey: endorse.body.issuerKey ?? refuse('key-mismatch'),
    oh: openHash(proof.open, crypto),
  };
}

/** Owner -> device key -> open; the reading's id names this device, epoch and frame. */
function checkSensor(p: Parsed, crypto: CryptoProvider): string {
  const e = p.endorse.body;
  demand(equalBytes(e.issuer, thumbprint(p.ownerKey, crypto)), 'key-mismatch');
  demand(equalBytes(e.subject, thumbprint(e.key, crypto)), 'key-mismatch');
  demand(verifySigned(p.endorse, p.ownerKey, crypto), 'signature-invalid');
  const o = p.open.body;
  demand(equalBytes(o.device, e.subject), 'not-endorsed');
  demand((o.suite === 1 ? 'ML-DSA-44' : 'ML-DSA-65') === e.key.algorithm, 'algorithm-mismatch');
  demand(verifySigned(p.open, e.key, crypto), 'signature-invalid');
  demand(p.name.device === deviceText(o.device) && equalBytes(p.name.eh, p.oh.subarray(0, 8)), 'key-mismatch');
  demand(p.name.seq === p.frame.seq && equalBytes(p.frame.eh, p.name.eh), 'key-mismatch');
  return `the owner endorsed the device, which signed the epoch with ${e.key.algorithm}`;
}

function checkManifest(p: Parsed, crypto: CryptoProvider): string {
  const m = p.manifest.body;
  const o = p.open.body;
  demand(verifySigned(p.manifest, p.ownerKey, crypto), 'signature-invalid');
  demand(
    equalBytes(crypto.sha256(p.proof.manifest), o.manifestHash) && m.version === o.manifestVersion,
    'manifest-unknown',
  );
  demand(equalBytes(m.device, o.device), 'manifest-unknown');
  demand(m.suites.includes(o.suite), 'suite-refused');
  const gateway = thumbprint(p.proof.gatewayKey, crypto);
  demand(
    m.gateways.some((g) => equalBytes(g, gateway)),
    'gateway-not-listed',
  );
  return `the patient's manifest, version ${m.version}, lists this gateway and ${m.recipients.length} recipients`;
}

function checkSegment(p: Parsed, crypto: CryptoProvider): string {
  const c = p.close.body;
  demand(verifySigned(p.close, p.endorse.body.key, crypto), 'signature-invalid');
  demand(equalBytes(c.oh, p.oh) && p.frame.sg === c.segment, 'close-chain');
  demand(p.frame.seq >= c.firstSeq && p.frame.seq < c.firstSeq + c.count, 'not-in-close');
  demand(
    p.open.body.streams.some((s) => s.id === p.frame.st),
    'scope-mismatch',
  );
  const leaf = frameLeaf(p.frame, p.oh, crypto);
  verifyInclusion(
    { index: p.frame.seq - c.firstSeq, size: c.count, leaf, path: p.proof.segmentPath, root: c.root },
    crypto,
  );
  return `frame ${p.frame.seq} is one of the ${c.count} frames of segment ${c.segment} that the device signed`;
}

function checkLog(p: Parsed, crypto: CryptoProvider): string {
  const sth = readSth(p.proof.sth, p, crypto);
  const { size, index, path } = p.proof.logInclusion;
  demand(size === sth.body.size, 'path-invalid');
  verifyInclusion({ index, size, leaf: logLeaf(p.proof.close, crypto), path, root: sth.body.root }, crypto);
  return `the segment's close is entry ${index} of ${size} in the gateway's log`;
}

/** The head that the ledger holds: the one above, or a later one whose log only grew. */
function checkHead(p: Parsed, crypto: CryptoProvider): string {
  const sth = readSth(p.proof.sth, p, crypto);
  const { size } = sth.body;
  if (p.proof.anchoredSth === null) {
    demand(p.proof.consistency.length === 0, 'consistency-invalid');
    return `the gateway signed the head of ${size} entries`;
  }
  const anchored = readSth(p.proof.anchoredSth, p, crypto);
  demand(!equalBytes(p.proof.anchoredSth, p.proof.sth), 'consistency-invalid');
  demand(equalBytes(anchored.body.logId, sth.body.logId), 'consistency-invalid');
  verifyConsistency(
    {
      oldSize: size,
      newSize: anchored.body.size,
      oldRoot: sth.body.root,
      newRoot: anchored.body.root,
      path: p.proof.consistency,
    },
    crypto,
  );
  return `the gateway signed the head of ${size} entries and a later one of ${anchored.body.size}, which only adds`;
}

function readSth(bytes: Uint8Array, p: Parsed, crypto: CryptoProvider): Signed<'sth'> {
  const sth = parseSigned(bytes, 'sth');
  demand(equalBytes(sth.body.gateway, thumbprint(p.proof.gatewayKey, crypto)), 'key-mismatch');
  demand(verifySigned(sth, p.proof.gatewayKey, crypto), 'signature-invalid');
  return sth;
}

function checkLedger(p: Parsed, crypto: CryptoProvider): string {
  const { blocks, tx, inclusion, signers } = p.proof.anchor;
  demand(blocks.length === signers.length, 'anchor-invalid');
  // One signer listed twice must not look like two.
  demand(new Set(signers.map((s) => toHex(s.publicKey))).size === signers.length, 'anchor-invalid');
  const anchored = p.proof.anchoredSth ?? p.proof.sth;
  demand(equalBytes(readAnchoredSth(tx), anchored), 'anchor-invalid');
  const leaf = logLeaf(tx, crypto);
  let height = 0;
  let timeMs = 0;
  for (const [i, raw] of blocks.entries()) {
    const block = parseSigned(raw, 'block');
    const signer = signers[i]!;
    demand(equalBytes(block.body.ledger, thumbprint(signer, crypto)), 'key-mismatch');
    demand(verifySigned(block, signer, crypto), 'signature-invalid');
    demand(block.body.transactions === inclusion.size, 'anchor-invalid');
    verifyInclusion({ ...inclusion, leaf, root: block.body.root }, crypto);
    // Several signers vouch for one block, so all but their own names must agree.
    demand(i === 0 || (block.body.height === height && block.body.timeMs === timeMs), 'anchor-invalid');
    height = block.body.height;
    timeMs = block.body.timeMs;
  }
  return `ledger block ${height} of ${new Date(timeMs).toISOString()}, ${signers.length} signer(s)`;
}

/** tx = CBOR(["AnchorTreeHead", [sth, consistency]]): strict, so that no byte of it is free. */
function readAnchoredSth(tx: Uint8Array): Uint8Array {
  return parseWhole(tx, LIMITS.messageBytes, (r) => {
    r.arrayOf(2);
    demand(r.text(32) === 'AnchorTreeHead', 'anchor-invalid');
    r.arrayOf(2);
    const sth = r.byteString();
    r.byteString();
    return sth;
  });
}

function checkDisclosure(p: Parsed, crypto: CryptoProvider): DisclosedReading {
  const d = p.proof.disclosure!;
  const stream = p.open.body.streams.find((s) => s.id === p.frame.st) ?? refuse('scope-mismatch');
  demand(d.scope === stream.scope && d.segment === p.close.body.segment, 'scope-mismatch');
  const key = segmentKey(d.sk, crypto);
  const kcv = p.close.body.kcv.get(d.scope);
  demand(kcv !== undefined && equalBytes(kcv, key.kcv), 'kcv-mismatch');
  const expectedCard = p.open.body.cardHashes.get(d.scope);
  demand(expectedCard !== undefined && equalBytes(cardHash(d.card, crypto), expectedCard), 'card-mismatch');
  const opened = openFrame(p.frame, p.oh, key, stream.pad, crypto);
  demand(p.frame.ft === 1 || p.frame.ft === 3, 'wrong-type');
  const items = parseCard(d.card).streams.get(p.frame.st) ?? refuse('card-mismatch');
  const data = parseData(opened.payload, stream.streamClass);
  const item = items[data.kind === 'block' ? 0 : p.name.index] ?? refuse('card-mismatch');
  const atMs = p.open.body.clock.t0Ms + p.frame.dt;
  demand(atMs <= LIMITS.timeMs, 'out-of-range');
  if (data.kind === 'block') {
    demand(p.name.index === 0, 'out-of-range');
    return { code: item.code, unit: item.unit, text: String(data.samples.length), waveform: true, atMs };
  }
  const integer = data.values.get(p.name.index);
  if (integer === undefined) return refuse('out-of-range');
  return { code: item.code, unit: item.unit, text: decimalText(integer, item.scale), waveform: false, atMs };
}

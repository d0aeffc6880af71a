import { parseWhole, type Reader, Writer } from './cbor.ts';
import { type CoseKey, parseReadingId, readCoseKey, writeCoseKey } from './ids.ts';
import { LIMITS } from './limits.ts';
import { type Inclusion, readInclusion, writeInclusion } from './receipt.ts';
import { demand } from './refusal.ts';

/** The proof bundle of one reading (SPEC clause PROOF-1): one deterministic CBOR item. */
export interface Proof {
  readonly readingId: string;
  /** The frame without its last item. */
  readonly frame: Uint8Array;
  /** Path in the segment tree, leaf to root. */
  readonly segmentPath: readonly Uint8Array[];
  readonly close: Uint8Array;
  readonly open: Uint8Array;
  readonly manifest: Uint8Array;
  readonly endorse: Uint8Array;
  /** Place of the close in the log under `sth`. */
  readonly logInclusion: Inclusion;
  readonly sth: Uint8Array;
  /** From `sth` to the anchored head. */
  readonly consistency: readonly Uint8Array[];
  /** The anchored head when it is another than `sth`. */
  readonly anchoredSth: Uint8Array | null;
  readonly anchor: ProofAnchor;
  readonly gatewayKey: CoseKey;
  readonly disclosure?: Disclosure;
}

export interface ProofAnchor {
  /** Signed blocks, one per signer. */
  readonly blocks: readonly Uint8Array[];
  readonly tx: Uint8Array;
  readonly inclusion: Inclusion;
  readonly signers: readonly CoseKey[];
}

/** Opens every frame of one scope in one segment to whoever holds their ciphertext. */
export interface Disclosure {
  readonly scope: number;
  readonly segment: number;
  readonly sk: Uint8Array;
  readonly card: Uint8Array;
}

export function encodeProof(p: Proof): Uint8Array {
  const w = new Writer(65_536).map(p.disclosure === undefined ? 14 : 15);
  w.uint(1).text('p').uint(2).text(p.readingId).uint(3).bytes(p.frame);
  w.uint(4).list(p.segmentPath, (h) => w.bytes(h));
  w.uint(5).bytes(p.close).uint(6).bytes(p.open).uint(7).bytes(p.manifest).uint(8).bytes(p.endorse).uint(9);
  writeInclusion(w, p.logInclusion);
  w.uint(10).bytes(p.sth).uint(11);
  w.list(p.consistency, (h) => w.bytes(h));
  w.uint(12).bytesOrNull(p.anchoredSth).uint(13).array(5).uint(0);
  w.list(p.anchor.blocks, (b) => w.raw(b)).bytes(p.anchor.tx);
  writeInclusion(w, p.anchor.inclusion);
  w.list(p.anchor.signers, (s) => writeCoseKey(w, s)).uint(14);
  writeCoseKey(w, p.gatewayKey);
  if (p.disclosure !== undefined) {
    w.uint(15)
      .array(5)
      .uint(p.disclosure.scope)
      .uint(p.disclosure.segment)
      .bytes(p.disclosure.sk)
      .bytes(p.disclosure.card)
      .uint(parseReadingId(p.readingId).index);
  }
  return w.finish();
}

export function parseProof(bytes: Uint8Array): Proof {
  return parseWhole(bytes, LIMITS.proofBytes, (r) => {
    const f = r.fields(15);
    f.required(1, () => demand(r.text(8) === 'p', 'wrong-typ'));
    const readingId = f.required(2, () => r.text(96));
    const frame = f.required(3, () => r.byteString());
    const segmentPath = f.required(4, () => r.list(LIMITS.merklePath, 0, () => r.bytesOf(32)));
    const close = f.required(5, () => r.byteString());
    const open = f.required(6, () => r.byteString());
    const manifest = f.required(7, () => r.byteString());
    const endorse = f.required(8, () => r.byteString());
    const logInclusion = f.required(9, () => readInclusion(r));
    const sth = f.required(10, () => r.byteString());
    const consistency = f.required(11, () => r.list(LIMITS.merklePath, 0, () => r.bytesOf(32)));
    const anchoredSth = f.required(12, () => r.orNull(() => r.byteString()));
    const anchor = f.required(13, () => readAnchor(r));
    const gatewayKey = f.required(14, () => readCoseKey(r));
    const disclosure = f.optional(15, () => {
      r.arrayOf(5);
      const parts = {
        scope: r.uint(LIMITS.scopeId),
        segment: r.uint(LIMITS.segment),
        sk: r.bytesOf(32),
        card: r.byteString(),
      };
      // Nothing signed says which value of the frame is meant, so a damaged id could name its neighbour.
      demand(r.uint() === parseReadingId(readingId).index, 'key-mismatch');
      return parts;
    });
    f.done();
    return {
      readingId,
      frame,
      segmentPath,
      close,
      open,
      manifest,
      endorse,
      logInclusion,
      sth,
      consistency,
      anchoredSth,
      anchor,
      gatewayKey,
      ...(disclosure === undefined ? {} : { disclosure }),
    };
  });
}

function readAnchor(r: Reader): ProofAnchor {
  r.arrayOf(5);
  r.uint(0);
  const blocks = r.list(LIMITS.blockSigners, 1, () => readRawSigned(r));
  const tx = r.byteString();
  const inclusion = readInclusion(r);
  return { blocks, tx, inclusion, signers: r.list(LIMITS.blockSigners, 1, () => readCoseKey(r)) };
}

/** Slices one embedded COSE_Sign1; its own parser checks the inside later. */
function readRawSigned(r: Reader): Uint8Array {
  const start = r.at;
  r.tag(18);
  r.arrayOf(4);
  r.byteString(128);
  r.map(0);
  r.byteString();
  r.byteString();
  return r.bytes.subarray(start, r.at);
}

import { type CryptoProvider, concat, equalBytes } from '@pulseseal/crypto/browser';
import { parseWhole, type Reader, Writer } from './cbor.ts';
import { type MessageSigner, parseAnySigned, toBeSigned } from './cose.ts';
import { type CoseKey, thumbprint, tp8 } from './ids.ts';
import { LIMITS } from './limits.ts';
import { rootFromInclusion } from './merkle.ts';
import { demand, refuse } from './refusal.ts';

/** COSE Receipt (RFC 9942): an inclusion proof whose root the gateway signed (SPEC clause LOG-4). */
export interface Inclusion {
  readonly size: number;
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

export function writeInclusion(w: Writer, i: Inclusion): void {
  w.array(3).uint(i.size).uint(i.index);
  w.list(i.path, (h) => w.bytes(h));
}

export function readInclusion(r: Reader): Inclusion {
  r.arrayOf(3);
  return { size: r.uint(), index: r.uint(), path: r.list(LIMITS.merklePath, 0, () => r.bytesOf(32)) };
}

/**
 * Label of the tree size in the protected header, private use: RFC 9942 signs the root alone, and one root can be
 * reached from several sizes, so a receipt could be passed off as one of a smaller, anchored tree.
 */
const TREE_SIZE = -70002;

function receiptProtected(kid: Uint8Array, size: number): Uint8Array {
  return new Writer(64)
    .map(5)
    .uint(1)
    .int(-49)
    .uint(4)
    .bytes(kid)
    .uint(16)
    .text('ps1.receipt')
    .uint(395)
    .uint(1)
    .int(TREE_SIZE)
    .uint(size)
    .finish();
}

/** Signs a tree root once; every receipt of that size reuses the signature. */
export function signRoot(root: Uint8Array, signer: MessageSigner, size: number): Uint8Array {
  return signer.sign(toBeSigned(receiptProtected(tp8(signer.thumbprint), size), root));
}

export function encodeReceipt(gateway: Uint8Array, inclusion: Inclusion, rootSignature: Uint8Array): Uint8Array {
  return concat(receiptHead(gateway, inclusion, rootSignature.length), rootSignature);
}

/**
 * The receipt message (kind 43) up to its root signature, which is its end: the signature of one head is the same in all
 * receipts of that head and need not be copied into each.
 */
export function receiptMessageHead(
  eh: Uint8Array,
  segment: number | null,
  gateway: Uint8Array,
  inclusion: Inclusion,
  signatureBytes: number,
): Uint8Array {
  const head = receiptHead(gateway, inclusion, signatureBytes);
  const w = new Writer(head.length + 32).array(4).uint(43).bytes(eh);
  return (segment === null ? w.null() : w.uint(segment))
    .head(2, head.length + signatureBytes)
    .raw(head)
    .finish();
}

function receiptHead(gateway: Uint8Array, inclusion: Inclusion, signatureBytes: number): Uint8Array {
  const proof = new Writer(inclusion.path.length * 34 + 32);
  writeInclusion(proof, inclusion);
  return new Writer(proof.length + 128)
    .tag(18)
    .array(4)
    .bytes(receiptProtected(tp8(gateway), inclusion.size))
    .map(1)
    .uint(396)
    .map(1)
    .int(-1)
    .array(1)
    .bytes(proof.finish())
    .null()
    .head(2, signatureBytes)
    .finish();
}

export interface ParsedReceipt {
  readonly kid: Uint8Array;
  readonly inclusion: Inclusion;
  readonly signature: Uint8Array;
  readonly protectedBytes: Uint8Array;
}

export function parseReceipt(bytes: Uint8Array): ParsedReceipt {
  return parseWhole(bytes, 8192, (r) => {
    r.tag(18);
    r.arrayOf(4);
    const protectedBytes = r.byteString(64);
    const { kid, size } = parseWhole(protectedBytes, 64, (p) => {
      const f = p.fields(5);
      f.required(1, () => demand(p.int() === -49, 'algorithm-mismatch'));
      const keyId = f.required(4, () => p.bytesOf(8));
      f.required(16, () => demand(p.text(32) === 'ps1.receipt', 'wrong-typ'));
      f.required(395, () => p.uint(1, 1));
      const treeSize = f.required(TREE_SIZE, () => p.uint());
      f.done();
      return { kid: keyId, size: treeSize };
    });
    const unprotected = r.fields(1);
    const inclusion = unprotected.required(396, () => {
      const vdp = r.fields(1);
      const value = vdp.required(-1, () => {
        r.arrayOf(1);
        return parseWhole(r.byteString(4096), 4096, readInclusion);
      });
      vdp.done();
      return value;
    });
    unprotected.done();
    r.null();
    demand(inclusion.size === size, 'receipt-invalid');
    return { kid, inclusion, signature: r.bytesOf(3309), protectedBytes };
  });
}

/** Checks a receipt for an entry's leaf hash; the root it proves. @throws Refusal receipt-invalid, path-invalid */
export function verifyReceipt(
  receipt: ParsedReceipt,
  leaf: Uint8Array,
  gatewayKey: CoseKey,
  crypto: CryptoProvider,
): Uint8Array {
  if (gatewayKey.algorithm !== 'ML-DSA-65' || !equalBytes(receipt.kid, tp8(thumbprint(gatewayKey, crypto))))
    refuse('receipt-invalid');
  const root = rootFromInclusion({ ...receipt.inclusion, leaf }, crypto);
  const message = toBeSigned(receipt.protectedBytes, root);
  if (!crypto.prepareVerifier('ML-DSA-65', gatewayKey.publicKey).verify(message, receipt.signature))
    refuse('receipt-invalid');
  return root;
}

/** Unprotected label of receipts in a Transparent Statement (RFC 9943), for export alone. */
const RECEIPTS = 394;

/** A signed message with its receipts beside it: others' tools read evidence in this form. */
export function encodeTransparent(message: Uint8Array, receipts: readonly Uint8Array[]): Uint8Array {
  const { protectedBytes, payload, signature } = parseAnySigned(message);
  const w = new Writer(message.length + 4096).tag(18).array(4).bytes(protectedBytes).map(1).uint(RECEIPTS);
  w.list(receipts, (receipt) => w.bytes(receipt));
  return w.bytes(payload).bytes(signature).finish();
}

/** The message as it was signed and logged, and its receipts; neither is verified here. */
export function parseTransparent(bytes: Uint8Array): { readonly message: Uint8Array; readonly receipts: Uint8Array[] } {
  return parseWhole(bytes, LIMITS.messageBytes, (r) => {
    r.tag(18);
    r.arrayOf(4);
    const protectedBytes = r.byteString(128);
    demand(r.map(LIMITS.integer) === 1 && r.int() === RECEIPTS, 'unprotected-not-empty');
    const receipts = r.list(LIMITS.blockSigners, 1, () => r.byteString(8192, 1));
    const payload = r.byteString();
    const signature = r.byteString();
    const w = new Writer(bytes.length).tag(18).array(4).bytes(protectedBytes).map(0).bytes(payload).bytes(signature);
    const message = w.finish();
    parseAnySigned(message);
    return { message, receipts };
  });
}

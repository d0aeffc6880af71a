import { type CryptoProvider, equalBytes, type SignatureAlgorithm, type Verifier } from '@pulseseal/crypto/browser';
import { parseWhole, type Reader, Writer } from './cbor.ts';
import {
  algorithmOf,
  COSE_ALGORITHM,
  type CoseKey,
  SIGNATURE_BYTES,
  type SigningAlgorithm,
  thumbprint,
  tp8,
} from './ids.ts';
import { LIMITS } from './limits.ts';
import type { BodyMap, Typ } from './messages/bodies.ts';
import { bodyCodecs, encodeBody, parseBody } from './messages/bodies-codec.ts';
import { demand, refuse } from './refusal.ts';

/** COSE_Sign1 (RFC 9052) with ML-DSA (RFC 9964), protected typ (RFC 9596), empty context, tag 18 (SPEC clause KEY-9). */
export interface Signed<T extends Typ = Typ> {
  readonly kind: 'signed';
  readonly typ: T;
  readonly algorithm: SigningAlgorithm;
  /** tp8 of the signing key: a hint, the caller decides which key it must be. */
  readonly kid: Uint8Array;
  readonly body: BodyMap[T];
  readonly protectedBytes: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** The whole message as carried, from its tag byte on. */
  readonly raw: Uint8Array;
}

export type AnySigned = { [T in Typ]: Signed<T> }[Typ];

/** Who holds what: a signature under another algorithm is no signature of that message (SPEC clause SUITE-2). */
const ALLOWED: Readonly<Record<Typ, readonly SigningAlgorithm[]>> = {
  beacon: ['ML-DSA-65'],
  manifest: ['ML-DSA-65'],
  open: ['ML-DSA-44', 'ML-DSA-65'],
  close: ['ML-DSA-44', 'ML-DSA-65'],
  sth: ['ML-DSA-65'],
  devcert: ['ML-DSA-65'],
  endorse: ['ML-DSA-65'],
  session: ['ML-DSA-44', 'ML-DSA-65'],
  claimreq: ['ML-DSA-65'],
  claimack: ['ML-DSA-44', 'ML-DSA-65'],
  release: ['ML-DSA-65'],
  resync: ['ML-DSA-65'],
  token: ['ML-DSA-44'],
  act: ['ML-DSA-44', 'ML-DSA-65'],
  block: ['ML-DSA-65'],
};

/** The device's signature in a suite; an `open` under the other one is refused (SPEC clause SUITE-2). */
export function suiteAlgorithm(suite: number): SigningAlgorithm {
  if (suite === 1) return 'ML-DSA-44';
  if (suite === 2) return 'ML-DSA-65';
  return refuse('suite-refused');
}

/** Holds a secret key and signs bytes with it. */
export interface MessageSigner {
  readonly algorithm: SigningAlgorithm;
  readonly key: CoseKey;
  readonly thumbprint: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** @param seed 32 bytes. `deterministic` is for vectors alone. */
export function createMessageSigner(
  algorithm: SigningAlgorithm,
  seed: Uint8Array,
  crypto: CryptoProvider,
  options: { readonly deterministic?: boolean } = {},
): MessageSigner {
  const pair = crypto.signatureKeyPair(algorithm, seed);
  const key: CoseKey = { algorithm, publicKey: pair.publicKey };
  const signer = crypto.prepareSigner(algorithm, seed, options);
  return { algorithm, key, thumbprint: thumbprint(key, crypto), sign: (message) => signer.sign(message) };
}

/** Signature1 context (RFC 9052 section 4.4): what is signed. */
export function toBeSigned(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
  return new Writer(payload.length + 128)
    .array(4)
    .text('Signature1')
    .bytes(protectedBytes)
    .bytes(new Uint8Array(0))
    .bytes(payload)
    .finish();
}

export function encodeProtected(algorithm: SigningAlgorithm, kid: Uint8Array, typ: string): Uint8Array {
  return new Writer(64).map(3).uint(1).int(COSE_ALGORITHM[algorithm]).uint(4).bytes(kid).uint(16).text(typ).finish();
}

/** Signs a body; the whole message with its tag. */
export function signBody<T extends Typ>(typ: T, body: BodyMap[T], signer: MessageSigner): Uint8Array {
  if (!ALLOWED[typ].includes(signer.algorithm)) throw new RangeError(`${typ} is not signed with ${signer.algorithm}`);
  if (typ === 'open' && suiteAlgorithm((body as BodyMap['open']).suite) !== signer.algorithm)
    throw new RangeError('the suite of an open is that of its signature');
  const payload = encodeBody(typ, body);
  const protectedBytes = encodeProtected(signer.algorithm, tp8(signer.thumbprint), `ps1.${typ}`);
  const signature = signer.sign(toBeSigned(protectedBytes, payload));
  return new Writer(payload.length + signature.length + 64)
    .tag(18)
    .array(4)
    .bytes(protectedBytes)
    .map(0)
    .bytes(payload)
    .bytes(signature)
    .finish();
}

/** Parses any signed message, its body included. */
export function parseAnySigned(bytes: Uint8Array): AnySigned {
  return parseWhole(bytes, LIMITS.messageBytes, (r) => readSigned(r, bytes));
}

/** Parses a message that must be of one typ. */
export function parseSigned<T extends Typ>(bytes: Uint8Array, typ: T): Signed<T> {
  const signed = parseAnySigned(bytes);
  demand(signed.typ === typ, 'wrong-typ');
  return signed as unknown as Signed<T>;
}

function readSigned(r: Reader, raw: Uint8Array): AnySigned {
  r.tag(18);
  r.arrayOf(4);
  const protectedBytes = r.byteString(128);
  const { algorithm, kid, typ } = parseWhole(protectedBytes, 128, readProtected);
  demand(ALLOWED[typ].includes(algorithm), 'algorithm-mismatch');
  if (r.peekMajor() !== 5) refuse('wrong-type');
  demand(r.map(LIMITS.integer) === 0, 'unprotected-not-empty');
  const payload = r.byteString();
  const body = parseWhole(payload, LIMITS.messageBytes, (b) => parseBody(typ, b));
  const signature = r.bytesOf(SIGNATURE_BYTES[algorithm]);
  if (typ === 'open') demand(algorithm === suiteAlgorithm((body as BodyMap['open']).suite), 'algorithm-mismatch');
  return { kind: 'signed', typ, algorithm, kid, body, protectedBytes, payload, signature, raw } as AnySigned;
}

function readProtected(r: Reader): { algorithm: SigningAlgorithm; kid: Uint8Array; typ: Typ } {
  const f = r.fields(3);
  const algorithm = f.required(1, () => algorithmOf(r.int()));
  const kid = f.required(4, () => r.bytesOf(8));
  const typ = f.required(16, () => r.text(32));
  f.done();
  const name = typ.startsWith('ps1.') ? typ.slice(4) : '';
  if (!Object.hasOwn(bodyCodecs, name)) refuse('wrong-typ');
  return { algorithm, kid, typ: name as Typ };
}

/** A key made ready for many checks: importing it and hashing its id cost a tenth of one. */
export interface PreparedKey {
  readonly kid: Uint8Array;
  readonly verifier: Verifier;
}

export function prepareKey(key: CoseKey, crypto: CryptoProvider): PreparedKey {
  return {
    kid: tp8(thumbprint(key, crypto)),
    verifier: crypto.prepareVerifier(key.algorithm, key.publicKey),
  };
}

/** True when `key` made this signature. The key's own identity is the caller's to check. */
export function verifySigned(signed: AnySigned | Signed, key: CoseKey, crypto: CryptoProvider): boolean {
  if (!matches(signed, key.algorithm, tp8(thumbprint(key, crypto)))) return false;
  return crypto
    .prepareVerifier(key.algorithm, key.publicKey)
    .verify(toBeSigned(signed.protectedBytes, signed.payload), signed.signature);
}

/** The same on the thread pool; bound the calls in flight. */
export async function verifySignedAsync(
  signed: AnySigned | Signed,
  key: CoseKey,
  crypto: CryptoProvider,
): Promise<boolean> {
  return verifyPreparedAsync(signed, prepareKey(key, crypto));
}

export function verifyPrepared(signed: AnySigned | Signed, key: PreparedKey): boolean {
  const { kid, verifier } = key;
  if (!matches(signed, verifier.algorithm, kid)) return false;
  return verifier.verify(toBeSigned(signed.protectedBytes, signed.payload), signed.signature);
}

/** The same on the thread pool; bound the calls in flight. */
export async function verifyPreparedAsync(signed: AnySigned | Signed, key: PreparedKey): Promise<boolean> {
  const { kid, verifier } = key;
  if (!matches(signed, verifier.algorithm, kid)) return false;
  return verifier.verifyAsync(toBeSigned(signed.protectedBytes, signed.payload), signed.signature);
}

const matches = (signed: AnySigned | Signed, algorithm: SignatureAlgorithm, kid: Uint8Array): boolean =>
  signed.algorithm === algorithm && equalBytes(signed.kid, kid);

import { parseWhole, Writer } from '../cbor.ts';
import { LIMITS } from '../limits.ts';
import { demand } from '../refusal.ts';

/** COSE-HPKE wrap of a secret for one key (SPEC clause WRAP-1). */
export interface Wrap {
  /** rid or tp8 of the gateway, then the prekey id or beacon serial, big-endian. */
  readonly kid: Uint8Array;
  readonly encapsulated: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly protectedBytes: Uint8Array;
}

/** MLKEM768-X25519 + SHAKE256 + AES-256-GCM, private use until IANA assigns one. */
const ALGORITHM = -70010;
/** The AEAD tag and one byte. */
const LEAST_CIPHERTEXT = 17;

export function wrapKid(id8: Uint8Array, number: number): Uint8Array {
  const kid = new Uint8Array(12);
  kid.set(id8);
  new DataView(kid.buffer).setUint32(8, number);
  return kid;
}

export function encodeWrapProtected(kid: Uint8Array): Uint8Array {
  return new Writer(32).map(2).uint(1).int(ALGORITHM).uint(4).bytes(kid).finish();
}

export function encodeWrap(protectedBytes: Uint8Array, encapsulated: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return new Writer(1536).array(3).bytes(protectedBytes).map(1).int(-4).bytes(encapsulated).bytes(ciphertext).finish();
}

export function parseWrap(bytes: Uint8Array): Wrap {
  return parseWhole(bytes, LIMITS.messageBytes, (r) => {
    r.arrayOf(3);
    const protectedBytes = r.byteString(32);
    const kid = parseWhole(protectedBytes, 32, (p) => {
      const f = p.fields(2);
      f.required(1, () => demand(p.int() === ALGORITHM, 'algorithm-mismatch'));
      const value = f.required(4, () => p.bytesOf(12));
      f.done();
      return value;
    });
    demand(r.map(LIMITS.integer) === 1 && r.int() === -4, 'unprotected-not-empty');
    const encapsulated = r.bytesOf(1120);
    return { kid, encapsulated, ciphertext: r.byteString(LIMITS.messageBytes, LEAST_CIPHERTEXT), protectedBytes };
  });
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex, toHex } from '@pulseseal/crypto';
import { sharedDir } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import { Reader } from '../src/cbor.ts';
import {
  algorithmOf,
  attempt,
  COSE_ALGORITHM,
  encodeCoseKey,
  parseAnySigned,
  refuse,
  thumbprint,
  toBeSigned,
} from '../src/mod.ts';
import { treeOfBytes } from '../tools/cbor-tree.ts';
import { flipBit, native, portable } from './fixture.ts';

const cborDir = sharedDir('vectors/cbor');
const coseDir = sharedDir('vectors/cose-jose-mldsa');

/** Reads any item of the subset: what the messages use, nothing else. */
function readSubset(r: Reader): unknown {
  const major = r.peekMajor();
  if (major <= 1) return r.int();
  if (major === 2) return toHex(r.byteString());
  if (major === 3) return r.text(1000);
  if (major === 4) return r.list(1000, 0, () => readSubset(r));
  if (major === 5) return [...r.uintMap(1000, 0, 2 ** 53 - 1, () => readSubset(r))];
  if (major === 6) return r.tag(18);
  if (!r.isNull()) refuse('wrong-type');
  return r.null();
}

/** The subset by RFC 8949's own words: integers to 2^53 - 1, definite strings, arrays, maps of integers, null. */
function isInSubset(hex: string, roundtrip: boolean): boolean {
  if (!roundtrip) return false;
  if (/^(1b|3b)ffff/.test(hex) || /^(c|d|f[0-57-9a-f])/.test(hex)) return false;
  return !/^(a261|826161a1|a561)/.test(hex);
}

describe.skipIf(cborDir === undefined)('RFC 8949 appendix A', () => {
  const items = JSON.parse(readFileSync(join(cborDir ?? '', 'appendix_a.json'), 'utf8')) as readonly {
    hex: string;
    roundtrip: boolean;
    decoded?: unknown;
  }[];
  it('what the subset has is read, everything else is refused [ENC-2]', () => {
    let accepted = 0;
    for (const { hex, roundtrip, decoded } of items) {
      const bytes = fromHex(hex);
      const result = attempt(() => {
        const r = new Reader(bytes);
        const value = readSubset(r);
        r.done();
        return value;
      });
      expect(result.ok, hex).toBe(isInSubset(hex, roundtrip));
      if (!result.ok) continue;
      accepted++;
      if (bytes[0]! >> 5 !== 2 && bytes[0]! >> 5 !== 5) expect(result.value ?? null, hex).toEqual(decoded);
      expect(treeOfBytes(bytes).major, hex).toBe(bytes[0]! >> 5);
      expect(attempt(() => new Reader(bytes.subarray(0, -1)).int()).ok && bytes.length > 1).toBe(false);
    }
    console.log(`protocol: RFC 8949 appendix A, ${items.length} items, ${accepted} in the subset`);
    expect(items.length).toBe(82);
    expect(accepted).toBe(30);
  });
});

describe.skipIf(coseDir === undefined)('COSE ML-DSA vectors', () => {
  const load = (name: string) =>
    JSON.parse(readFileSync(join(coseDir ?? '', `${name}.cose.json`), 'utf8')) as {
      sign1: string;
      raw_to_be_signed: string;
      raw_signature: string;
      raw_public_key: string;
      key: string;
    };
  it.each(['ML_DSA_44', 'ML_DSA_65'] as const)(
    '%s: our Signature1 bytes, our verification, our key and thumbprint [KEY-9] [ID-1]',
    (name) => {
      const v = load(name);
      const algorithm = name === 'ML_DSA_44' ? 'ML-DSA-44' : 'ML-DSA-65';
      const publicKey = fromHex(v.raw_public_key);
      const root = treeOfBytes(fromHex(v.sign1));
      const [protectedNode, , payload, signatureNode] = root.items[0]!.items;
      const tbs = toBeSigned(protectedNode!.body, payload!.body);
      expect(toHex(tbs)).toBe(v.raw_to_be_signed);
      expect(toHex(signatureNode!.body)).toBe(v.raw_signature);
      const signature = fromHex(v.raw_signature);
      for (const crypto of [native, portable]) {
        const verifier = crypto.prepareVerifier(algorithm, publicKey);
        expect(verifier.verify(tbs, signature)).toBe(true);
        expect(verifier.verify(flipBit(tbs, 77), signature)).toBe(false);
        expect(verifier.verify(tbs, flipBit(signature, 77))).toBe(false);
      }
      // Their kid is the thumbprint of the key (RFC 9679): ours over the same key.
      const kid = toHex(thumbprint({ algorithm, publicKey }, native));
      expect(v.key).toContain(kid);
      expect(toHex(encodeCoseKey({ algorithm, publicKey }))).toContain(v.raw_public_key);
      expect(COSE_ALGORITHM[algorithm]).toBe(name === 'ML_DSA_44' ? -48 : -49);
      expect(algorithmOf(COSE_ALGORITHM[algorithm])).toBe(algorithm);
      // A COSE_Sign1 of another profile (no typ) is no PulseSeal message.
      expect(attempt(() => parseAnySigned(fromHex(v.sign1))).ok).toBe(false);
    },
  );

  it('ML-DSA-87 is no algorithm of version 1 [SUITE-1]', () => {
    expect(attempt(() => algorithmOf(-50))).toEqual({ ok: false, refusal: 'algorithm-mismatch' });
    expect(attempt(() => parseAnySigned(fromHex(load('ML_DSA_87').sign1))).ok).toBe(false);
  });
});

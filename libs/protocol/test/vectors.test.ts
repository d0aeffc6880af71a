import { createNativeCrypto, createPortableCrypto, fromHex } from '@pulseseal/crypto';
import { describe, expect, it } from 'vitest';
import { parseAnySigned, parseCoseKey, Refusal, refusalNames, verifyProof, verifySigned } from '../src/mod.ts';
import { OPERATIONS } from '../tools/operations.ts';
import { project } from '../tools/project.ts';
import { allVectors, fieldsOf } from '../tools/vectors.ts';
import { bytesOf, loadAccepts, loadProof, loadRefusals, strictVectors, vectorText } from './vectors.ts';

const accepts = loadAccepts();
const refusals = loadRefusals();
const proof = loadProof();
const base = (name: string): Uint8Array => {
  const hex = name === 'proof' ? proof.hex : (accepts.parts[name] ?? accepts.vectors.find((v) => v.name === name)?.hex);
  if (hex === undefined) throw new RangeError(`no message ${name}`);
  return fromHex(hex);
};
console.log(`protocol vectors: ${accepts.vectors.length} accepted, ${refusals.length} refused, 1 proof bundle`);

/** Refusals that only a party with state can give: they are tested where that state is. */
const NEEDS_STATE = [
  'commitment-mismatch',
  'manifest-stale',
  'not-listed',
  'beacon-expired',
  'beacon-foreign',
  'beacon-older',
  'stale-counter',
  'counter-conflict',
  'counter-jump',
  'unknown-device',
  'revoked-device',
  'topic-mismatch',
  'topic-denied',
  'rate',
  'seq-conflict',
  'count-exceeded',
  'root-mismatch',
  'disputed',
  'owner-mismatch',
  'nonce-mismatch',
  'use-bulk',
  'bulk-content',
];

describe('vectors', () => {
  it('are made again byte for byte by the portable implementation [KEY-10]', async () => {
    for (const [name, text] of Object.entries(await allVectors(createPortableCrypto())))
      expect(text === vectorText(name), `${name}: run node tools/make-vectors.ts and look at the difference`).toBe(
        true,
      );
  });

  it('cover each refusal that the library itself gives [ENC-3]', () => {
    const covered = new Set(refusals.map((v) => v.refusal));
    expect(refusalNames.filter((name) => !covered.has(name)).sort()).toEqual([...NEEDS_STATE].sort());
  });

  it('come from a loader that refuses empty files and unknown keys', () => {
    expect(() => strictVectors('{"vectors":[]}', ['name'], ['vectors'])).toThrow(/without vectors/);
    expect(() => strictVectors('{"vektors":[]}', ['name'], ['vectors'])).toThrow(/unknown key/);
    expect(() =>
      strictVectors('{"vectors":[{"name":"a","verdict":"refuse","x":1}]}', ['name', 'verdict'], ['vectors']),
    ).toThrow(/unknown key x/);
    expect(() => strictVectors('{"vectors":[{"name":"a"}]}', ['name'], ['vectors'])).toThrow(/without verdict/);
  });
});

describe.each([createNativeCrypto(), createPortableCrypto()])('vectors with the $name implementation', (crypto) => {
  it.each(accepts.vectors)('accepts $name [ENC-1] [MSG-1]', (v) => {
    const bytes = fromHex(v.hex);
    expect(fieldsOf(bytes)).toEqual(v.fields);
    if (v.signer === undefined) return;
    expect(verifySigned(parseAnySigned(bytes), parseCoseKey(fromHex(accepts.keys[v.signer]!)), crypto)).toBe(true);
  });

  it('refuses every refused vector for its one reason [ENC-3] [ENC-5] [ENC-7] [ENC-8]', async () => {
    const wrong: string[] = [];
    for (const v of refusals) {
      let got = 'accepted';
      try {
        await OPERATIONS[v.op]!(bytesOf(v, base), v.args ?? {}, crypto);
      } catch (error) {
        got = error instanceof Refusal ? error.refusal : String(error);
      }
      if (got !== v.refusal) wrong.push(`${v.name}: expected ${v.refusal}, got ${got}`);
    }
    expect(wrong).toEqual([]);
  });

  it('reaches the verdict on the proof bundle [PROOF-2]', () => {
    const trust = { owners: proof.trust.owners.map(fromHex), signers: proof.trust.signers.map(fromHex) };
    expect(project(verifyProof(fromHex(proof.hex), trust, crypto))).toEqual(proof.verdict);
  });
});

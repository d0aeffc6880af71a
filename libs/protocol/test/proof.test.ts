import { isLong } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import { attempt, encodeProof, PROOF_CHECKS, parseProof, type TrustAnchors, verifyProof } from '../src/mod.ts';
import { buildBundle, buildProof } from '../tools/bundle.ts';
import { createSamples } from '../tools/samples.ts';
import { createWorld } from '../tools/world.ts';
import { flipBit, native, portable, samples, world } from './fixture.ts';

const trust: TrustAnchors = { owners: [world.owner.thumbprint], signers: [world.ledger.thumbprint] };
const bundle = buildBundle(world, samples);

/** Every bit takes 10 minutes: the short run takes all bits of the small fields and each 97th of the rest. */
const STRIDE = 97;

describe('proof bundle', () => {
  it.each([native, portable])(
    'holds with $name: one verdict a step, pinned by anchors from outside [PROOF-1] [PROOF-2] [PROOF-3]',
    (crypto) => {
      const verdict = verifyProof(bundle, trust, crypto);
      expect(verdict.checks.map((c) => [c.name, c.ok])).toEqual(PROOF_CHECKS.map((name) => [name, true]));
      expect(verdict).toMatchObject({
        holds: true,
        pinned: true,
        reading: { code: 147_842, text: '91', waveform: false },
      });
      expect(verifyProof(bundle, undefined, crypto)).toMatchObject({ holds: true, pinned: false });
      expect(encodeProof(parseProof(bundle))).toEqual(bundle);
    },
  );

  it('holds for a waveform block, an urgent frame and without disclosure [PROOF-2]', () => {
    expect(verifyProof(buildBundle(world, samples, {}, 4), trust, native)).toMatchObject({
      pinned: true,
      reading: { waveform: true, text: '125' },
    });
    expect(verifyProof(buildBundle(world, samples, {}, 6), trust, native)).toMatchObject({
      pinned: true,
      reading: { text: '391' },
    });
    const { disclosure: _d, ...sealed } = buildProof(world, samples);
    const verdict = verifyProof(encodeProof(sealed), trust, native);
    expect(verdict.pinned).toBe(true);
    expect(verdict.reading).toBeUndefined();
    const card = verifyProof(buildBundle(world, samples, {}, 1), trust, native);
    expect(card.checks.at(-1)).toMatchObject({ name: 'disclosure', ok: false, refusal: 'wrong-type' });
  });

  it('of an attacker with keys of his own holds, but is never pinned [PROOF-3] [LOG-6]', async () => {
    const mallory = createWorld(portable, true, 'mallory ');
    const foreign = buildBundle(mallory, await createSamples(mallory));
    expect(verifyProof(foreign, undefined, native)).toMatchObject({ holds: true, pinned: false });
    expect(verifyProof(foreign, trust, native)).toMatchObject({ holds: true, pinned: false });
    // The owner alone, or the ledger alone, is not enough.
    expect(verifyProof(bundle, { ...trust, owners: [mallory.owner.thumbprint] }, native).pinned).toBe(false);
    expect(verifyProof(bundle, { ...trust, signers: [mallory.ledger.thumbprint] }, native).pinned).toBe(false);
    expect(verifyProof(bundle, { owners: [], signers: [] }, native).pinned).toBe(false);
    const mixed = buildProof(world, samples, { gatewayKey: mallory.gateway.key });
    expect(verifyProof(encodeProof(mixed), trust, native).holds).toBe(false);
  });

  it('whose device of suite 1 signs an open of suite 2, or whose time no clock can print, gives a refusal and no crash [SUITE-2] [TIME-1]', () => {
    const open2 = buildProof(world, samples, { open: samples.messages.get('open, suite 2')! });
    expect(verifyProof(encodeProof(open2), trust, native).holds).toBe(false);
  });

  it(`has no free bit [PROOF-4] (${isLong() ? 'all' : 'small fields, a stride of the rest; all: npm run test:long'})`, () => {
    const parsed = parseProof(bundle);
    // Whole signed messages and keys are long and alike; what stands between them is where a free bit could hide.
    const long = [
      parsed.close,
      parsed.open,
      parsed.manifest,
      parsed.endorse,
      parsed.sth,
      parsed.anchoredSth!,
      parsed.anchor.blocks[0]!,
      parsed.anchor.tx,
      parsed.gatewayKey.publicKey,
      parsed.anchor.signers[0]!.publicKey,
    ];
    const inLong = new Uint8Array(bundle.length);
    for (const part of long) {
      const at = Buffer.from(bundle).indexOf(part);
      inLong.fill(1, at, at + part.length);
    }
    let count = 0;
    const free: number[] = [];
    for (let bit = 0; bit < bundle.length * 8; bit++) {
      if (!isLong() && inLong[bit >> 3] === 1 && bit % STRIDE !== 0) continue;
      count++;
      const result = attempt(() => verifyProof(flipBit(bundle, bit), trust, native));
      if (result.ok && (result.value.holds || result.value.pinned)) free.push(bit);
    }
    console.log(`protocol: ${count} of ${bundle.length * 8} bits of a proof bundle flipped`);
    expect(free).toEqual([]);
    expect(count).toBeGreaterThan(5000);
  }, 3_600_000);
});

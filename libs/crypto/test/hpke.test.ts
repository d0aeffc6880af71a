import { XWing } from '@hpke/hybridkem-x-wing';
import { BadPublicKey, createNativeCrypto, createPortableCrypto, utf8 } from '@pulseseal/crypto';
import fc from 'fast-check';
import { AEAD_AES_256_GCM, CipherSuite, KDF_SHAKE256, KEM_MLKEM768_X25519 } from 'hpke';
import { beforeAll, describe, expect, test } from 'vitest';
import { flipBit, providers } from './vectors.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const anyBytes = fc.uint8Array({ maxLength: 300 });
const seedOf = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const info = utf8('ps1 test info');
const aad = utf8('associated data');
const text = utf8('es_1 and ack_r');

describe.each(providers)('HPKE of the $name implementation', (crypto) => {
  const { publicKey } = crypto.xwingKeyPair(seedOf(7));

  test('has the sizes of X-Wing and AES-256-GCM', async () => {
    const sealed = await crypto.hpkeSeal(publicKey, info, aad, text);
    expect(publicKey).toHaveLength(1216);
    expect(sealed.encapsulated).toHaveLength(1120);
    expect(sealed.ciphertext).toHaveLength(text.length + 16);
  });

  test('two seals of one plaintext differ, the same coins repeat one', async () => {
    const coins = new Uint8Array(64).fill(3);
    const first = await crypto.hpkeSeal(publicKey, info, aad, text);
    expect((await crypto.hpkeSeal(publicKey, info, aad, text)).encapsulated).not.toEqual(first.encapsulated);
    const fixed = await crypto.hpkeSeal(publicKey, info, aad, text, coins);
    expect(await crypto.hpkeSeal(publicKey, info, aad, text, coins)).toEqual(fixed);
    expect(await createPortableCrypto().hpkeSeal(publicKey, info, aad, text, coins)).toEqual(fixed);
    expect(coins).toEqual(new Uint8Array(64).fill(3));
  });

  test('any altered part has the one answer undefined', async () => {
    const seed = seedOf(7);
    const { encapsulated, ciphertext } = await crypto.hpkeSeal(publicKey, info, aad, text);
    expect(await crypto.hpkeOpen(seed, encapsulated, info, aad, ciphertext)).toEqual(text);
    const open = (e = encapsulated, i = info, a = aad, c = ciphertext, s = seed) => crypto.hpkeOpen(s, e, i, a, c);
    for (let bit = 0; bit < 1120 * 8; bit += 997) expect(await open(flipBit(encapsulated, bit))).toBeUndefined();
    for (let bit = 0; bit < ciphertext.length * 8; bit++)
      expect(await open(encapsulated, info, aad, flipBit(ciphertext, bit))).toBeUndefined();
    expect(await open(encapsulated, flipBit(info, 5))).toBeUndefined();
    expect(await open(encapsulated, info, flipBit(aad, 5))).toBeUndefined();
    expect(await open(encapsulated, info, aad, ciphertext, seedOf(8))).toBeUndefined();
    expect(await open(encapsulated.subarray(1))).toBeUndefined();
    expect(await open(encapsulated, info, aad, new Uint8Array(15))).toBeUndefined();
    expect(await open(encapsulated, new Uint8Array(65_536))).toBeUndefined();
    // A point of small order in place of the X25519 half.
    const zeroPoint = encapsulated.slice();
    zeroPoint.fill(0, 1088);
    expect(await open(zeroPoint)).toBeUndefined();
  });

  test('refuses recipient keys that are no keys, before sealing', async () => {
    const beyondModulus = publicKey.slice().fill(0xff, 0, 3);
    const smallOrder = publicKey.slice().fill(0, 1184);
    for (const key of [beyondModulus, smallOrder, publicKey.subarray(1), new Uint8Array(0)])
      await expect(crypto.hpkeSeal(key, info, aad, text)).rejects.toBeInstanceOf(BadPublicKey);
    await expect(crypto.hpkeSeal(publicKey, info, aad, text, new Uint8Array(32))).rejects.toBeInstanceOf(RangeError);
    await expect(crypto.hpkeSeal(publicKey, new Uint8Array(65_536), aad, text)).rejects.toBeInstanceOf(RangeError);
  });
});

test('native and portable open what the other sealed', async () => {
  const native = createNativeCrypto();
  const portable = createPortableCrypto();
  const property = fc.asyncProperty(bytes(32), anyBytes, anyBytes, anyBytes, async (seed, i, a, plaintext) => {
    const { publicKey } = native.xwingKeyPair(seed);
    expect(portable.xwingKeyPair(seed).publicKey).toEqual(publicKey);
    const fromNative = await native.hpkeSeal(publicKey, i, a, plaintext);
    const fromPortable = await portable.hpkeSeal(publicKey, i, a, plaintext);
    expect(await portable.hpkeOpen(seed, fromNative.encapsulated, i, a, fromNative.ciphertext)).toEqual(plaintext);
    expect(await native.hpkeOpen(seed, fromPortable.encapsulated, i, a, fromPortable.ciphertext)).toEqual(plaintext);
  });
  await fc.assert(property, { numRuns: 30 });
});

describe('interoperation with the hpke package (another author, WebCrypto)', () => {
  const other = new CipherSuite(KEM_MLKEM768_X25519, KDF_SHAKE256, AEAD_AES_256_GCM);
  const seed = seedOf(0x5a);
  let theirPrivate: Awaited<ReturnType<typeof other.DeserializePrivateKey>>;
  let theirPublic: Awaited<ReturnType<typeof other.DeserializePublicKey>>;
  beforeAll(async () => {
    theirPrivate = await other.DeserializePrivateKey(seed);
    theirPublic = await other.DeserializePublicKey(createNativeCrypto().xwingKeyPair(seed).publicKey);
  });

  test.each(providers)('both directions with $name', async (crypto) => {
    const property = fc.asyncProperty(anyBytes, anyBytes, anyBytes, async (i, a, plaintext) => {
      const { publicKey } = crypto.xwingKeyPair(seed);
      const ours = await crypto.hpkeSeal(publicKey, i, a, plaintext);
      const opened = await other.Open(theirPrivate, ours.encapsulated, ours.ciphertext, { info: i, aad: a });
      expect(new Uint8Array(opened)).toEqual(plaintext);
      const theirs = await other.Seal(theirPublic, plaintext, { info: i, aad: a });
      expect(await crypto.hpkeOpen(seed, theirs.encapsulatedSecret, i, a, theirs.ciphertext)).toEqual(plaintext);
    });
    await fc.assert(property, { numRuns: 20 });
  });
});

describe('interoperation with @hpke/hybridkem-x-wing (KEM alone: its suite has no SHAKE256 schedule)', () => {
  test.each(providers)('both directions with $name', async (crypto) => {
    const seed = seedOf(0x21);
    const other = new XWing();
    const keys = await other.generateKeyPairDerand(seed);
    const { publicKey } = crypto.xwingKeyPair(seed);
    expect(new Uint8Array(await other.serializePublicKey(keys.publicKey))).toEqual(publicKey);
    for (let i = 0; i < 5; i++) {
      const ours = crypto.kemEncapsulate('X-Wing', publicKey);
      if (ours === undefined) throw new Error('refused a good key');
      const enc = Uint8Array.from(ours.encapsulated).buffer;
      expect(new Uint8Array(await other.decap({ recipientKey: keys.privateKey, enc }))).toEqual(ours.sharedSecret);
      const theirs = await other.encap({ recipientPublicKey: keys.publicKey });
      expect(crypto.kemDecapsulate('X-Wing', seed, new Uint8Array(theirs.enc))).toEqual(
        new Uint8Array(theirs.sharedSecret),
      );
    }
  });
});

import { createNativeCrypto, createPortableCrypto, fromHex, toHex } from '@pulseseal/crypto';
import { isLong } from '@pulseseal/testkit';
import { describe, expect, it } from 'vitest';
import {
  chainFrom,
  checkFrameTag,
  commitment,
  encodeAsk,
  encodeGone,
  encodeLeaves,
  encodeNack,
  encodeProgress,
  encodeValues,
  linkKeys,
  nonceOf,
  openFrame,
  parseData,
  parseFrame,
  scopeChain,
  sealCtl,
  sealFrame,
} from '../src/mod.ts';

/** Ten million in the long run. */
const NONCES = isLong() ? 10_000_000 : 300_000;
const fill = (byte: number, length = 32) => new Uint8Array(length).fill(byte);
const es = fill(0x11);
const oh = fill(0x22);
const gwk = fill(0x33);
const device = fill(0x44);

describe.each([createNativeCrypto(), createPortableCrypto()])('the worked example [KEY-10] ($name)', (crypto) => {
  const keys = linkKeys(oh, gwk, crypto);
  const segment = () => scopeChain(es, oh, crypto).take(0);

  it('commits to the scope secret and derives segment, stream and link keys', () => {
    expect(toHex(commitment(es, device, 1, 2, 1, crypto))).toBe(
      'c76f030fa7fdec9f87e698b61aef976c9f1f75a136490690160de7c9c89f6842',
    );
    expect(toHex(segment().secret)).toBe('00e861da83cc43b69817b50f0ba673caab4dbab89f60cc7f9d9a6189dd191110');
    expect(toHex(segment().kcv)).toBe('288357017ce4827d60c17660afb2d73fcb0506e51d998174a8212cf14b8b42e1');
    const { key, iv } = segment().streamKey(1);
    expect(toHex(key)).toBe('dcf7cbe2757564cc3aee03b486a57ac0928272267a9788bba374a14049d33093');
    expect(toHex(nonceOf(iv, 7))).toBe('3b01528bd0caba84fcc185e1');
  });

  it('seals, checks and opens the frame byte for byte', () => {
    const sealed = sealFrame(
      { ft: 1, oh, sg: 0, st: 1, seq: 7, dt: 1000, prev: 6, payload: encodeValues(new Map([[0, 91]])), pad: 8 },
      segment(),
      keys.up,
      crypto,
    );
    expect(toHex(sealed.raw)).toBe(
      '8801482222222222222222' +
        '0001071903e8' +
        '5818' +
        '729cba72f2b7ec2e5d5f9746dbc4a1f001b9e7fdf3d728bf' +
        '48d1176d4b31f21819',
    );
    expect(toHex(sealed.leaf)).toBe('d568687c3a975f978c89f3bbf8916eede44dc9fc589f0911d99e8f5c6a10a8fa');
    const verified = checkFrameTag(parseFrame(sealed.raw), oh, keys.up, crypto);
    expect(toHex(verified.leaf)).toBe(toHex(sealed.leaf));
    const opened = openFrame(verified.frame, oh, segment(), 8, crypto);
    expect(opened.prev).toBe(6);
    expect(parseData(opened.payload, 1)).toEqual({ kind: 'values', values: new Map([[0, 91]]) });
  });

  it('prints progress, nack, ask, leaves and gone as the specification shows them', () => {
    expect(toHex(sealCtl(20, oh, 2 ** 32, encodeProgress({ seqBelow: 8 }), keys.down))).toBe(
      '8514482222222222222222' + '1b0000000100000000' + '43a10108' + '4809d84ee90b038add',
    );
    expect(toHex(encodeNack({ segment: 30, ranges: [{ first: 5810, count: 2 }], want: 1 }))).toBe(
      'a301181e0281821916b2020301',
    );
    expect(toHex(encodeAsk(oh.subarray(0, 8), 2, 0, [{ first: 7, count: 1 }]))).toBe(
      '85182e4822222222222222220200' + '81820701',
    );
    expect(toHex(encodeLeaves(oh.subarray(0, 8), 0, 1, [fill(5)]))).toBe(
      `8518294822222222222222220001815820${'05'.repeat(32)}`,
    );
    expect(toHex(encodeGone())).toBe('811823');
  });

  it(`gives each of ${NONCES.toLocaleString('en')} frames a nonce of its own [KEY-6]`, () => {
    const { iv } = segment().streamKey(1);
    const at = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(8);
    let strange = 0;
    for (let seq = 1; seq <= NONCES; seq++) {
      const nonce = nonceOf(iv, seq);
      // The number can be read back from the nonce, and nothing else in it moves: so no two are equal.
      if ((at(nonce) ^ at(iv)) >>> 0 !== seq || nonce[7] !== iv[7] || nonce[0] !== iv[0]) strange++;
    }
    expect(strange).toBe(0);
    expect(() => nonceOf(iv, 2 ** 32)).toThrow(RangeError);
  });

  it('ratchets forward only', () => {
    const chain = scopeChain(es, oh, crypto);
    const exported = chain.export();
    const third = chain.take(3);
    expect(toHex(chainFrom(exported.segment, exported.ck, crypto).take(3).secret)).toBe(toHex(third.secret));
    expect(() => chain.take(2)).toThrow(RangeError);
  });
});

it('fromHex and toHex agree with the example’s device text', () => {
  expect(toHex(fromHex('44'))).toBe('44');
});

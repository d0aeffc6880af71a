import { concat, equalBytes, erase, fromBase64url, fromHex, toBase64url, toHex, utf8, xor } from '@pulseseal/crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const bytes = fc.uint8Array({ maxLength: 100 });

describe('bytes', () => {
  test('hex and base64url give back what went in and agree with the platform', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        expect(toHex(data)).toBe(Buffer.from(data).toString('hex'));
        expect(fromHex(toHex(data))).toEqual(data);
        expect(toBase64url(data)).toBe(Buffer.from(data).toString('base64url'));
        expect(fromBase64url(toBase64url(data))).toEqual(data);
      }),
    );
  });

  test('base64url has one spelling per value', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'AZaz09-_+/= Q'), maxLength: 12 }), (text) => {
        let decoded: Uint8Array | undefined;
        try {
          decoded = fromBase64url(text);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
        if (decoded !== undefined) expect(toBase64url(decoded)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
    for (const bad of ['A', 'AB', 'AAB', 'AA==', 'A+==', 'AA A', 'AAA\u0141', 'AAAAA'])
      expect(() => fromBase64url(bad)).toThrow(RangeError);
    expect(toBase64url(new Uint8Array(16).fill(0x44))).toBe('RERERERERERERERERERERA');
  });

  test('hex refuses what is not hex', () => {
    for (const bad of ['0', 'zz', '0x', ' 00', '00 ']) expect(() => fromHex(bad)).toThrow(RangeError);
  });

  test('equality, xor, concat and erase', () => {
    expect(equalBytes(utf8('ab'), utf8('ab'))).toBe(true);
    expect(equalBytes(utf8('ab'), utf8('ac'))).toBe(false);
    expect(equalBytes(utf8('ab'), utf8('abc'))).toBe(false);
    expect(xor(Uint8Array.of(1, 2), Uint8Array.of(3, 3))).toEqual(Uint8Array.of(2, 1));
    expect(() => xor(utf8('a'), utf8('ab'))).toThrow(RangeError);
    expect(concat(utf8('a'), new Uint8Array(0), utf8('bc'))).toEqual(utf8('abc'));
    const secret = utf8('secret');
    erase(secret);
    expect(secret).toEqual(new Uint8Array(6));
  });
});

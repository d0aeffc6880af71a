import { concat } from '@pulseseal/crypto';
import { describe, expect, it } from 'vitest';
import {
  attempt,
  encodeItem,
  encodeUntaggedCtl,
  parseMessage,
  parseProof,
  parseTransparent,
  unpadPlaintext,
} from '../src/mod.ts';

const h = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const times = (hex: string, count: number) => {
  const one = h(hex);
  const out = new Uint8Array(one.length * count);
  for (let i = 0; i < count; i++) out.set(one, i * one.length);
  return out;
};
const eh = '48 0000000000000000';
const ctl = (content: Uint8Array) =>
  concat(encodeUntaggedCtl(6, new Uint8Array(8), 1, content), encodeItem(new Uint8Array(8)));
const duplicateKeys = (count: number) =>
  concat(h('b9'), new Uint8Array([count >> 8, count & 255]), times('0101', count));

/** What a hostile sender may put where the CDDL asks for something small. */
const bombs: { readonly [name: string]: Uint8Array } = {
  '190,000 nested arrays': times('81', 190_000),
  '190,000 nested tags': concat(h('d2'), times('d2', 190_000)),
  'nested arrays inside an ask': concat(h(`85182e ${eh} 02 00`), times('81', 190_000)),
  'nested tags inside an ask': concat(h(`85182e ${eh} 02 00`), times('c1', 190_000)),
  'an array of 2^32 - 1 items': h(`85182e ${eh} 02 00 9affffffff`),
  'an array of 2^64 - 1 items': h(`85182e ${eh} 02 00 9bffffffffffffffff`),
  'a map of 2^32 - 1 pairs': h(`d2 84 58 05 baffffffff a0 40 40`),
  'a byte string of 2^32 - 1 bytes': h(`8218225affffffff`),
  'a byte string of 2^53 bytes': h(`8218225b0020000000000000`),
  'a text of 2^63 bytes': h(`d2847b8000000000000000`),
  '40 kB of nested array heads of 9 bytes': times('9b0000000000000001', 4_500),
  'a bignum of 190 kB': concat(h(`85182e ${eh} c2 5a0002e630`), new Uint8Array(190_000)),
  '100,000 indefinite chunks': concat(h('8218225f'), times('4100', 65_000), h('ff')),
  'an indefinite array': concat(h(`85182e ${eh} 02 00 9f`), times('820101', 60_000), h('ff')),
  'duplicate keys in a ctl': ctl(duplicateKeys(20_000)),
  'a wide integer': ctl(h('a2 1b0000000000000001 00 02 80')),
  'a key `__proto__`': ctl(concat(h('a2 69'), new TextEncoder().encode('__proto__'), h('a0 02 80'))),
  'a key `constructor`': ctl(concat(h('a2 6b'), new TextEncoder().encode('constructor'), h('a0 02 80'))),
  'a bulk of 60,000 empty items': concat(
    encodeUntaggedCtl(8, new Uint8Array(8), 1, concat(h('99ea60'), times('40', 60_000))),
    encodeItem(new Uint8Array(8)),
  ),
  '4,096 ranges that overlap': concat(h(`85182e ${eh} 02 00 991000`), times('820101', 4096)),
};

describe('CBOR bombs', () => {
  const parsers = { parseMessage, parseProof, parseTransparent, plaintext: (b: Uint8Array) => unpadPlaintext(b, 7, 8) };
  it.each(Object.keys(bombs))('%s: refused in 50 ms with flat memory [ENC-3] [ENC-6]', (name) => {
    const bytes = bombs[name]!;
    for (const [parser, parse] of Object.entries(parsers)) {
      attempt(() => parse(bytes));
      const before = process.memoryUsage();
      const start = performance.now();
      const result = attempt(() => parse(bytes));
      const elapsedMs = performance.now() - start;
      const after = process.memoryUsage();
      const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
      expect(result.ok, parser).toBe(false);
      expect(elapsedMs, parser).toBeLessThan(50);
      expect(grown, parser).toBeLessThan(20 * 2 ** 20);
    }
  });

  it('a payload nested deeper than a card is refused behind the seal [ENC-6] [FRAME-6]', () => {
    expect(attempt(() => unpadPlaintext(concat(h('00'), times('81', 7), h('00')), 1, 1))).toEqual({
      ok: false,
      refusal: 'out-of-range',
    });
    expect(attempt(() => unpadPlaintext(concat(h('00'), times('81', 6), h('00')), 1, 1)).ok).toBe(true);
  });

  it('no field reaches a prototype [ENC-3]', () => {
    for (const name of Object.keys(bombs)) attempt(() => parseMessage(bombs[name]!));
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as { readonly polluted?: unknown }).polluted).toBeUndefined();
  });
});

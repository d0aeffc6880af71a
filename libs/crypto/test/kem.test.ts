import { expect, test } from 'vitest';
import { shareX25519 } from '../src/kem.ts';

const secret = new Uint8Array(32).fill(1);

// Both libraries refuse small-order points themselves today; the product does not rest on that.
test('an all-zero X25519 result is refused even when the library below lets it pass', () => {
  expect(shareX25519(() => new Uint8Array(32))(secret, secret)).toBeUndefined();
  expect(shareX25519(() => Uint8Array.of(0, 1))(secret, secret)).toEqual(Uint8Array.of(0, 1));
});

test('a library that throws and a public key of the wrong length have the same answer', () => {
  const share = shareX25519(() => {
    throw new Error('low order');
  });
  expect(share(secret, secret)).toBeUndefined();
  expect(share(secret, secret.subarray(1))).toBeUndefined();
});

import { type KeyStore, utf8 } from '@pulseseal/crypto';
import type { ManualClock } from '@pulseseal/testkit';
import { describe, expect, test } from 'vitest';

/** What every key store must do. `make` gives a fresh, empty one. */
export function keyStoreContract(name: string, make: () => Promise<{ store: KeyStore; clock: ManualClock }>): void {
  describe(`key store contract: ${name}`, () => {
    test('gives back what was put, as copies', async () => {
      const { store } = await make();
      const secret = utf8('thirty-two bytes of a seed ......');
      await store.put('gateway.signing', secret);
      secret.fill(0);
      const first = await store.get('gateway.signing');
      expect(first).toEqual(utf8('thirty-two bytes of a seed ......'));
      first?.fill(0);
      expect(await store.get('gateway.signing')).toEqual(utf8('thirty-two bytes of a seed ......'));
      expect(await store.get('absent')).toBeUndefined();
    });

    test('lists names and times in order, never secrets', async () => {
      const { store, clock } = await make();
      const startMs = clock.nowMs();
      await store.put('b', utf8('two'));
      clock.advance(1_000);
      await store.put('a', utf8('one'));
      expect(await store.list()).toEqual([
        { name: 'a', createdMs: startMs + 1_000 },
        { name: 'b', createdMs: startMs },
      ]);
    });

    test('replaces and removes', async () => {
      const { store } = await make();
      await store.put('prekey-1', utf8('old'));
      await store.put('prekey-1', utf8('new'));
      expect(await store.get('prekey-1')).toEqual(utf8('new'));
      await store.remove('prekey-1');
      await store.remove('prekey-1');
      expect(await store.get('prekey-1')).toBeUndefined();
      expect(await store.list()).toEqual([]);
    });

    test('refuses bad names and large secrets by name, and goes on working', async () => {
      const { store } = await make();
      for (const bad of ['', 'A', '../x', 'a b', 'x'.repeat(65), '-a'])
        await expect(store.put(bad, utf8('s'))).rejects.toMatchObject({ code: 'key-store-bad-name' });
      await expect(store.put('big', new Uint8Array(16_385))).rejects.toMatchObject({
        code: 'key-store-secret-too-large',
      });
      await store.put('fine', new Uint8Array(16_384));
      expect(await store.list()).toHaveLength(1);
    });

    test('changes made at once all land', async () => {
      const { store } = await make();
      await Promise.all(Array.from({ length: 20 }, (_, i) => store.put(`k${i}`, Uint8Array.of(i))));
      expect(await store.list()).toHaveLength(20);
      for (let i = 0; i < 20; i++) expect(await store.get(`k${i}`)).toEqual(Uint8Array.of(i));
    });
  });
}

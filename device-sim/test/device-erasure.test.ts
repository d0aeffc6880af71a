import type { CryptoProvider, PreparedHmac } from '@pulseseal/crypto';
import { describe, expect, it } from 'vitest';
import { createWorld, type World } from './harness.ts';

interface Watch {
  /** Fresh secrets and KEM coins, as the device made them. */
  readonly fresh: Uint8Array[];
  /** Stream keys and nonces of segments. */
  readonly stream: Uint8Array[];
  readonly macs: Set<PreparedHmac>;
  failSeals: number;
  readonly crypto: (native: CryptoProvider) => CryptoProvider;
}

/** Keeps hold of every secret that a device derives, as its memory would. */
function createWatch(): Watch {
  const kept = (into: Uint8Array[], secret: Uint8Array) => {
    into.push(secret);
    return secret;
  };
  const watch: Watch = {
    fresh: [],
    stream: [],
    macs: new Set(),
    failSeals: 0,
    crypto: (native) => ({
      ...native,
      hkdfSha256(salt, ikm, info, length) {
        const key = native.hkdfSha256(salt, ikm, info, length);
        return Buffer.from(info).toString() === 'ps1 hedge' ? kept(watch.fresh, key) : key;
      },
      hkdfExpandSha256: (prk, info, length) => kept(watch.stream, native.hkdfExpandSha256(prk, info, length)),
      prepareHmac(key) {
        const mac = native.prepareHmac(key);
        const watched: PreparedHmac = Object.assign((...parts: readonly Uint8Array[]) => mac(...parts), {
          erase() {
            watch.macs.delete(watched);
            mac.erase();
          },
        });
        watch.macs.add(watched);
        return watched;
      },
      hpkeSeal: (...order) =>
        watch.failSeals-- > 0 ? Promise.reject(new Error('no memory')) : native.hpkeSeal(...order),
    }),
  };
  return watch;
}

const held = (secrets: readonly Uint8Array[]) => secrets.filter((bytes) => bytes.some((byte) => byte !== 0)).length;
const begun = async (settings = {}): Promise<{ watch: Watch; world: World }> => {
  const watch = createWatch();
  const world = createWorld({ deviceCrypto: watch.crypto, settings });
  await world.enrol();
  return { watch, world };
};
/** K_up, K_dn, K_pre and one K_ack. */
const keysOfEpoch = 4;

describe('what a device must forget', () => {
  it('are the secrets of an epoch and the coins of its wraps, once it is sealed', async () => {
    const { watch } = await begun();
    expect(watch.fresh.filter(({ length }) => length === 64).length).toBe(2);
    expect(watch.fresh.length).toBeGreaterThanOrEqual(6);
    expect(held(watch.fresh)).toBe(0);
  });

  it('are they also when the epoch could not be sealed', async () => {
    const { watch, world } = await begun();
    const before = watch.fresh.length;
    watch.failSeals = 1;
    world.agent.send(world.manifest(2));
    await world.run(500);
    expect(world.device.state).toBe('rotating');
    expect(watch.fresh.length).toBeGreaterThan(before);
    expect(held(watch.fresh)).toBe(0);
  });

  it('are link and ack keys of all but the last two epochs, and of all but one after ten minutes', async () => {
    const { watch, world } = await begun({ epochMs: 20_000 });
    await world.until('epochs', () => world.gateway.epochs.size === 6 && world.device.state === 'live', 200_000);
    expect(watch.macs.size).toBe(2 * keysOfEpoch);
    world.device.halt();
    expect(watch.macs.size).toBe(0);

    const other = await begun({ epochMs: 700_000 });
    other.world.agent.send(other.world.manifest(2));
    await other.world.until('2', () => other.world.gateway.epochs.size === 2 && other.world.device.state === 'live');
    expect(other.watch.macs.size).toBe(2 * keysOfEpoch);
    await other.world.run(601_000);
    expect(other.watch.macs.size).toBe(keysOfEpoch);
    expect(other.world.sendHeart()).toBe('kept');
  }, 30_000);

  it('are the keys of a gateway that the manifest leaves out; K_pre alone waits for the next accept', async () => {
    const { watch, world } = await begun();
    world.agent.send(world.manifest(2, { gateways: [new Uint8Array(32).fill(1)] }));
    await world.until('offline', () => world.device.state === 'offline');
    // The ack key of the offline epoch, and K_pre of the one before.
    expect(watch.macs.size).toBe(2);
  });

  it.each(['halt', 'stop'])('are the keys of the open segment at a %s', async (how) => {
    const { watch, world } = await begun();
    world.sendHeart();
    await world.run(500);
    expect(held(watch.stream)).toBeGreaterThan(0);
    if (how === 'halt') world.device.halt();
    else {
      world.device.stop(0);
      await world.run(3_000);
    }
    expect(held(watch.stream)).toBe(0);
    expect(watch.macs.size).toBe(0);
  });
});

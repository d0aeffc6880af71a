import { type CryptoProvider, erase } from '@pulseseal/crypto';
import { hedged } from '@pulseseal/protocol';
import type { Random } from '@pulseseal/runtime';

/** Fresh secrets of one epoch that stay secret when the generator is stuck (SPEC clause KEY-1). */
export interface Hedge {
  /** 32 bytes; `label` = scope number, "gw" or rid. */
  secret(label: number | string | Uint8Array): Uint8Array;
  /** 64 bytes of coins for one encapsulation; `to` = "gw" or rid. */
  kemCoins(to: string | Uint8Array): Uint8Array;
  /** Everything that it gave. */
  erase(): void;
}

export function createHedge(
  ports: { readonly random: Random; readonly crypto: CryptoProvider },
  deviceSecret: Uint8Array,
  boot: number,
  epoch: number,
): Hedge {
  const { random, crypto } = ports;
  const given: Uint8Array[] = [];
  const drawn = (name: Parameters<typeof hedged>[4], length: number) => {
    const fresh = random.bytes(32);
    const secret = hedged(fresh, deviceSecret, boot, epoch, name, length, crypto);
    erase(fresh);
    given.push(secret);
    return secret;
  };
  return {
    secret: (label) => drawn(label, 32),
    kemCoins: (to) => drawn(['kem', to], 64),
    erase() {
      for (const secret of given.splice(0)) erase(secret);
    },
  };
}

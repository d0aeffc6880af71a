import type { KeyStore } from '@pulseseal/crypto';
import type { Random } from '@pulseseal/runtime';

/** The seed of this name, made and stored when there is none yet. */
export async function ensureSeed(keys: KeyStore, name: string, random: Random): Promise<Uint8Array> {
  const kept = await keys.get(name);
  if (kept !== undefined) return kept;
  const seed = random.bytes(32);
  await keys.put(name, seed);
  return seed;
}

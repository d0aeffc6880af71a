import { createNativeCrypto, createPortableCrypto } from '@pulseseal/crypto';
import { createSamples } from '../tools/samples.ts';
import { createWorld } from '../tools/world.ts';

export const native = createNativeCrypto();
export const portable = createPortableCrypto();
/** Keys and samples as the vectors have them: signed deterministically, checked by both implementations. */
export const world = createWorld(portable);
export const samples = await createSamples(world);

export const message = (name: string): Uint8Array => {
  const bytes = samples.messages.get(name);
  if (bytes === undefined) throw new RangeError(`no sample ${name}`);
  return bytes;
};

/** All bits instead of the stated part. */

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const out = bytes.slice();
  out[bit >> 3]! ^= 1 << (bit & 7);
  return out;
}

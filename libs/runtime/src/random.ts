import { randomFillSync } from 'node:crypto';

/** Randomness as an argument. */
export interface Random {
  /** `length` fresh bytes. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). For simulation and jitter, never for secrets. */
  unit(): number;
}

/** The operating system's generator. */
export function createSystemRandom(): Random {
  return {
    bytes: (length) => randomFillSync(new Uint8Array(length)),
    unit() {
      const b = randomFillSync(new Uint32Array(2));
      return (b[0]! * 2 ** 21 + (b[1]! >>> 11)) / 2 ** 53;
    },
  };
}

/**
 * A generator that a seed repeats exactly (xoshiro128** of Blackman and Vigna, seeded by splitmix32).
 * For simulation and vectors only: anybody who knows the seed knows every byte.
 */
export function createSeededRandom(
  seed: number,
): Random & { fork(label: string): Random & { fork(label: string): Random } } {
  return seeded(seed >>> 0);
}

type SeededRandom = ReturnType<typeof createSeededRandom>;

function seeded(seed: number): SeededRandom {
  let mix = seed;
  const next32 = () => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  const s = new Uint32Array([next32(), next32(), next32(), next32()]);
  const rotl = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  const word = () => {
    const result = Math.imul(rotl(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 11);
    return result;
  };
  return {
    bytes(length) {
      const out = new Uint8Array(length);
      for (let i = 0; i < length; i += 4) {
        const w = word();
        for (let j = 0; j < 4 && i + j < length; j++) out[i + j] = w >>> (8 * j);
      }
      return out;
    },
    unit: () => (word() * 2 ** 21 + (word() >>> 11)) / 2 ** 53,
    fork(label) {
      let h = seed ^ 0x811c9dc5;
      for (let i = 0; i < label.length; i++) h = Math.imul(h ^ label.charCodeAt(i), 0x01000193);
      return seeded(h >>> 0);
    },
  };
}

/** Standard normal deviate (Box and Muller 1958). */
export function normal(random: Random, mean = 0, deviation = 1): number {
  const u = 1 - random.unit();
  return mean + deviation * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * random.unit());
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNativeCrypto, createPortableCrypto } from '@pulseseal/crypto';
import { sharedDir } from '@pulseseal/testkit';

export const providers = [createNativeCrypto(), createPortableCrypto()] as const;

export type Fields = Readonly<Record<string, unknown>>;

export interface Vector {
  readonly group: Fields;
  readonly test: Fields;
}

/** Official vectors beside the checkout, or undefined (said aloud by `sharedDir`). */
export const vectorsDir = sharedDir('vectors');

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A file in wycheproof's form. A missing or empty group would make a suite pass without a test, so it is an error. */
export function parseWycheproof(json: string): readonly Vector[] {
  const file: unknown = JSON.parse(json);
  if (!isFields(file) || !Array.isArray(file.testGroups) || file.testGroups.length === 0)
    throw new Error('vector file without groups');
  const vectors = file.testGroups.flatMap((group: unknown) => {
    if (!isFields(group) || !Array.isArray(group.tests) || group.tests.length === 0)
      throw new Error('vector group without tests');
    return group.tests.map((test: unknown): Vector => {
      if (!isFields(test)) throw new Error('vector that is no object');
      return { group, test };
    });
  });
  if (vectors.length !== file.numberOfTests) throw new Error('vector file with another number of tests than it states');
  return vectors;
}

export function wycheproof(name: string): readonly Vector[] {
  if (vectorsDir === undefined) throw new Error('vectors are absent');
  return parseWycheproof(readFileSync(join(vectorsDir, 'wycheproof', name), 'utf8'));
}

export function readJson(...path: readonly string[]): unknown {
  if (vectorsDir === undefined) throw new Error('vectors are absent');
  return JSON.parse(readFileSync(join(vectorsDir, ...path), 'utf8'));
}

/** A field in hex. An absent field is an error, never an empty string. */
export function hex(fields: Fields, name: string): Uint8Array {
  const value = fields[name];
  if (typeof value !== 'string') throw new Error(`vector without ${name}`);
  return Uint8Array.from(Buffer.from(value, 'hex'));
}

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = bit % (copy.length * 8);
  copy[at >> 3]! ^= 1 << (at & 7);
  return copy;
}

/** Prints what ran: a suite that shrinks must be seen. */
export function report(suite: string, provider: string, counts: Readonly<Record<string, number>>): void {
  const text = Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
  console.info(`vectors ${suite} (${provider}): ${text}`);
}

/** The answer, with a programmer's error counted as a refusal too. */
export function attempt<T>(task: () => T | undefined): T | undefined {
  try {
    return task();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { concat, fromHex } from '@pulseseal/crypto';
import type { Arguments } from '../tools/operations.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'vectors');

export interface AcceptVector {
  readonly name: string;
  readonly verdict: 'accept';
  readonly hex: string;
  readonly signer?: string;
  readonly fields: unknown;
}

export interface RefuseVector {
  readonly name: string;
  readonly op: string;
  readonly verdict: 'refuse';
  readonly refusal: string;
  readonly hex?: string;
  readonly zeros?: number;
  readonly base?: string;
  readonly splice?: readonly [at: number, remove: number, insert: string];
  readonly args?: Arguments;
}

export function vectorText(file: string): string {
  return readFileSync(join(folder, file), 'utf8');
}

/** A file without vectors or with a key nobody reads would pass silently: both are refused. */
export function strictVectors<T>(text: string, keys: readonly string[], top: readonly string[]): readonly T[] {
  const whole = JSON.parse(text) as { readonly [key: string]: unknown };
  for (const key of Object.keys(whole)) if (!top.includes(key)) throw new RangeError(`unknown key ${key} in the file`);
  const list = whole.vectors;
  if (!Array.isArray(list) || list.length === 0) throw new RangeError('a file without vectors');
  const names = new Set<string>();
  for (const vector of list) {
    for (const key of Object.keys(vector))
      if (!keys.includes(key)) throw new RangeError(`unknown key ${key} in a vector`);
    for (const key of ['name', 'verdict'])
      if (typeof vector[key] !== 'string') throw new RangeError(`a vector without ${key}`);
    if (names.has(vector.name)) throw new RangeError(`two vectors named ${vector.name}`);
    names.add(vector.name);
  }
  return list as T[];
}

export const ACCEPT_KEYS = ['name', 'verdict', 'hex', 'signer', 'fields'];
export const REFUSE_KEYS = ['name', 'op', 'verdict', 'refusal', 'hex', 'zeros', 'base', 'splice', 'args'];

export function loadAccepts() {
  const text = vectorText('messages.json');
  const vectors = strictVectors<AcceptVector>(text, ACCEPT_KEYS, ['about', 'keys', 'epoch', 'parts', 'vectors']);
  const whole = JSON.parse(text) as {
    readonly keys: { readonly [name: string]: string };
    readonly parts: { readonly [name: string]: string };
  };
  return { vectors, keys: whole.keys, parts: whole.parts };
}

export function loadRefusals() {
  return strictVectors<RefuseVector>(vectorText('refusals.json'), REFUSE_KEYS, ['about', 'vectors']);
}

export function loadProof() {
  return JSON.parse(vectorText('proof.json')) as {
    readonly hex: string;
    readonly trust: { readonly owners: readonly string[]; readonly signers: readonly string[] };
    readonly verdict: unknown;
  };
}

/** The bytes of a refused vector. */
export function bytesOf(v: RefuseVector, base: (name: string) => Uint8Array): Uint8Array {
  if (v.base !== undefined && v.splice !== undefined) {
    const [at, remove, insert] = v.splice;
    const b = base(v.base);
    return concat(b.subarray(0, at), fromHex(insert), b.subarray(at + remove));
  }
  if (v.hex === undefined) throw new RangeError(`${v.name} has no bytes`);
  return concat(fromHex(v.hex), new Uint8Array(v.zeros ?? 0));
}

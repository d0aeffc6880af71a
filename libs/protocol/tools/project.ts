import { toHex } from '@pulseseal/crypto';

/** What JSON can hold: bytes as hex, maps as objects with decimal keys, absent fields left out. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Fields that only repeat the message's own bytes. */
const REPEATED = new Set(['raw', 'payload', 'protectedBytes', 'signature']);

export function project(value: unknown): Json {
  if (value === null || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean')
    return value;
  if (value instanceof Uint8Array) return toHex(value);
  if (value instanceof Int16Array) return [...value];
  if (Array.isArray(value)) return value.map(project);
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [String(k), project(v)]));
  if (typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value)
        .filter(([k, v]) => v !== undefined && !REPEATED.has(k))
        .map(([k, v]) => [k, project(v)]),
    );
  throw new TypeError(`not projectable: ${typeof value}`);
}

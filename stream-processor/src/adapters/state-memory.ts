import type { StateStore } from '../ports.ts';

/** Forgets with the process. For tests and for runs that ask for no durable state. */
export function createMemoryStateStore(): StateStore {
  const entries = new Map<string, Uint8Array>();
  return {
    load: async (name) => entries.get(name)?.slice(),
    save: async (name, bytes) => void entries.set(name, bytes.slice()),
    remove: async (name) => void entries.delete(name),
    list: async (prefix) => [...entries.keys()].filter((name) => name.startsWith(prefix)).sort(),
  };
}

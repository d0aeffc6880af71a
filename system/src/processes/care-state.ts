import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { concat, fromHex, toHex } from '@pulseseal/crypto';
import type { Acceptance, Person } from './contracts.ts';
import type { ZoneBase } from './zone.ts';

/** Whom the ward watches: names stay in the care zone. Pinned owners come from the patients' own acceptances. */
export interface Ward {
  readonly entries: readonly WardEntry[];
  entry(patient: string): WardEntry | undefined;
  byRid(rid: string): { readonly patient: string; readonly owner: Uint8Array } | undefined;
  admit(person: Person, rid: Uint8Array): Promise<WardEntry>;
  pin(acceptance: Acceptance): Promise<void>;
}

export interface WardEntry {
  readonly patient: string;
  readonly name: string;
  readonly bed: string;
  readonly ageYears: number | null;
  /** 16 hex digits. */
  readonly rid: string;
  /** 64 hex digits; null until the patient accepted. */
  readonly owner: string | null;
}

/** `seal` and `open` protect the file at rest: it holds names. */
export async function openWard(
  dir: string,
  seal: (bytes: Uint8Array) => Uint8Array,
  open: (bytes: Uint8Array) => Uint8Array,
): Promise<Ward> {
  const path = join(dir, 'ward.sealed');
  const known = await readFile(path).then(
    (bytes) => JSON.parse(new TextDecoder().decode(open(new Uint8Array(bytes)))) as WardEntry[],
    () => [] as WardEntry[],
  );
  const entries = new Map(known.map((entry) => [entry.patient, entry]));
  const save = async () => {
    await writeFile(`${path}.new`, seal(new TextEncoder().encode(JSON.stringify([...entries.values()]))), {
      mode: 0o600,
    });
    await rename(`${path}.new`, path);
  };
  return {
    get entries() {
      return [...entries.values()];
    },
    entry: (patient) => entries.get(patient),
    byRid(rid) {
      for (const entry of entries.values())
        if (entry.rid === rid && entry.owner !== null) return { patient: entry.patient, owner: fromHex(entry.owner) };
      return undefined;
    },
    async admit({ patient, name, bed, ageYears }, rid) {
      const entry: WardEntry = { patient, name, bed, ageYears, rid: toHex(rid), owner: null };
      entries.set(patient, entry);
      await save();
      return entry;
    },
    async pin({ patient, rid, owner }) {
      const entry = entries.get(patient);
      if (entry === undefined || entry.rid !== toHex(rid)) throw new Error(`no invitation was made for ${patient}`);
      // Pinned once: another owner for the same person needs a new invitation, never a silent change.
      if (entry.owner !== null && entry.owner !== toHex(owner))
        throw new Error(`the owner key of ${patient} is not the pinned one`);
      if (entry.owner !== null) return;
      entries.set(patient, { ...entry, owner: toHex(owner) });
      await save();
    },
  };
}

/** True once, when `pulseseal keys rotate` left its mark. */
export async function takeRotateMark(path: string): Promise<boolean> {
  try {
    await readFile(path);
    await rm(path);
    return true;
  } catch {
    return false;
  }
}

/** AES-256-GCM with a fresh nonce in front, for small files of this zone. */
export function atRest(base: Pick<ZoneBase, 'crypto' | 'random'>, key: Uint8Array) {
  const nothing = new Uint8Array(0);
  return {
    seal(bytes: Uint8Array): Uint8Array {
      const nonce = base.random.bytes(12);
      return concat(nonce, base.crypto.aes256GcmSeal(key, nonce, bytes, nothing));
    },
    open(bytes: Uint8Array): Uint8Array {
      const plain = base.crypto.aes256GcmOpen(key, bytes.slice(0, 12), bytes.slice(12), nothing);
      if (plain === undefined)
        throw new Error('a file of the care zone does not open with its key; restore it and the key file together');
      return plain;
    },
  };
}

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
  admit(people: readonly { readonly person: Person; readonly rid: Uint8Array }[]): Promise<void>;
  pin(acceptances: readonly Acceptance[]): Promise<void>;
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
  const entries = new Map<string, WardEntry>();
  const byRid = new Map<string, WardEntry>();
  const enter = (entry: WardEntry) => {
    entries.set(entry.patient, entry);
    byRid.set(entry.rid, entry);
  };
  for (const entry of known) enter(entry);
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
      const entry = byRid.get(rid);
      if (entry === undefined || entry.owner === null) return undefined;
      return { patient: entry.patient, owner: fromHex(entry.owner) };
    },
    async admit(people) {
      if (people.length === 0) return;
      for (const { person, rid } of people) {
        const { patient, name, bed, ageYears } = person;
        enter({ patient, name, bed, ageYears, rid: toHex(rid), owner: null });
      }
      await save();
    },
    async pin(acceptances) {
      const pinned: WardEntry[] = [];
      for (const { patient, rid, owner } of acceptances) {
        const entry = entries.get(patient);
        if (entry === undefined || entry.rid !== toHex(rid)) throw new Error(`no invitation was made for ${patient}`);
        // Pinned once: another owner for the same person needs a new invitation, never a silent change.
        if (entry.owner !== null && entry.owner !== toHex(owner))
          throw new Error(`the owner key of ${patient} is not the pinned one`);
        if (entry.owner === null) pinned.push({ ...entry, owner: toHex(owner) });
      }
      if (pinned.length === 0) return;
      for (const entry of pinned) enter(entry);
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
